#include "tests/sim/model.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/presence.h"

uint64_t model_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

int model_room_of(const char *text)
{
    for (int room = 0; room < RUN_ROOMS; room++) {
        size_t length = strlen(run_room_names[room]);
        if (strncmp(text, run_room_names[room], length) == 0 &&
            (!text[length] || strchr(" .,", text[length])))
            return room;
    }
    return -1;
}

/* --- connections --- */

static void note_marks(struct run *run, size_t *marks)
{
    for (int room = 0; room < RUN_WATCHED_ROOMS; room++)
        marks[room] = run->rooms[room].count;
}

struct connection *model_open(struct run *run, struct sim_peer *peer)
{
    struct connection *connection = run_allocate(sizeof(*connection));
    connection->number = ++run->connection_count;
    connection->peer = peer;
    connection->heard = run_allocate((RUN_CONNECTIONS_MAX + 1) * sizeof(uint32_t));
    note_marks(run, connection->asked);
    run->connections[connection->number] = connection;
    return connection;
}

uint32_t model_speaks(struct run *run, struct connection *connection, bool private)
{
    (void)run;
    uint32_t count = ++connection->said;
    size_t needed = (size_t)count + 1;
    connection->fates = run_grow(connection->fates, &connection->fates_capacity, needed, 1);
    connection->fates[count] = private ? FATE_PRIVATE : FATE_OWED;
    return count;
}

uint32_t model_pings(struct run *run, struct connection *connection)
{
    size_t needed = ((size_t)connection->pings + 1) * RUN_WATCHED_ROOMS;
    connection->marks =
        run_grow(connection->marks, &connection->marks_capacity, needed, sizeof(size_t));
    note_marks(run, connection->marks + (size_t)connection->pings * RUN_WATCHED_ROOMS);
    return ++connection->pings;
}

/* --- every byte --- */

/* The length of the character at `text`, 0 where it may not be sent to a terminal. */
static size_t clean_character(const unsigned char *text)
{
    if (text[0] < 0x80)
        return text[0] >= ' ' && text[0] != 0x7f;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    uint32_t code = text[0] & (0xffu >> (length + 1));
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        return 0;
    bool hides = (code >= 0x80 && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
                 (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
    return hides ? 0 : length;
}

static void check_clean(struct run *run, const struct connection *connection, const char *line)
{
    const unsigned char *at = (const unsigned char *)line;
    for (size_t length; *at; at += length) {
        length = clean_character(at);
        if (length == 0)
            run_fail(run, "c%u was sent the byte %02x, which may not leave, in: %s",
                     connection->number, *at, line);
    }
}

/* --- lines of a room, and private ones --- */

/* Reads `c<number>.<count>` at `text`. */
static bool read_token(const struct run *run, const char *text, uint32_t *author, uint32_t *count)
{
    char *end;
    if (text[0] != 'c' || !isdigit((unsigned char)text[1]))
        return false;
    *author = (uint32_t)strtoul(text + 1, &end, 10);
    if (*end != '.' || *author == 0 || *author > run->connection_count)
        return false;
    *count = (uint32_t)strtoul(end + 1, NULL, 10);
    return *count > 0 && *count <= run->connections[*author]->said;
}

/* What was said in a line, behind its author's name; NULL where nobody says anything. */
static const char *speech_in(const char *line)
{
    const char *after = strchr(line, ' ');
    if (line[0] == '@')
        return after ? after + 1 : NULL;
    if (!after || strncmp(after, " -- ", 4) == 0)
        return NULL;
    if (after[1] == '<')
        return strstr(after, "> ") ? strstr(after, "> ") + 2 : NULL;
    const char *text = strncmp(after, " * ", 3) == 0 ? strchr(after + 3, ' ') : NULL;
    return text ? text + 1 : NULL;
}

/* What holds for every line that says who wrote it. */
static void hear(struct run *run, struct connection *connection, const char *line, uint32_t author,
                 uint32_t count)
{
    bool private = line[0] == '@';
    if (author == connection->number)
        run_fail(run, "c%u was sent its own line: %s", author, line);
    if (connection->heard[author] >= count)
        run_fail(run, "c%u was sent c%u.%u after c%u.%u: %s", connection->number, author, count,
                 author, connection->heard[author], line);
    connection->heard[author] = count;
    uint8_t *fate = &run->connections[author]->fates[count];
    if (private != ((*fate & FATE_PRIVATE) != 0))
        run_fail(run, "c%u was sent %s: %s", connection->number,
                 private ? "speech as a message" : "a private message in a room", line);
    *fate |= FATE_SEEN;
}

static void read_room_line(struct run *run, struct connection *connection, const char *line)
{
    uint32_t author = 0;
    uint32_t count = 0;
    const char *said = speech_in(line);
    int room = model_room_of(line);
    if (room < 0)
        return;
    if (!connection->views[room].in && !connection->wild && !run->lenient)
        run_fail(run, "c%u (%s) is not in the room and hears: %s", connection->number,
                 connection->name, line);
    if (said && read_token(run, said, &author, &count))
        hear(run, connection, line, author, count);
    if (room >= RUN_WATCHED_ROOMS)
        return;
    if (connection == run->witness) {
        if (!run->lenient)
            presence_note(run, room, line);
        views_log(run, room, line, author);
    } else if (!connection->wild) {
        views_note(connection, room, ITEM_LINE, model_hash(line), line);
    }
}

/* --- answers --- */

static void note_everywhere(struct connection *connection, enum item_kind kind, uint64_t value)
{
    for (int room = 0; room < RUN_WATCHED_ROOMS; room++)
        views_note(connection, room, kind, value, NULL);
}

static void enter(struct run *run, struct connection *connection, int room)
{
    if (room < 0)
        return;
    if (room == RUN_VAULT && !connection->has_key && !run->witness->gone)
        run_fail(run, "c%u (%s) entered %s without its key", connection->number, connection->name,
                 run_room_names[room]);
    connection->views[room].in = true;
    if (room < RUN_WATCHED_ROOMS)
        views_note(connection, room, ITEM_ENTERED, connection->asked[room], NULL);
}

static void leave(struct connection *connection, int room)
{
    if (room < 0)
        return;
    connection->views[room].in = false;
    if (room < RUN_WATCHED_ROOMS)
        views_note(connection, room, ITEM_LEFT, 0, NULL);
}

/* A name at `text`, up to what can be no part of one. */
static void read_name(const char *text, char name[static MODEL_NAME])
{
    size_t length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    (void)snprintf(name, MODEL_NAME, "%.*s", (int)length, text);
}

/* Whoever is called `c<number>_...` is that connection; 0: it can't be told. */
static uint32_t number_in_name(const char *text)
{
    char *end;
    if (text[0] != 'c' || !isdigit((unsigned char)text[1]))
        return 0;
    uint32_t number = (uint32_t)strtoul(text + 1, &end, 10);
    return *end == '_' ? number : 0;
}

static void rename_to(struct run *run, struct connection *connection, const char *text)
{
    char name[MODEL_NAME];
    char event[3 * MODEL_NAME];
    read_name(text, name);
    if (strstr(name, "_h") && number_in_name(name) != connection->number)
        run_fail(run, "c%u (%s) took a held name without its key: %s", connection->number,
                 connection->name, name);
    (void)snprintf(event, sizeof(event), "%s is now %s", connection->name, name);
    connection->renames = run_grow(connection->renames, &connection->rename_capacity,
                                   connection->rename_count, sizeof(uint64_t));
    connection->renames[connection->rename_count++] = model_hash(event);
    memcpy(connection->name, name, sizeof(name));
}

static void read_pong(struct run *run, struct connection *connection, const char *token)
{
    uint32_t number = (uint32_t)strtoul(token, NULL, 10);
    if (number != connection->pongs + 1 || number > connection->pings)
        run_fail(run, "c%u got pong %s after pong %u", connection->number, token,
                 connection->pongs);
    const size_t *marks = connection->marks + (size_t)connection->pongs * RUN_WATCHED_ROOMS;
    connection->pongs++;
    for (int room = 0; room < RUN_WATCHED_ROOMS; room++)
        if (connection->views[room].in)
            views_note(connection, room, ITEM_PONG, marks[room], NULL);
}

static void read_gap(struct run *run, struct connection *connection, const char *text)
{
    const char *name = strchr(text, '#');
    uint64_t lines = strtoull(text, NULL, 10);
    int room = name ? model_room_of(name) : -1;
    if (lines == 0)
        run_fail(run, "c%u was told of a gap of no lines: %s", connection->number, text);
    if (!connection->slow && !connection->wild && !connection->vanished &&
        !(run->faults & FAULT_SMALL_BUFFERS))
        run_fail(run, "c%u reads all it is sent and was skipped: %s", connection->number, text);
    if (room >= 0 && room < RUN_WATCHED_ROOMS)
        views_note(connection, room, ITEM_GAP, lines, NULL);
}

static bool begins(const char **text, const char *with)
{
    size_t length = strlen(with);
    if (strncmp(*text, with, length) != 0)
        return false;
    *text += length;
    return true;
}

static void read_answer(struct run *run, struct connection *connection, const char *text)
{
    if (begins(&text, "Welcome to ")) {
        const char *name = strstr(text, "You are ");
        if (!name || connection->name[0])
            run_fail(run, "c%u was greeted with: %s", connection->number, text);
        read_name(name + strlen("You are "), connection->name);
        enter(run, connection, 0);
    } else if (begins(&text, "You are in ")) {
        enter(run, connection, model_room_of(text));
    } else if (begins(&text, "You left ")) {
        leave(connection, model_room_of(text));
    } else if (begins(&text, "You are now ")) {
        rename_to(run, connection, text);
    } else if (begins(&text, "You no longer see what ")) {
        note_everywhere(connection, ITEM_IGNORES, number_in_name(text));
    } else if (begins(&text, "You see again what ")) {
        note_everywhere(connection, ITEM_HEARS, number_in_name(text));
    } else if (begins(&text, "pong ")) {
        read_pong(run, connection, text);
    } else if (isdigit((unsigned char)text[0]) && strstr(text, " skipped: your connection")) {
        read_gap(run, connection, text);
    } else if (begins(&text, "server is shutting down")) {
        connection->goodbye = true;
        if (!run->ending)
            run_fail(run, "c%u is told of an end that nobody asked for", connection->number);
    }
}

/* A remembered line: speech of a room. */
static void read_memory(struct run *run, const struct connection *connection, const char *line)
{
    int at = 0;
    if (sscanf(line, "~ %*4d-%*2d-%*2d %*2d:%*2d:%*2d %n", &at) < 0 || at != 22 ||
        line[at] != '#' || !speech_in(line + at))
        run_fail(run, "c%u was shown as remembered: %s", connection->number, line);
}

static void read_line(struct run *run, struct connection *connection, const char *line)
{
    uint32_t author;
    uint32_t count;
    const char *said;
    run->tally->lines++;
    if (run->plan->story > 1)
        run_tell(run, "    c%u is sent: %s", connection->number, line);
    check_clean(run, connection, line);
    switch (line[0]) {
    case '#':
        read_room_line(run, connection, line);
        break;
    case '@':
        said = speech_in(line);
        if (said && read_token(run, said, &author, &count))
            hear(run, connection, line, author, count);
        break;
    case '*':
        if (!connection->wild || !connection->name[0])
            read_answer(run, connection, line + 2);
        break;
    case '!':
        connection->refused |=
            strstr(line, "That line is over") || strstr(line, "emory") || strstr(line, "not in");
        break;
    case '~':
        read_memory(run, connection, line);
        break;
    default:
        run_fail(run, "c%u was sent a line of no known form: %s", connection->number, line);
    }
}

/* --- bytes --- */

static size_t without_bell(char *text, size_t size)
{
    size_t kept = 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] != '\a')
            text[kept++] = text[i];
    return kept;
}

/* Takes out what answers a negotiation: IAC, a verb and an option. */
static size_t without_telnet(char *text, size_t size)
{
    size_t kept = 0;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] == 255 && i + 2 < size)
            i += 2;
        else
            text[kept++] = text[i];
    }
    return kept;
}

static void read_lines(struct run *run, struct connection *connection)
{
    char *text = connection->partial;
    char *end = text + connection->partial_size;
    for (char *newline; (newline = memchr(text, '\n', (size_t)(end - text))); text = newline + 1) {
        if (newline == text || newline[-1] != '\r' || memchr(text, '\0', (size_t)(newline - text)))
            run_fail(run, "c%u was sent a line with a wrong end", connection->number);
        newline[-1] = '\0';
        read_line(run, connection, text);
    }
    connection->partial_size = (size_t)(end - text);
    memmove(connection->partial, text, connection->partial_size);
}

void model_read(struct run *run, struct connection *connection)
{
    size_t size = sim_peer_text_bytes(connection->peer);
    if (size == 0)
        return;
    char *partial = realloc(connection->partial, connection->partial_size + size + 1);
    if (!partial)
        abort();
    memcpy(partial + connection->partial_size, sim_peer_text(connection->peer), size);
    sim_peer_forget(connection->peer);
    connection->partial = partial;
    connection->partial_size += size;
    if (connection->telnet || connection->wild)
        connection->partial_size = without_telnet(partial, connection->partial_size);
    if (connection->bell)
        connection->partial_size = without_bell(partial, connection->partial_size);
    read_lines(run, connection);
}
