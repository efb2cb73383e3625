/* The commands of an operator: operator_internal.h. */
#include <errno.h>
#include <string.h>

#include "chat/operator/operator_internal.h"
#include "chat/people/bans.h"
#include "chat/session/call.h"
#include "chat/text/units.h"

/* One command: `run` gets the words after its name. It returns why it was not carried out, or NULL.
 * It may set self->next for a long answer. */
struct command_row {
    const char *name;
    const char *arguments; /* as `help` shows them; [optional] ones last */
    const char *help;
    const char *(*run)(struct operator_session *self, const char *rest);
};

/* Takes the first word off `*rest`, which then begins with the next one. */
static struct word take_word(const char **rest)
{
    struct word word = {.text = *rest, .length = strcspn(*rest, " ")};
    *rest += word.length;
    *rest += strspn(*rest, " ");
    return word;
}

static const char *start_list(struct operator_session *self,
                              enum operator_step (*next)(struct operator_session *self))
{
    self->position = 0;
    self->next = next;
    return NULL;
}

/* --- looking ---------------------------------------------------------------------------------- */

static const char *run_stats(struct operator_session *self, const char *rest)
{
    (void)rest;
    operator_print_stats(self);
    return NULL;
}

static const char *run_top(struct operator_session *self, const char *rest)
{
    (void)rest;
    operator_print_rates(self);
    return NULL;
}

static const char *run_metrics(struct operator_session *self, const char *rest)
{
    (void)rest;
    operator_print_metrics(self);
    return NULL;
}

static const char *run_clients(struct operator_session *self, const char *rest)
{
    (void)rest;
    return start_list(self, operator_next_client);
}

static const char *run_rooms(struct operator_session *self, const char *rest)
{
    (void)rest;
    return start_list(self, operator_next_room);
}

static const char *run_tasks(struct operator_session *self, const char *rest)
{
    (void)rest;
    return start_list(self, operator_next_tasks);
}

static const char *run_timers(struct operator_session *self, const char *rest)
{
    (void)rest;
    return start_list(self, operator_next_timers);
}

/* --- people ----------------------------------------------------------------------------------- */

static const char *run_kick(struct operator_session *self, const char *rest)
{
    struct word name = take_word(&rest);
    struct client *client = client_find(self->operators->chat, name.text, name.length);
    if (!client)
        return "nobody is called that";
    session_kick(client, rest);
    return NULL;
}

static const char *run_say(struct operator_session *self, const char *rest)
{
    const struct chat *chat = self->operators->chat;
    if (!text_visible(rest, strlen(rest)))
        return "nothing of the text can be seen";
    if (strlen(rest) > chat->config->max_line_bytes)
        return "the text is longer than --max-line";
    self->text = rest;
    self->said_tag = 0;
    self->last_tag = chat->last_tag;
    self->told = 0;
    self->missed = 0;
    return start_list(self, operator_say_on);
}

static const char *run_ban(struct operator_session *self, const char *rest)
{
    struct chat *chat = self->operators->chat;
    struct sys *sys = chat->loop->sys;
    struct word address = take_word(&rest);
    int64_t until_ns = BAN_FOR_EVER;
    int64_t for_ns = 0;
    struct net net;
    if (net_parse(address.text, address.length, &net) < 0)
        return "an address is 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32";
    if (*rest && (units_parse_duration(rest, strlen(rest), &for_ns) < 0 || for_ns == 0))
        return "a duration is 250ms, 5s, 10m, 1h or a number of seconds";
    if (*rest)
        until_ns = time_after(sys->realtime_ns(sys), for_ns);
    return bans_add(chat, &net, until_ns) < 0 ? "there are too many bans" : NULL;
}

static const char *run_unban(struct operator_session *self, const char *rest)
{
    struct net net;
    if (net_parse(rest, strlen(rest), &net) < 0)
        return "an address is 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32";
    return bans_remove(self->operators->chat, &net) < 0 ? "there is no such ban" : NULL;
}

static const char *run_bans(struct operator_session *self, const char *rest)
{
    (void)rest;
    bans_expire(self->operators->chat);
    return start_list(self, operator_next_ban);
}

/* --- the server ------------------------------------------------------------------------------- */

static const char *run_shutdown(struct operator_session *self, const char *rest)
{
    int64_t grace_ns = -1;
    if (*rest && units_parse_duration(rest, strlen(rest), &grace_ns) < 0)
        return "a duration is 250ms, 5s, 10m, 1h or a number of seconds";
    self->operators->shut_down(self->operators, grace_ns);
    return NULL;
}

static const char *run_debug(struct operator_session *self, const char *rest)
{
    struct debug *debug = &self->operators->chat->loop->debug;
    if (strcmp(rest, "on") != 0 && strcmp(rest, "off") != 0)
        return "debug is on or off";
    debug->enabled = strcmp(rest, "on") == 0;
    return NULL;
}

static const char *run_slow_callback(struct operator_session *self, const char *rest)
{
    int64_t threshold_ns;
    if (units_parse_duration(rest, strlen(rest), &threshold_ns) < 0 || threshold_ns < NS_PER_MS)
        return "a slow callback takes 1ms or more: 250ms, 5s";
    self->operators->chat->loop->debug.threshold_ns = threshold_ns;
    return NULL;
}

static const char *run_quit(struct operator_session *self, const char *rest)
{
    (void)rest;
    self->ended = true;
    return NULL;
}

/* --- the table -------------------------------------------------------------------------------- */

static const char *run_help(struct operator_session *self, const char *rest);

static const struct command_row rows[] = {
    {"help", "", "this list", run_help},
    {"stats", "", "figures of the server, one per line", run_stats},
    {"clients", "", "who is here, from where, and what waits for them", run_clients},
    {"rooms", "", "which rooms there are", run_rooms},
    {"kick", "NICK [REASON]", "end somebody's connection", run_kick},
    {"say", "TEXT", "tell everybody", run_say},
    {"ban", "ADDR[/BITS] [DUR]", "let nobody new in from there", run_ban},
    {"unban", "ADDR[/BITS]", "end a ban", run_unban},
    {"bans", "", "which bans there are", run_bans},
    {"shutdown", "[DUR]", "end gracefully, within DUR or --grace", run_shutdown},
    {"tasks", "", "the tree of tasks, and what each waits for", run_tasks},
    {"timers", "", "which timers run", run_timers},
    {"debug", "on|off", "report slow callbacks in the log, or not", run_debug},
    {"slow-callback", "DUR", "what counts as slow", run_slow_callback},
    {"top", "", "rates per second since the last top", run_top},
    {"metrics", "", "the figures as Prometheus reads them", run_metrics},
    {"quit", "", "end this session", run_quit},
};

#define ROWS (sizeof(rows) / sizeof(*rows))

static const char *run_help(struct operator_session *self, const char *rest)
{
    (void)rest;
    for (size_t i = 0; i < ROWS; i++) {
        int width = 24 - (int)strlen(rows[i].name);
        operator_print(self, "%s %-*s %s", rows[i].name, width, rows[i].arguments, rows[i].help);
    }
    return NULL;
}

static const struct command_row *find_row(struct word name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == name.length &&
            memcmp(rows[i].name, name.text, name.length) == 0)
            return &rows[i];
    return NULL;
}

/* Whether there are words if some are needed, and none if none are. */
static bool takes(const struct command_row *row, const char *rest)
{
    if (row->arguments[0] == '[')
        return true;
    return (row->arguments[0] != '\0') == (*rest != '\0');
}

void operator_command(struct operator_session *self, size_t length)
{
    const char *trimmed = self->clean;
    length = text_trim(&trimmed, length);
    self->clean[trimmed - self->clean + (ptrdiff_t)length] = '\0';
    const char *rest = trimmed;
    const struct command_row *row = find_row(take_word(&rest));
    if (!row) {
        operator_print(self, "ERR no such command: help lists them");
    } else if (!takes(row, rest)) {
        operator_print(self, "ERR usage: %s%s%s", row->name, *row->arguments ? " " : "",
                       row->arguments);
    } else {
        const char *problem = row->run(self, rest);
        if (problem)
            operator_print(self, "ERR %s", problem);
        else if (!self->next)
            operator_print(self, "OK");
    }
}
