#include "chat/server/server.h"

#include <errno.h>
#include <string.h>

#include "chat/people/bans.h"
#include "chat/people/motd.h"
#include "chat/people/room.h"
#include "chat/server/server_internal.h"

/* Of those who are cut off at the end, so many are named in the log. */
#define CUT_NAMED_MAX 10

/* What telling everybody takes: no grace is shorter, or those who read would be cut off untold. */
#define GRACE_LEAST_NS (100 * NS_PER_MS)

/* Newcomers. */

#define FULL "server full"

void server_tell_full(struct listener *listener, int fd)
{
    struct chat_listener *door = container_of(listener, struct chat_listener, listener);
    door->server->chat.counts.refused++;
    farewell_brief(listener->loop->sys, fd, FULL);
}

/* `what` became of the newcomer at hand. */
static void log_newcomer(const struct chat_listener *door, const char *what, const char *why)
{
    struct log *log = door->server->chat.log;
    char from[SYS_ADDRESS_TEXT];
    if (!log_enabled(log, LOG_LEVEL_DEBUG))
        return;
    sys_address_format(&door->peer, from);
    log_write(log, LOG_LEVEL_DEBUG, "%s: a newcomer from %s %s%s", door->name, from, what, why);
}

/* The places that --max-clients allows are taken: also by those whose connections are still being
 * ended, or a server that is full would hold any number of them. */
static bool is_full(const struct server *server)
{
    uint32_t most = server->chat.config->max_clients;
    return most > 0 && server->sessions.open >= most;
}

/* Why the newcomer at hand can't come in; NULL if it can, and then it is counted at its host. */
static const char *refusal(struct chat_listener *door)
{
    struct server *server = door->server;
    if (bans_hold(&server->chat, &door->peer))
        return "you are banned";
    if (is_full(server))
        return FULL;
    switch (
        hosts_enter(&server->sessions.hosts, &door->peer, server->chat.loop->now_ns, &door->host)) {
    case 0:
        return NULL;
    case -EUSERS:
        return "too many connections from your address";
    case -EBUSY:
        return "you connect too often: try again in a minute";
    default:
        return "server out of memory: try again later";
    }
}

/* A newcomer whose descriptor is one of those in reserve: the server is full, and not even a
 * farewell may hold it. */
static void refuse_briefly(const struct chat_listener *door)
{
    struct sys *sys = door->server->chat.loop->sys;
    log_newcomer(door, "was turned away: ", FULL);
    farewell_brief(sys, door->fd, FULL);
    (void)sys->close(sys, door->fd); /* all was said that could be */
}

/* If memory runs out, the newcomer is let go and the server lives. */
static void let_in(struct chat_listener *door)
{
    struct server *server = door->server;
    int rc = session_start(&server->sessions, door->fd, door->host, &door->peer);
    if (rc == 0)
        log_newcomer(door, "came in", "");
    else
        log_write(server->chat.log, LOG_LEVEL_WARN, "a newcomer was let go: %s", strerror(-rc));
}

/* Lets the newcomer at hand in, or tells it why not. Never waits: the next one may be innocent. */
static void admit(struct chat_listener *door)
{
    struct server *server = door->server;
    if (door->fd >= server->client_fd_limit) {
        server->chat.counts.refused++;
        refuse_briefly(door);
        return;
    }
    const char *reason = refusal(door);
    if (!reason) {
        let_in(door);
        return;
    }
    server->chat.counts.refused++;
    log_newcomer(door, "was turned away: ", reason);
    farewell_start(&server->farewells, door->fd, &door->peer, reason);
}

static int chat_listener_step(struct task *task)
{
    struct chat_listener *const self = container_of(task, struct chat_listener, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->fd, listener_accept(task, &self->listener, &self->peer));
        if (self->fd < 0)
            break;
        admit(self);
    }
    listener_close(&self->listener); /* before anybody is told that the server ends */
    TASK_END();
}

static void chat_listener_ended(struct task_group *group, struct task *task)
{
    struct server *server = container_of(group, struct server, listeners_group);
    const struct chat_listener *door = container_of(task, struct chat_listener, task);
    if (door->fd != -ECANCELED && door->fd < 0)
        log_write(server->chat.log, LOG_LEVEL_ERROR, "%s accepts no more: %s", door->name,
                  strerror(-door->fd));
}

/* A descriptor was given back: doors that rest try again. */
static void retry_listeners(struct sessions *sessions)
{
    struct server *server = container_of(sessions, struct server, sessions);
    for (size_t i = 0; i < server->listener_count; i++)
        listener_retry(&server->doors[i].listener);
    operators_retry(&server->operators);
}

/* Signals. */

static void reload_motd(struct server *server)
{
    struct log *log = server->chat.log;
    const char *path = server->chat.config->motd;
    if (!path) {
        log_write(log, LOG_LEVEL_INFO, "HUP: there is no --motd to read again");
        return;
    }
    int rc = motd_load(&server->chat, path);
    if (rc < 0)
        log_write(log, LOG_LEVEL_WARN, "--motd %s was not read again: %s", path, motd_cause(rc));
    else
        log_write(log, LOG_LEVEL_INFO, "--motd %s was read again", path);
}

static void log_pending(void *context, const char *line)
{
    log_write(context, LOG_LEVEL_WARN, "pending: %s", line);
}

/* The second phase of the end: whoever is left is named, with what it waits for, and cut off. */
static void cut(struct server *server)
{
    struct chat *chat = &server->chat;
    struct task_group *groups[] = {&server->sessions.group, &server->farewells.group};
    if (groups[0]->cancel_ns <= chat->loop->now_ns)
        return; /* by a signal that came with this one */
    for (int i = 0; i < 2; i++) {
        root_print_pending(groups[i], CUT_NAMED_MAX, log_pending, chat->log);
        task_group_cancel(groups[i], chat->loop->now_ns);
    }
}

static void grace_ended(struct callback *callback)
{
    struct server *server = container_of(callback, struct server, grace.callback);
    log_write(server->chat.log, LOG_LEVEL_INFO, "the grace is over");
    cut(server);
}

/* Whether everybody has been told: the sessions do it in the turn after the grace began. */
static bool notice_is_out(const struct server *server)
{
    return server->grace_turn > 0 && server->chat.loop->turn > server->grace_turn + 1;
}

/* The first asks for a graceful end; another one, once everybody was told, cuts it short. One that
 * comes with the first is the same wish. */
static void end_or_cut(struct server *server, int number)
{
    struct chat *chat = &server->chat;
    if (server->ending.set && !notice_is_out(server))
        return;
    if (!server->ending.set) {
        log_write(chat->log, LOG_LEVEL_INFO, "signal %d (%s): shutting down", number,
                  strsignal(number));
        chat->closing = true;
        event_set(&server->ending);
        return;
    }
    log_write(chat->log, LOG_LEVEL_INFO, "signal %d (%s): at once", number, strsignal(number));
    cut(server);
}

/* The operator asks for a graceful end. */
static void shut_down(struct operators *operators, int64_t grace_ns)
{
    struct server *server = container_of(operators, struct server, operators);
    if (server->ending.set)
        return; /* a signal was faster */
    if (grace_ns >= 0)
        server->grace_ns = grace_ns;
    log_write(server->chat.log, LOG_LEVEL_INFO, "the operator asked for it: shutting down");
    server->chat.closing = true;
    event_set(&server->ending);
}

/* A terminal that is closed sends HUP to those who were started on it, and means the end. After
 * that, /dev/tty leads nowhere: ENXIO, tty(4). */
static int look_for_terminal(struct sys *sys)
{
    int fd = sys->open_read(sys, "/dev/tty");
    if (fd >= 0)
        (void)sys->close(sys, fd); /* it was only a question */
    return fd;
}

static bool terminal_is_gone(const struct server *server)
{
    return server->had_terminal && look_for_terminal(server->chat.loop->sys) == -ENXIO;
}

static void on_signal(struct signals *signals, int number)
{
    struct server *server = container_of(signals, struct server, signals);
    switch (number) {
    case SIGHUP:
        if (terminal_is_gone(server))
            end_or_cut(server, number);
        else
            reload_motd(server);
        break;
    case SIGUSR1:
        server_dump(server);
        break;
    case SIGINT:
    case SIGTERM:
        end_or_cut(server, number);
        break;
    default: /* SIGPIPE: whoever wrote sees EPIPE */
        break;
    }
}

int server_open_signals(struct server *server)
{
    struct sys *sys = server->chat.loop->sys;
    sigset_t set;
    server->had_terminal = !sys->signal_ignored(sys, SIGHUP) && look_for_terminal(sys) >= 0;
    (void)sigemptyset(&set); /* these can't fail for signals that exist */
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGPIPE);
    return signals_open(&server->signals, server->chat.loop, "signals", &set, on_signal);
}

/* The main task. */

static void open_groups(struct server *server)
{
    sessions_open(&server->sessions, &server->task, &server->chat);
    server->sessions.on_left = retry_listeners;
    farewells_open(&server->farewells, &server->task, &server->chat.fanout,
                   &server->sessions.hosts);
    task_group_open(&server->journal_group, &server->task, "journal", GROUP_CONTAIN);
    journal_start(&server->chat.journal, &server->journal_group, &server->chat.walk.source);
    server->operators.chat = &server->chat;
    server->operators.sessions = &server->sessions;
    server->operators.root = &server->root;
    server->operators.shut_down = shut_down;
    operators_open(&server->operators, &server->task);
    task_group_open(&server->listeners_group, &server->task, "doors", GROUP_CONTAIN);
    server->listeners_group.on_end = chat_listener_ended;
    for (size_t i = 0; i < server->listener_count; i++) {
        struct chat_listener *door = &server->doors[i];
        (void)task_group_spawn(&server->listeners_group, &door->task, door->name,
                               chat_listener_step);
    }
}

/* Has those who are in end, in their own time, up to the end of the grace. That is not the cancels'
 * deadline, which each would find passed by itself: all that are left are named before. */
static void begin_grace(struct server *server)
{
    const struct chat *chat = &server->chat;
    int64_t grace_ns = server->grace_ns;
    if (grace_ns < GRACE_LEAST_NS)
        grace_ns = GRACE_LEAST_NS;
    server->grace_turn = chat->loop->turn;
    server->grace.callback = (struct callback){.run = grace_ended, .name = "end of the grace"};
    loop_call_at(chat->loop, &server->grace, time_after(chat->loop->now_ns, grace_ns));
    task_group_cancel(&server->sessions.group, TIME_NEVER);
    task_group_cancel(&server->farewells.group, TIME_NEVER);
}

static void log_end(const struct server *server)
{
    size_t cut = server->sessions.cut;
    if (cut > 0)
        log_write(server->chat.log, LOG_LEVEL_WARN, "%zu %s cut off before having been sent all",
                  cut, cut == 1 ? "client was" : "clients were");
    log_write(server->chat.log, LOG_LEVEL_INFO, "ended");
}

static int server_step(struct task *task)
{
    struct server *const self = container_of(task, struct server, task);

    TASK_BEGIN();
    open_groups(self);
    TASK_AWAIT(self->rc, event_wait(task, &self->ending));

    /* First phase: nobody comes in, and everybody is sent what is owed. */
    task_group_cancel(&self->listeners_group, task->loop->now_ns);
    begin_grace(self);
    task_group_cancel(&self->operators.group, time_after(task->loop->now_ns, GRACE_LEAST_NS));
    TASK_AWAIT(self->rc, task_group_join(task, &self->listeners_group));

    /* Second phase: the end of the grace, or a second signal, cuts what is left. */
    TASK_AWAIT(self->rc, task_group_join(task, &self->sessions.group));
    TASK_AWAIT(self->rc, task_group_join(task, &self->farewells.group));
    TASK_AWAIT(self->rc, task_group_join(task, &self->operators.group));
    loop_stop(task->loop, &self->grace);
    server_end_dump(self);

    /* What they said is synced before the end. */
    task_group_cancel(&self->journal_group, TIME_NEVER);
    TASK_AWAIT(self->rc, task_group_join(task, &self->journal_group));
    peer_check_close(&self->sessions.check);
    log_end(self);
    TASK_END();
}

void server_start(struct server *server)
{
    root_start(&server->root, server->chat.loop, &server->task, "server", server_step);
}

int server_run(struct server *server)
{
    server_start(server);
    return root_run(&server->root);
}
