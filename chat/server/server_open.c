/* The part of server.h that takes what a start can fail for, and gives it back. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/ignore.h"
#include "chat/people/memory.h"
#include "chat/people/motd.h"
#include "chat/people/room.h"
#include "chat/people/room_journal.h"
#include "chat/server/server.h"
#include "chat/server/server_internal.h"
#include "chat/text/text.h"

static void name_problem(struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds a cause to those that stand there: however many they are, they are one line. */
static void name_problem(struct problem *problem, const char *format, ...)
{
    const size_t size = sizeof(problem->text);
    size_t length = strlen(problem->text);
    va_list arguments;
    if (length > 0)
        (void)snprintf(problem->text + length, size - length, "; "); /* cut if it is long */
    length = strlen(problem->text);
    va_start(arguments, format);
    (void)vsnprintf(problem->text + length, size - length, format, arguments);
    va_end(arguments);
}

/* Memory. */

static int open_scratch(struct chat *chat)
{
    struct sys *sys = chat->loop->sys;
    size_t line = chat->config->max_line_bytes;
    chat->output_size = TEXT_CLEAN_GROWTH * line + CHAT_LINE_EXTRA;
    chat->line = sys->allocate(sys, line);
    chat->clean = sys->allocate(sys, TEXT_CLEAN_GROWTH * line + 1);
    chat->output = sys->allocate(sys, chat->output_size);
    chat->event = sys->allocate(sys, chat->output_size);
    return chat->line && chat->clean && chat->output && chat->event ? 0 : -ENOMEM;
}

static void close_scratch(struct chat *chat)
{
    struct sys *sys = chat->loop->sys;
    sys->release(sys, chat->line);
    sys->release(sys, chat->clean);
    sys->release(sys, chat->output);
    sys->release(sys, chat->event);
}

static int open_tables(struct server *server)
{
    struct chat *chat = &server->chat;
    struct sys *sys = chat->loop->sys;
    guests_init(&chat->guests, sys);
    tags_init(&chat->tags, sys);
    list_init(&chat->all_rooms);
    int rc = names_init(&chat->people, sys);
    if (rc < 0)
        return rc;
    rc = held_init(&chat->held, sys);
    if (rc < 0)
        return rc;
    rc = names_init(&chat->rooms, sys);
    if (rc < 0)
        return rc;
    return hosts_init(&server->sessions.hosts, sys, &chat->config->hosts);
}

static void close_tables(struct server *server)
{
    struct chat *chat = &server->chat;
    hosts_release(&server->sessions.hosts);
    names_release(&chat->rooms);
    held_release(&chat->held);
    names_release(&chat->people);
    tags_release(&chat->tags);
    guests_release(&chat->guests);
}

static int open_chat(struct server *server)
{
    static const struct fanout_rules skipping = {
        .skips = ignore_skips, .gap = room_gap, .ended = room_subscription_ended};
    static const struct fanout_rules disconnecting = {.skips = ignore_skips,
                                                      .gap = room_gap,
                                                      .fell_behind = session_fell_behind,
                                                      .ended = room_subscription_ended};
    struct chat *chat = &server->chat;
    bool skip = chat->config->slow_policy == CONFIG_SLOW_SKIP;
    /* Its hook stands in front of the fanout's: what is sent is written. */
    journal_init(&chat->journal, chat->loop, chat->log);
    room_journal_init(chat);
    fanout_init(&chat->fanout, chat->loop, skip ? &skipping : &disconnecting);
    int rc = open_tables(server);
    if (rc < 0)
        goto close_fanout;
    rc = open_scratch(chat);
    if (rc < 0)
        goto close_scratch;
    chat->lobby = room_open(chat, 0, ROOM_LOBBY, strlen(ROOM_LOBBY));
    memory_begin(chat);
    if (chat->lobby)
        return 0;
    rc = -ENOMEM;

close_scratch:
    close_scratch(chat);
    close_tables(server);
close_fanout:
    fanout_release(&chat->fanout);
    journal_close(&chat->journal);
    return rc;
}

static void close_chat(struct server *server)
{
    struct chat *chat = &server->chat;
    while (!list_empty(&chat->listed_rooms))
        room_release(container_of(chat->listed_rooms.next, struct room, listed));
    close_scratch(chat);
    close_tables(server);
    fanout_release(&chat->fanout);
    journal_close(&chat->journal);
    motd_drop(chat->motd, chat->loop->sys);
}

/* The whole. */

static int count_descriptors(struct server *server, struct problem *problem)
{
    struct sys *sys = server->chat.loop->sys;
    server->descriptor_limit = sys->descriptor_limit(sys);
    if (server->descriptor_limit < 0) {
        name_problem(problem, "the descriptor limit: %s", strerror(-server->descriptor_limit));
        return server->descriptor_limit;
    }
    server->client_fd_limit = server->descriptor_limit - SERVER_RESERVED_DESCRIPTORS;
    return 0;
}

/* Counts what is left for clients when the server has opened all it needs. The signals' descriptor
 * came last, so none below it is free. */
static int count_places(struct server *server, struct problem *problem)
{
    int taken = server->signals.descriptor.fd + 1;
    server->places = server->client_fd_limit - taken;
    if (server->places > 0)
        return 0;
    name_problem(problem,
                 "the descriptor limit of %d leaves none for clients: raise it to %d at least",
                 server->descriptor_limit, taken + SERVER_RESERVED_DESCRIPTORS + 1);
    return -EMFILE;
}

/*
 * What the command line names, each a part of the start with a task of its own: whoever mends it
 * wants to know of all that is wrong with it, and not of one thing a try. So the parts fail one by
 * one, the group keeps their failures in the order of the options, and each is named. The first
 * cancels the others in vain: none of them awaits anything that a cancel could cut short.
 */

struct part {
    struct task task; /* named by the option's value */
    struct server *server;
    const char *option;
    const struct endpoint *endpoint; /* of a listener */
    const char *(*cause)(int error);
    char text[ENDPOINT_TEXT]; /* the endpoint, for the name */
};

struct start {
    struct task task;
    struct frame frame;
    int rc;
    struct server *server;
    struct problem *problem;
    struct task_group group;
    struct part listeners[CONFIG_LISTENERS_MAX];
    struct part admin;
    struct part motd;
    struct part journal;
};

static int motd_step(struct task *task)
{
    struct part *const self = container_of(task, struct part, task);
    return motd_load(&self->server->chat, self->server->chat.config->motd);
}

static int journal_step(struct task *task)
{
    struct part *const self = container_of(task, struct part, task);
    struct chat *chat = &self->server->chat;
    int rc = journal_open(&chat->journal, chat->config->journal, chat->config->journal_sync,
                          room_journal_restore, chat, self->server->journal_notes);
    if (rc == 0)
        room_journal_restored(chat);
    return rc;
}

static int admin_step(struct task *task)
{
    struct part *const self = container_of(task, struct part, task);
    struct server *server = self->server;
    return operators_listen(&server->operators, &server->chat, server->chat.config->admin);
}

static const char *journal_cause(int error)
{
    switch (-error) {
    case EBADMSG:
        return "not a journal; give the name of one, or of a file that does not exist";
    case EWOULDBLOCK:
        return "another server holds it";
    case EISDIR:
        return "not a regular file";
    case EOPNOTSUPP:
        return "this file system has no sync that does not block; --journal-sync second or off "
               "would do";
    default:
        return strerror(-error);
    }
}

static int listener_step(struct task *task)
{
    struct part *const self = container_of(task, struct part, task);
    return server_listen(self->server, self->endpoint);
}

static void spawn_parts(struct start *start)
{
    const struct config *config = start->server->chat.config;
    for (size_t i = 0; i < config->listener_count; i++) {
        struct part *part = &start->listeners[i];
        part->server = start->server;
        part->option = "--listen";
        part->cause = server_listen_cause;
        part->endpoint = &config->listeners[i];
        endpoint_format(part->endpoint, part->text);
        (void)task_group_spawn(&start->group, &part->task, part->text, listener_step);
    }
    if (config->motd) {
        start->motd.server = start->server;
        start->motd.option = "--motd";
        start->motd.cause = motd_cause;
        (void)task_group_spawn(&start->group, &start->motd.task, config->motd, motd_step);
    }
    if (config->journal) {
        start->journal.server = start->server;
        start->journal.option = "--journal";
        start->journal.cause = journal_cause;
        (void)task_group_spawn(&start->group, &start->journal.task, config->journal, journal_step);
    }
    if (config->admin) {
        start->admin.server = start->server;
        start->admin.option = "--admin";
        start->admin.cause = server_listen_cause;
        (void)task_group_spawn(&start->group, &start->admin.task, config->admin, admin_step);
    }
}

static void name_failures(struct start *start)
{
    list_for_each(node, &start->group.failures) {
        const struct task *task = task_of_sibling(node);
        const struct part *part = container_of(task, const struct part, task);
        name_problem(start->problem, "%s %s: %s", part->option, task->wake.callback.name,
                     part->cause(task->result));
    }
}

static int start_step(struct task *task)
{
    struct start *const self = container_of(task, struct start, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "start", GROUP_FAIL_FAST);
    spawn_parts(self);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    name_failures(self);
    TASK_RETURN(self->rc);
    TASK_END();
}

static int open_parts(struct server *server, struct problem *problem)
{
    struct start start = {.server = server, .problem = problem};
    int rc = loop_run(server->chat.loop, &start.task, "start", start_step);
    if (rc < 0 && !*problem->text)
        name_problem(problem, "can't start: %s", strerror(-rc)); /* the loop itself failed */
    return rc;
}

int server_open(struct server *server, struct loop *loop, const struct config *config,
                struct log *log, struct problem *problem)
{
    *server = (struct server){.chat = {.loop = loop, .config = config, .log = log}};
    server->grace_ns = config->grace_ns;
    event_init(&server->ending);
    problem->text[0] = '\0';
    int rc = count_descriptors(server, problem);
    if (rc < 0)
        return rc;
    rc = open_chat(server);
    if (rc < 0) {
        name_problem(problem, "can't start: %s", strerror(-rc));
        return rc;
    }
    rc = open_parts(server, problem);
    if (rc < 0)
        goto close_all;
    rc = server_open_signals(server);
    if (rc < 0) {
        name_problem(problem, "signals: %s", strerror(-rc));
        goto close_all;
    }
    rc = count_places(server, problem);
    if (rc == 0) {
        server_set_debug(server); /* only now: nothing is logged before a start has succeeded */
        return 0;
    }
    signals_close(&server->signals);

close_all:
    journal_discard(&server->chat.journal);
    operators_close(&server->operators);
    server_close_listeners(server, 0);
    close_chat(server);
    return rc;
}

void server_close(struct server *server)
{
    signals_close(&server->signals);
    operators_close(&server->operators);
    server_close_listeners(server, 0);
    close_chat(server);
}
