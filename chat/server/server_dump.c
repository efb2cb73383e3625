/* The part of server.h that shows what a server is doing. */
#include <inttypes.h>

#include "chat/people/room.h"
#include "chat/server/server.h"
#include "chat/server/server_internal.h"
#include "chat/text/units.h"

/* Debug mode. */

static void report_slow(void *context, const struct debug_slow *slow)
{
    const struct site *where = slow->where;
    if (where)
        log_write(context, LOG_LEVEL_WARN, "slow callback: %s at %s:%d %s took %.3f ms", slow->name,
                  where->file, where->line, where->text, (double)slow->took_ns / NS_PER_MS);
    else
        log_write(context, LOG_LEVEL_WARN, "slow callback: %s took %.3f ms", slow->name,
                  (double)slow->took_ns / NS_PER_MS);
}

void server_set_debug(struct server *server)
{
    const struct config *config = server->chat.config;
    struct debug *debug = &server->chat.loop->debug;
    debug->enabled = debug->enabled || config->debug;
    debug->threshold_ns = config->slow_callback_ns;
    debug->report = report_slow;
    debug->context = server->chat.log;
}

/*
 * The dump, a slice per turn. A slice ends after so many lines, or so much time, or as soon as the
 * log would have to wait for its reader. What comes or goes between two slices may be missing or
 * come twice.
 */
#define SLICE_LINES 200
#define SLICE_NS (4 * NS_PER_MS)

/* A reader of the log that has made no room for this long ends the dump. */
#define DUMP_PATIENCE_NS (5 * NS_PER_SECOND)
#define DUMP_RETRY_NS (20 * NS_PER_MS)

/* Whether this slice has room for one more line; if so, it is counted. Once it has not, it stays
 * so: `position` then says where the next slice goes on. */
static bool takes_line(struct server *server)
{
    struct server_dump *dump = &server->dump;
    struct sys *sys = server->chat.loop->sys;
    if (!dump->slice_is_full)
        dump->slice_is_full = dump->slice_lines == SLICE_LINES ||
                              sys->monotonic_ns(sys) - dump->slice_begun_ns > SLICE_NS ||
                              !log_ready(server->chat.log);
    dump->slice_lines += !dump->slice_is_full;
    return !dump->slice_is_full;
}

static void dump_tree_line(void *context, const char *line)
{
    struct server *server = context;
    if (!takes_line(server))
        return;
    server->dump.position++;
    log_write(server->chat.log, LOG_LEVEL_INFO, "%s", line);
}

/* One line more than a slice takes: that line finds the slice full. */
static void dump_tree(struct server *server)
{
    const struct root_part part = {server->dump.position, SLICE_LINES + 1};
    root_print_part(&server->root, part, dump_tree_line, server);
}

static void dump_client(const struct client *client)
{
    const struct chat *chat = client_chat(client);
    const struct stream *stream = &client->stream;
    char idle[UNITS_DURATION_TEXT];
    units_format_duration(chat->loop->now_ns - client->heard_ns, idle);
    log_write(chat->log, LOG_LEVEL_INFO, "client %s: in %u rooms, idle %s, %u bytes unread%s",
              client->name, client->memberships, idle,
              stream_waiting_bytes(stream, OUTBOX_ANSWER) +
                  stream_waiting_bytes(stream, OUTBOX_MESSAGE),
              stream_is_blocked(stream) ? ", not reading" : "");
}

static void dump_clients(struct server *server)
{
    size_t position = server->dump.position;
    for (const char *name; (name = names_next(&server->chat.people, &position));) {
        if (!takes_line(server))
            return;
        server->dump.position = position;
        dump_client(client_of_name(name));
    }
}

static void dump_timer(void *context, const struct wheel_timer *wheel)
{
    struct server *server = context;
    const struct timer *timer = container_of(wheel, const struct timer, wheel);
    char left[UNITS_DURATION_TEXT];
    if (server->dump.passed++ < server->dump.position || !takes_line(server))
        return;
    server->dump.position++;
    units_format_duration(wheel->deadline_ns - server->chat.loop->now_ns, left);
    log_write(server->chat.log, LOG_LEVEL_INFO, "timer %s: in %s", timer->callback.name, left);
}

static void dump_timers(struct server *server)
{
    server->dump.passed = 0;
    wheel_each(&server->chat.loop->wheel, dump_timer, server);
}

static void dump_figures(struct server *server)
{
    const struct chat *chat = &server->chat;
    const struct loop *loop = chat->loop;
    if (!takes_line(server))
        return;
    log_write(chat->log, LOG_LEVEL_INFO,
              "loop: %" PRIu64 " turns, %zu descriptors, %zu timers, %" PRIu64
              " slow callbacks, debug mode %s",
              loop->turn, loop->descriptor_count, wheel_count(&loop->wheel), loop->debug.slow_count,
              loop->debug.enabled ? "on" : "off");
    log_write(chat->log, LOG_LEVEL_INFO,
              "chat: %zu clients, %zu rooms, %" PRIu64 " lines broadcast",
              names_count(&chat->people), names_count(&chat->rooms), chat->fanout.sequence);
}

static void (*const parts[])(struct server *server) = {dump_tree, dump_clients, dump_timers,
                                                       dump_figures};

#define PARTS (sizeof(parts) / sizeof(*parts))

/* When the next slice is due, or what becomes of a dump that nobody reads. */
static void plan_next_slice(struct server *server)
{
    struct server_dump *dump = &server->dump;
    struct loop *loop = server->chat.loop;
    if (dump->slice_lines > 0) {
        dump->moved_ns = loop->now_ns;
        loop_call_soon(loop, &dump->timer.callback);
    } else if (loop->now_ns - dump->moved_ns < DUMP_PATIENCE_NS) {
        loop_call_at(loop, &dump->timer, time_after(loop->now_ns, DUMP_RETRY_NS));
    } else {
        dump->under_way = false;
        log_write(server->chat.log, LOG_LEVEL_WARN, "USR1: the dump ends here, nobody reads it");
    }
}

static void dump_slice(struct callback *callback)
{
    struct server *server = container_of(callback, struct server, dump.timer.callback);
    struct server_dump *dump = &server->dump;
    struct sys *sys = server->chat.loop->sys;
    dump->slice_begun_ns = sys->monotonic_ns(sys);
    dump->slice_lines = 0;
    dump->slice_is_full = false;
    while (dump->part < PARTS) {
        parts[dump->part](server);
        if (dump->slice_is_full) {
            plan_next_slice(server);
            return;
        }
        dump->part++;
        dump->position = 0;
    }
    dump->under_way = false;
}

void server_dump(struct server *server)
{
    struct loop *loop = server->chat.loop;
    if (server->dump.under_way)
        return; /* one at a time: it shows what is true as it goes */
    server->dump = (struct server_dump){.under_way = true, .moved_ns = loop->now_ns};
    server->dump.timer.callback = (struct callback){.run = dump_slice, .name = "dump"};
    loop_call_soon(loop, &server->dump.timer.callback);
}

void server_end_dump(struct server *server)
{
    if (server->dump.under_way)
        loop_stop(server->chat.loop, &server->dump.timer);
    server->dump.under_way = false;
}
