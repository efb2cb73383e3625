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

/* The dump. */

static void log_line(void *context, const char *line)
{
    log_write(context, LOG_LEVEL_INFO, "%s", line);
}

static void dump_client(const struct client *client)
{
    const struct chat *chat = client_chat(client);
    const struct outbox *outbox = &client->stream.outbox;
    char idle[UNITS_DURATION_TEXT];
    units_format_duration(chat->loop->now_ns - client->heard_ns, idle);
    log_write(chat->log, LOG_LEVEL_INFO, "client %s: in %u rooms, idle %s, %u bytes unread%s",
              client->name, client->memberships, idle,
              outbox->waiting_bytes[OUTBOX_ANSWER] + outbox->waiting_bytes[OUTBOX_MESSAGE],
              outbox->blocked ? ", not reading" : "");
}

static void dump_clients(const struct chat *chat)
{
    size_t position = 0;
    for (const char *name; (name = names_next(&chat->people, &position));)
        dump_client(client_of_name(name));
}

static void dump_timer(void *context, const struct wheel_timer *wheel)
{
    const struct chat *chat = context;
    const struct timer *timer = container_of(wheel, const struct timer, wheel);
    char left[UNITS_DURATION_TEXT];
    units_format_duration(wheel->deadline_ns - chat->loop->now_ns, left);
    log_write(chat->log, LOG_LEVEL_INFO, "timer %s: in %s", timer->callback.name, left);
}

static void dump_loop(const struct chat *chat)
{
    const struct loop *loop = chat->loop;
    log_write(chat->log, LOG_LEVEL_INFO,
              "loop: %" PRIu64 " turns, %zu descriptors, %zu timers, %" PRIu64
              " slow callbacks, debug mode %s",
              loop->turn, loop->descriptor_count, wheel_count(&loop->wheel), loop->debug.slow_count,
              loop->debug.enabled ? "on" : "off");
    log_write(chat->log, LOG_LEVEL_INFO,
              "chat: %zu clients, %zu rooms, %" PRIu64 " lines broadcast",
              names_count(&chat->people), names_count(&chat->rooms), chat->fanout.sequence);
}

void server_dump(struct server *server)
{
    root_print(&server->root, log_line, server->chat.log);
    dump_clients(&server->chat);
    wheel_each(&server->chat.loop->wheel, dump_timer, &server->chat);
    dump_loop(&server->chat);
}
