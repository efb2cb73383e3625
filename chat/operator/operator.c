#include "chat/operator/operator.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chat/operator/operator_internal.h"

/* Answers that wait for the operator: then no more is composed, or read. */
#define UNREAD_BYTES ((size_t)16 * 1024)

/* One line of an answer. */
#define PRINT_BYTES (OPERATOR_LINE_MAX * TEXT_CLEAN_GROWTH + 64)

static struct log *log_of(const struct operators *operators)
{
    return operators->chat->log;
}

static struct sys *sys_of(const struct operators *operators)
{
    return operators->chat->loop->sys;
}

void operator_print(struct operator_session *self, const char *format, ...)
{
    char line[PRINT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if (length < 0 || length > (int)sizeof(line) - 2)
        length = (int)sizeof(line) - 2; /* no line is meant to be that long: cut */
    line[length] = '\n';
    int rc = stream_write(&self->stream, line, (size_t)length + 1);
    if (rc < 0)
        stream_fail(&self->stream, rc);
}

/* --- one operator ----------------------------------------------------------------------------- */

/* Composes as much of a long answer as one turn takes. Returns true if the rest is for another
 * turn, whether the operator reads or not. */
static bool compose(struct operator_session *self)
{
    enum operator_step step = OPERATOR_MORE;
    while (step == OPERATOR_MORE &&
           self->stream.outbox.waiting_bytes[OUTBOX_ANSWER] < UNREAD_BYTES) {
        step = self->next(self);
        if (self->stream.error && step == OPERATOR_MORE)
            step = OPERATOR_DONE; /* nobody gets the rest */
    }
    if (step == OPERATOR_DONE) {
        self->next = NULL;
        operator_print(self, "OK");
    }
    return step == OPERATOR_NEXT_TURN;
}

static void carry_out(struct operator_session *self)
{
    size_t length = text_clean(self->clean, self->line, self->line_bytes);
    self->clean[length] = '\0';
    log_write(log_of(self->operators), LOG_LEVEL_INFO, "%s: %s", self->name, self->clean);
    operator_command(self, length);
}

/* What a read came to. */
static void note_read(struct operator_session *self)
{
    if (self->rc == 1)
        carry_out(self);
    else if (self->rc == -EMSGSIZE)
        operator_print(self, "ERR a line has at most %d bytes", OPERATOR_LINE_MAX);
    else
        self->ended = true;
}

static int session_step(struct task *task)
{
    struct operator_session *const self = container_of(task, struct operator_session, task);

    TASK_BEGIN();
    while (!self->ended) {
        if (self->next && compose(self)) {
            TASK_AWAIT(self->rc, task_sleep(task, 0));
            self->ended = self->rc < 0;
            continue;
        }
        /* An operator that does not read its answers is not read from. */
        TASK_AWAIT(self->rc, stream_drain(task, &self->stream, self->next ? UNREAD_BYTES / 2 : 0));
        if (self->rc < 0)
            break;
        if (self->next)
            continue;
        TASK_AWAIT(self->rc, stream_read_line(task, &self->stream, OPERATOR_LINE_MAX, &self->line,
                                              &self->line_bytes));
        note_read(self);
    }
    task_shield(task);
    self->finish =
        (struct stream_finish){.linger_ns = STREAM_LINGER_NS, .limit_ns = STREAM_FINISH_NS};
    TASK_AWAIT(self->rc, stream_finish(task, &self->finish, &self->stream));
    task_unshield(task);
    stream_close(&self->stream);
    log_write(log_of(self->operators), LOG_LEVEL_INFO, "%s left", self->name);
    TASK_END();
}

/* --- coming in -------------------------------------------------------------------------------- */

/* Why the newcomer can't come in; NULL if it can, and *uid is whose it is. */
static const char *refusal(const struct operators *operators, uid_t *uid)
{
    int rc = sys_of(operators)->peer_user(sys_of(operators), operators->fd, uid);
    if (rc < 0)
        return "the kernel does not say who you are";
    if (*uid != 0 && *uid != geteuid())
        return "only root and the server's own user may come in";
    if (operators->group.cancelled)
        return "the server is shutting down";
    if (operators->count == OPERATORS_MAX)
        return "too many operators";
    return NULL;
}

/* Returns 0, or -errno with the descriptor still the caller's. */
static int let_in(struct operators *operators, uid_t uid)
{
    struct sys *sys = sys_of(operators);
    struct operator_session *self = sys->allocate(sys, sizeof(*self));
    if (!self)
        return -ENOMEM;
    *self = (struct operator_session){.operators = operators, .uid = uid};
    (void)snprintf(self->name, sizeof(self->name), "operator (uid %u)", (unsigned)uid);
    int rc = stream_open(&self->stream, &operators->chat->fanout, operators->fd, 0);
    if (rc < 0) {
        sys->release(sys, self);
        return rc;
    }
    operators->count++;
    log_write(log_of(operators), LOG_LEVEL_INFO, "%s came in", self->name);
    rc = task_group_spawn(&operators->group, &self->task, self->name, session_step);
    assert(rc == 0); /* refusal() has seen that the group is not cancelled */
    return 0;
}

static void refuse(struct operators *operators, const char *reason)
{
    struct sys *sys = sys_of(operators);
    char line[96];
    int length = snprintf(line, sizeof(line), "ERR %s\n", reason);
    (void)sys->send(sys, operators->fd, line, (size_t)length); /* there is no second try */
    (void)sys->close(sys, operators->fd); /* all was said that could be */
}

static void admit(struct operators *operators)
{
    uid_t uid = (uid_t)-1;
    const char *reason = refusal(operators, &uid);
    if (!reason && let_in(operators, uid) < 0)
        reason = "out of memory";
    if (!reason)
        return;
    log_write(log_of(operators), LOG_LEVEL_WARN, "operator (uid %d) was turned away: %s", (int)uid,
              reason);
    refuse(operators, reason);
}

static int accept_step(struct task *task)
{
    struct operators *const self = container_of(task, struct operators, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->fd, listener_accept(task, &self->listener, &self->peer));
        if (self->fd < 0)
            break;
        admit(self);
    }
    operators_close(self);
    TASK_END();
}

/* The reap phase. */
static void release_session(struct task_group *group, struct task *task)
{
    struct operators *operators = container_of(group, struct operators, group);
    if (task == &operators->task)
        return;
    operators->count--;
    group->loop->sys->release(group->loop->sys, container_of(task, struct operator_session, task));
}

int operators_listen(struct operators *operators, struct chat *chat, const char *path)
{
    struct sys_address address;
    int rc = sys_address_local(&address, path);
    if (rc == 0)
        rc = listener_open_mode(&operators->listener, chat->loop, &address, 0600);
    operators->listening = rc == 0;
    return rc;
}

void operators_open(struct operators *operators, struct task *owner)
{
    operators->begun_ns = owner->loop->now_ns;
    task_group_open(&operators->group, owner, "operators", GROUP_CONTAIN);
    operators->group.release = release_session;
    if (operators->listening)
        (void)task_group_spawn(&operators->group, &operators->task, "admin", accept_step);
}

void operators_retry(struct operators *operators)
{
    if (operators->listening)
        listener_retry(&operators->listener);
}

void operators_close(struct operators *operators)
{
    if (operators->listening)
        listener_close(&operators->listener);
    operators->listening = false;
}
