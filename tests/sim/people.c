#include "tests/sim/people.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- means --- */

static uint32_t draw(struct person *person, uint32_t bound)
{
    return (uint32_t)random_below(&person->random, bound);
}

/* Sends a text as it stands, and tells of it. */
static void send_text(struct person *person, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void send_text(struct person *person, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    sim_peer_send(person->connection->peer, text, (size_t)length);
    while (length > 0 && text[length - 1] < ' ' && text[length - 1] >= 0)
        text[--length] = '\0';
    run_tell(person->run, "%s %u as c%u (%s) sends: %s", "person", person->index,
             person->connection->number, person->connection->name, text);
}

static uint32_t count_speech(struct person *person, bool private)
{
    return model_speaks(person->run, person->connection, private);
}

static void say(struct person *person, const char *command, const char *text)
{
    uint32_t count = count_speech(person, false);
    send_text(person, "%sc%u.%u %s\n", command, person->connection->number, count, text);
}

static void ping(struct person *person)
{
    send_text(person, "/ping %u\n", model_pings(person->run, person->connection));
}

static void ask_to_enter(struct person *person, int room, const char *key)
{
    struct connection *connection = person->connection;
    if (room < RUN_WATCHED_ROOMS)
        connection->asked[room] = person->run->rooms[room].count;
    else
        connection->elsewhere = true;
    connection->has_key |= room == RUN_VAULT && strcmp(key, RUN_VAULT_KEY) == 0;
    send_text(person, "/join %s %s\n", run_room_names[room], key);
}

/* Somebody else who is there, or NULL. */
static const struct connection *somebody(struct person *person)
{
    struct run *run = person->run;
    const struct person *other = run->people[draw(person, (uint32_t)run->person_count)];
    if (other == person || !other->connection || !other->connection->name[0])
        return NULL;
    return other->connection;
}

static void whisper(struct person *person)
{
    const struct connection *to = somebody(person);
    if (!to)
        return;
    uint32_t count = count_speech(person, true);
    send_text(person, draw(person, 2) ? "/msg %s c%u.%u psst\n" : "@%s c%u.%u psst\n", to->name,
              person->connection->number, count);
}

static void take_own_name(struct person *person)
{
    send_text(person, "/nick c%u_%u\n", person->connection->number, draw(person, 3));
}

static void look_around(struct person *person)
{
    static const char *const looks[] = {
        "/who",     "/rooms",        "/history 30",  "/help",    "/whois", "/topic",
        "/nick",    "/ignore",       "/history 10s", "/rooms e", "/away",  "/away for a cup of tea",
        "/bell on", "/history hello"};
    const char *look = looks[draw(person, sizeof(looks) / sizeof(looks[0]))];
    person->connection->bell |= strcmp(look, "/bell on") == 0;
    send_text(person, "%s\n", look);
}

static void end_connection(struct person *person, bool vanished)
{
    person->connection->gone = true;
    person->connection->vanished |= vanished;
    person->connection = NULL;
    person->turns = 0;
}

static void quit(struct person *person)
{
    send_text(person, "/quit c%u had enough (really)\nnever read\n", person->connection->number);
    person->connection->mute = true;
}

/* --- habits --- */

static void chat_along(struct person *person)
{
    switch (draw(person, 16)) {
    case 0:
        say(person, "/me ", "waves");
        break;
    case 1:
        whisper(person);
        break;
    case 2:
        look_around(person);
        break;
    case 3:
        send_text(person, "/topic all about %u\n", draw(person, 100));
        break;
    case 4:
    case 5:
        ping(person);
        break;
    default:
        say(person, "", draw(person, 4) ? "hello" : "gr\xc3\xbc\xc3\x9f dich, \xe2\x82\xac 5");
    }
}

static void lurk(struct person *person)
{
    if (draw(person, 3) == 0)
        look_around(person);
    else if (draw(person, 4) == 0)
        ask_to_enter(person, (int)draw(person, RUN_VAULT), "");
    else
        ping(person);
}

static void flood(struct person *person)
{
    for (uint32_t n = 5 + draw(person, 40); n > 0; n--)
        say(person, "", "a flood of words that fills what there is of buffers, and then some more");
    ping(person);
}

static void stall(struct person *person)
{
    struct connection *connection = person->connection;
    if (person->turns % 2 == 0) {
        run_tell(person->run, "c%u stops reading", connection->number);
        sim_peer_stall(connection->peer);
    } else {
        run_tell(person->run, "c%u reads again", connection->number);
        sim_peer_resume(connection->peer);
        say(person, "", "back again");
        ping(person);
    }
}

/* Reads a little and stays behind; now and then it catches up. */
static void read_slowly(struct person *person)
{
    if (person->turns % 8 == 7)
        stall(person);
    else if (person->turns % 8 == 0)
        sim_peer_stall(person->connection->peer);
    else
        say(person, "", "slowly");
}

static void drip(struct person *person)
{
    if (!person->drip[0]) {
        uint32_t count = count_speech(person, false);
        (void)snprintf(person->drip, sizeof(person->drip), "c%u.%u dr\xc3\xb6p by dr\xc3\xb6p\r\n",
                       person->connection->number, count);
        run_tell(person->run, "c%u drips: %s", person->connection->number, person->drip);
    }
    size_t size = 1 + draw(person, 3);
    size_t length = strlen(person->drip);
    size = size < length ? size : length;
    sim_peer_send(person->connection->peer, person->drip, size);
    memmove(person->drip, person->drip + size, length - size + 1);
}

/* From a name that others use too only to an own one: so a rename is one person's alone. */
static void change_name(struct person *person)
{
    const char *name = person->connection->name;
    if (draw(person, 4) == 0)
        say(person, "", "who am I?");
    else if (name[0] == 'c' && draw(person, 2))
        send_text(person, "/nick same%u\n", draw(person, 3));
    else
        take_own_name(person);
    if (draw(person, 4) == 0)
        ping(person);
    /* What it is called must be known before it is chosen again. */
    person->connection->name[MODEL_NAME - 1] = '\0';
}

/* What a creator may do; rooms without a witness belong to whoever came first. */
static void rule(struct person *person)
{
    static const char *const rules[] = {"/kick %s out\n", "/give %s\n", "/invite %s\n", "/lock\n",
                                        "/unlock\n"};
    const struct connection *other = somebody(person);
    uint32_t which = draw(person, 5);
    if (which > 2)
        send_text(person, "%s", rules[which]);
    else if (other)
        send_text(person, rules[which], other->name);
}

/* Holds its name with a key; only that connection is ever called `c<number>_h`. */
static void hold_name(struct person *person)
{
    struct connection *connection = person->connection;
    if (!strstr(connection->name, "_h"))
        send_text(person, "/nick c%u_h k3y-%u\n", connection->number, connection->number);
    else if (person->turns > 8 && draw(person, 4) == 0)
        quit(person);
    else
        say(person, "", "by my name");
    if (draw(person, 3) == 0)
        ping(person);
}

/* Wants names that others hold, also of those who have left. */
static void steal_name(struct person *person)
{
    static const char *const keys[] = {"", "k3y", "k3y-"};
    struct run *run = person->run;
    uint32_t number = 1 + draw(person, run->connection_count);
    if (strstr(run->connections[number]->name, "_h"))
        send_text(person, "/nick %s %s\n", run->connections[number]->name, keys[draw(person, 3)]);
    else
        chat_along(person);
}

static void hop(struct person *person)
{
    static const char *const keys[] = {"", "wrong", "", RUN_VAULT_KEY "1", "op", "", RUN_VAULT_KEY};
    int room = (int)draw(person, RUN_ROOMS);
    switch (draw(person, 5)) {
    case 4:
        rule(person);
        break;
    case 0:
        send_text(person, "/leave %s\n", run_room_names[room]);
        break;
    case 1:
        say(person, "", "hop");
        break;
    default:
        ask_to_enter(person, room, room == RUN_VAULT ? keys[draw(person, 7)] : "");
    }
    if (draw(person, 3) == 0)
        ping(person);
}

static void write_privately(struct person *person)
{
    whisper(person);
    if (draw(person, 3) == 0)
        say(person, "", "aloud");
    if (draw(person, 3) == 0)
        ping(person);
}

static void negotiate(struct person *person)
{
    static const char *const parts[] = {
        "\xff\xfd\x06", "\xff\xfd\x01", "\xff\xfb\x1f", "\xff\xf1", "\xff\xfa\x1fxxxx\xff\xf0",
        "\xff\xf9"};
    uint32_t count = count_speech(person, false);
    send_text(person, "c%u.%u telnet%s here%s\r\n", person->connection->number, count,
              parts[draw(person, 6)], parts[draw(person, 6)]);
    if (draw(person, 3) == 0)
        ping(person);
}

/* Any bytes but those that end or edit a line. */
static void say_junk(struct person *person)
{
    char junk[24];
    size_t size = 1 + draw(person, 16);
    size_t kept = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)draw(person, 255);
        if (byte && !strchr("\n\r\b\x7f\x15\x17\x03\x04", byte))
            junk[kept++] = (char)byte;
    }
    junk[kept] = '\0';
    say(person, "", junk);
    if (draw(person, 3) == 0)
        ping(person);
}

/* Says whatever comes: nothing is expected of it but that nobody else is harmed. */
static void be_wild(struct person *person)
{
    static const char *const openings[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02",
                                           "\xef\xbb\xbf", "\xff\xff\xff\xff\xf0", "/help\r\r\r"};
    char junk[512];
    size_t size = draw(person, sizeof(junk));
    if (person->turns == 0)
        sim_peer_say(person->connection->peer, openings[draw(person, 5)]);
    for (size_t i = 0; i < size; i++)
        junk[i] = (char)random_next(&person->random);
    run_tell(person->run, "c%u sends %zu random bytes", person->connection->number, size);
    sim_peer_send(person->connection->peer, junk, size);
}

static void half_close(struct person *person)
{
    if (person->turns < 3) {
        say(person, "", "soon gone");
        return;
    }
    uint32_t count = count_speech(person, false);
    send_text(person, "c%u.%u last words without a newline", person->connection->number, count);
    sim_peer_shutdown(person->connection->peer);
    person->connection->mute = true;
}

static void break_off(struct person *person)
{
    if (draw(person, 4)) {
        chat_along(person);
        return;
    }
    say(person, "", "about to break");
    run_tell(person->run, "c%u breaks off", person->connection->number);
    if (draw(person, 2))
        sim_peer_reset(person->connection->peer);
    else
        sim_peer_close(person->connection->peer);
    end_connection(person, true);
}

static void ignore_some(struct person *person)
{
    const struct connection *other = somebody(person);
    if (other && other->name[0] == 'c' && draw(person, 2))
        send_text(person, "/%s %s\n", draw(person, 2) ? "ignore" : "unignore", other->name);
    else
        chat_along(person);
}

static void come_and_go(struct person *person)
{
    if (person->turns > 2 && draw(person, 4) == 0)
        quit(person);
    else
        chat_along(person);
}

struct habit {
    const char *name;
    void (*act)(struct person *person);
    uint32_t pause_ms; /* between acts, in the mean */
    bool slow;
    bool wild;
    bool telnet;
};

static const struct habit habits[] = {
    {.name = "chatter", .act = chat_along, .pause_ms = 700},
    {.name = "lurker", .act = lurk, .pause_ms = 4000},
    {.name = "flooder", .act = flood, .pause_ms = 4000},
    {.name = "stalled reader", .act = stall, .pause_ms = 9000, .slow = true},
    {.name = "slow reader", .act = read_slowly, .pause_ms = 3000, .slow = true},
    {.name = "drip sender", .act = drip, .pause_ms = 60},
    {.name = "nick-changer", .act = change_name, .pause_ms = 900},
    {.name = "room-hopper", .act = hop, .pause_ms = 800},
    {.name = "whisperer", .act = write_privately, .pause_ms = 900},
    {.name = "telnet negotiator", .act = negotiate, .pause_ms = 900, .telnet = true},
    {.name = "junk talker", .act = say_junk, .pause_ms = 900},
    {.name = "wild client", .act = be_wild, .pause_ms = 900, .wild = true},
    {.name = "half-closer", .act = half_close, .pause_ms = 1500},
    {.name = "resetter", .act = break_off, .pause_ms = 1200},
    {.name = "ignorer", .act = ignore_some, .pause_ms = 1200},
    {.name = "name-holder", .act = hold_name, .pause_ms = 1000},
    {.name = "name-thief", .act = steal_name, .pause_ms = 1000},
    {.name = "passer-by", .act = come_and_go, .pause_ms = 800},
};

#define HABITS (sizeof(habits) / sizeof(habits[0]))

/* --- life --- */

static void wait(struct person *person, uint32_t mean_ms)
{
    int64_t pause_ns = (int64_t)draw(person, 2 * mean_ms + 1) * NS_PER_MS;
    person->next_ns = sim_now_ns(person->run->sim) + pause_ns + 1;
}

static void come(struct person *person)
{
    struct run *run = person->run;
    if (run->connection_count == RUN_CONNECTIONS_MAX || run->ending)
        return;
    struct sim_peer *peer = sim_connect(run->sim, RUN_ADDRESS);
    if (!peer)
        return;
    person->connection = model_open(run, peer);
    person->connection->slow = person->habit->slow;
    person->connection->wild = person->habit->wild;
    person->connection->telnet = person->habit->telnet;
    person->drip[0] = '\0';
    run_tell(run, "person %u, a %s, connects as c%u", person->index, person->habit->name,
             person->connection->number);
    if (!person->habit->wild && person->habit->act != half_close)
        take_own_name(person);
}

static void act(struct person *person)
{
    struct connection *connection = person->connection;
    if (!connection) {
        come(person);
    } else if (!connection->mute && connection->name[0]) {
        person->habit->act(person);
        person->turns++;
        person->run->tally->acts++;
    }
    wait(person, person->habit->pause_ms);
}

void people_make(struct run *run)
{
    uint64_t random = run->plan->seed ^ UINT64_C(0x70656f706c65);
    uint32_t most = 3 + (uint32_t)random_below(&random, RUN_PEOPLE_MAX - 2);
    for (uint32_t i = 0; i < RUN_PEOPLE_MAX; i++) {
        uint64_t own = random_next(&random);
        if (i >= most || !(run->plan->people >> i & 1))
            continue;
        struct person *person = run_allocate(sizeof(*person));
        *person = (struct person){.run = run, .index = i, .random = own};
        person->habit = &habits[draw(person, HABITS)];
        wait(person, 1000);
        run->people[run->person_count++] = person;
    }
}

void people_release(struct run *run)
{
    for (size_t i = 0; i < run->person_count; i++)
        free(run->people[i]);
}

int64_t people_next_ns(const struct run *run)
{
    int64_t next_ns = TIME_NEVER;
    for (size_t i = 0; i < run->person_count; i++)
        if (run->people[i]->next_ns < next_ns)
            next_ns = run->people[i]->next_ns;
    return next_ns;
}

void people_act(struct run *run)
{
    for (size_t i = 0; i < run->person_count; i++)
        if (run->people[i]->next_ns <= sim_now_ns(run->sim))
            act(run->people[i]);
}

/* An orderly end is owed to whoever said goodbye and reads. */
static void note_end(struct run *run, struct connection *connection)
{
    bool reset = sim_peer_was_reset(connection->peer);
    bool forced =
        run->faults & (FAULT_RESET | FAULT_NO_BUFFER | FAULT_NO_MEMORY | FAULT_NO_DESCRIPTOR);
    if (!reset && !sim_peer_at_end(connection->peer))
        return;
    model_read(run, connection);
    connection->gone = true;
    connection->vanished |= reset;
    if (reset && !sim_peer_at_end(connection->peer) && !forced && !run->ending &&
        !connection->slow && !connection->wild)
        run_fail(run, "c%u (%s) was reset, and nobody asked for that", connection->number,
                 connection->name);
}

void people_read(struct run *run)
{
    if (!run->witness->gone) {
        model_read(run, run->witness);
        note_end(run, run->witness);
    }
    for (size_t i = 0; i < run->person_count; i++) {
        struct person *person = run->people[i];
        if (!person->connection)
            continue;
        model_read(run, person->connection);
        note_end(run, person->connection);
        if (person->connection->gone)
            end_connection(person, false);
    }
}

void people_settle(struct run *run)
{
    for (size_t i = 0; i < run->person_count; i++) {
        struct person *person = run->people[i];
        if (!person->connection)
            continue;
        if (person->connection->wild) {
            sim_peer_reset(person->connection->peer); /* or what it sent would go on */
            end_connection(person, true);
            continue;
        }
        sim_peer_resume(person->connection->peer);
        if (person->connection->slow)
            person->turns = 0;
        if (person->connection->mute)
            continue;
        sim_peer_say(person->connection->peer, person->drip);
        person->drip[0] = '\0';
        ping(person);
    }
}

const struct connection *people_unanswered(const struct run *run)
{
    for (size_t i = 0; i < run->person_count; i++) {
        const struct connection *connection = run->people[i]->connection;
        if (!connection)
            continue;
        if (connection->mute || connection->pongs < connection->pings)
            return connection;
    }
    return NULL;
}

void people_bring_witness(struct run *run)
{
    struct sim_peer *peer = sim_connect(run->sim, RUN_ADDRESS);
    if (!peer)
        run_fail(run, "nobody listens");
    run->witness = model_open(run, peer);
    run->witness->has_key = true;
    sim_peer_say(peer, "/nick witness\n");
    for (int room = 1; room < RUN_WATCHED_ROOMS; room++) {
        sim_peer_say(peer, "/join ");
        sim_peer_say(peer, run_room_names[room]);
        sim_peer_say(peer, "\n");
    }
    sim_peer_say(peer, "/lock " RUN_VAULT_KEY "\n"); /* the vault was joined last */
}
