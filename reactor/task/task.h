/*
 * task: coroutine-like state machines.
 *
 * A task is a struct that holds its locals, and a step function that reads from
 * top to bottom as if it blocked. If an await is not ready, the step notes the
 * line and returns; the loop calls it again later, and it goes on at that line.
 * A parked task is this struct and nothing else: it has no stack.
 *
 *     struct greeter {
 *         struct task task;
 *         struct frame frame;
 *         int rc;
 *     };
 *
 *     static int greeter_step(struct task *task)
 *     {
 *         struct greeter *const self = container_of(task, struct greeter, task);
 *
 *         TASK_BEGIN();
 *         TASK_AWAIT(self->rc, task_sleep(task, 3 * NS_PER_SECOND));
 *         if (self->rc < 0)
 *             TASK_RETURN(self->rc);
 *         puts("hello");
 *         TASK_END();
 *     }
 *
 *   +--------------------------- the rules of a step ----------------------------+
 *   | 1. Its parameters are named `task` and `self`; `self` has a member `frame`.|
 *   | 2. Only `struct x *const self = ...` may stand before TASK_BEGIN.          |
 *   | 3. Locals don't survive an await. What must, is a member of self.          |
 *   | 4. No await inside a nested switch; never two on one line.                 |
 *   | 5. An await's arguments have no side effects: it is called again.          |
 *   | 6. Leave through TASK_RETURN or TASK_END, never through a bare return.     |
 *   +----------------------------------------------------------------------------+
 * Most violations don't compile; tests/must_not_compile lists them. These do:
 * other statements before TASK_BEGIN (they run at every call), a break outside
 * a loop (it leaves the step as if at its end), a nested switch over a 64-bit
 * value, and a pointer to a local that is kept across an await, which only a
 * sanitizer finds (detect_stack_use_after_return).
 *
 * A step may await another step. The inner frame is a member of the outer
 * struct and is zeroed before its first use; the task is the same.
 *
 * An awaitable is a function whose first parameter is the task. It returns
 * TASK_PENDING or its result. When it returns TASK_PENDING, it has done nothing
 * but link the task's waiter on one wait list. It is called again after every
 * wake-up, because a wake-up is only a hint. It asks in this order: cancelled?
 * ready? deadline passed? So cancel beats success, success beats timeout, and an
 * await that was cancelled or timed out has taken nothing. A task waits for one
 * thing at a time; sync.h shows how to wait for the first of several.
 *
 * What an await answers. "Scope" is a cancelled cancel_scope, or the body of a
 * fail-fast group (task_group.h) in which a child has failed.
 *
 *                                     an await that     |  a join whose children
 *                                  is ready   must wait | have ended  still live
 *   -------------------------------------------------------------------------------
 *   no limit                       result     waits     | result      waits
 *   deadline passed                result     ETIMEDOUT | result      *ETIMEDOUT
 *   task cancelled                 ECANCELED  ECANCELED | ECANCELED   *ECANCELED
 *     and deadline passed          ECANCELED  ECANCELED | ECANCELED   *ECANCELED
 *     shielded, cancel_ns to come  result     waits     | result      *result
 *       and deadline passed        result     ETIMEDOUT | result      *ETIMEDOUT
 *     shielded, cancel_ns passed   ECANCELED  ECANCELED | ECANCELED   *ECANCELED
 *   scope cancelled                ECANCELED  ECANCELED | ECANCELED   *ECANCELED
 *     and deadline passed          ECANCELED  ECANCELED | ECANCELED   *ECANCELED
 *     shielded outside the scope   ECANCELED  ECANCELED | ECANCELED   *ECANCELED
 *     shielded inside the scope    result     waits     | result      waits
 *       and deadline passed        result     ETIMEDOUT | result      *ETIMEDOUT
 *   in a scope apart, whatever the scopes around it are
 *                                  result     waits     | result      waits
 *
 *   * The join cancels the children and goes on waiting until the last has
 *     ended; then it answers this. A failure of a child beats ETIMEDOUT.
 *
 * tests/reactor/task/test_task_matrix.c runs every cell.
 */
#ifndef REACTOR_TASK_TASK_H
#define REACTOR_TASK_TASK_H

#include <assert.h>
#include <limits.h>

#include "reactor/loop/loop.h"

/* The answer "not yet" of an awaitable; every other answer is 0, a count or -errno. */
enum { TASK_PENDING = INT_MIN };

/* The line at which a step goes on; 0 is its beginning. Zero it before the step's first call. */
struct frame {
    uint32_t resume;
};

struct task;
struct task_group;

typedef int task_step(struct task *task);

/*
 * A part of a task, from cancel_scope_open to cancel_scope_close, that can end early: its awaits
 * answer -ETIMEDOUT after its deadline, if it has one, and -ECANCELED once it was cancelled. It is
 * a member of the task's frame, and the fields are for reading only.
 */
struct cancel_scope {
    struct cancel_scope *outer;
    struct task *task;
    int64_t at_ns; /* its deadline; TIME_NEVER: none */
    uint8_t shields; /* how many the task had up when it was opened */
    bool cancelled; /* stays valid after the close */
    bool apart; /* inside it, the scopes around it limit nothing */
};

/* Tasks that wait for the same thing; the one that has waited longest comes first. */
struct wait_list {
    struct list tasks;
};

/* What sleeping tasks wait on; none is linked on it. */
extern struct wait_list task_sleepers;

enum task_flag {
    TASK_CANCELLED = 1, /* a level: set once, never cleared */
    TASK_WOKEN = 2, /* a wake-up is under way from the list it waits on */
    TASK_ENDED = 4, /* `result` is valid, the step isn't called any more */
    TASK_RAISED = 8, /* it handed failures of its children on up, so it fails too */
    TASK_RUNNING = 16, /* its step was called and has not been parked since */
    TASK_LIMITED = 32 /* some limit is set or was reached: its awaits have to look at them */
};

struct task {
    struct timer wake; /* its callback runs the step; its time is the nearest limit */
    struct list waiter; /* on `waits_on`, if that is a list */
    struct loop *loop;
    task_step *step;

    /* What it waits for. */
    struct wait_list *waits_on; /* NULL: nothing; &task_sleepers: the end of a sleep, `until_ns` */
    int64_t until_ns;

    /* Limits. */
    struct cancel_scope *scopes; /* innermost first */
    int64_t cancel_ns; /* until when a shielded clean-up may run */

    /* Who owns it, and what it owns. */
    struct task_group *group; /* NULL before it is spawned */
    struct list sibling; /* among the group's children, then among its failures */
    struct task_group *groups; /* those it opened, the latest first */

    int result; /* what the step returned: 0, a count or -errno */
    uint8_t flags; /* enum task_flag, or-ed */
    uint8_t shielded; /* how deep */
};

/* The switch key: 64 bits wide, so that an await inside a nested switch over an int is an
 * overflowing case label, which both compilers warn of by default. */
#define TASK_KEY(line) ((UINT64_C(1) << 32) + (uint64_t)(line))

#define TASK_BEGIN()                        \
    switch (TASK_KEY(self->frame.resume)) { \
    default:                                \
        task_resumed_nowhere();             \
    case TASK_KEY(0):

/* Sets `result` to what `call` answers; while that is TASK_PENDING, the task is parked. A narrower
 * `result` couldn't hold TASK_PENDING, and the task would run on, which gcc doesn't warn of. The
 * outer loop swallows the semicolon, which would otherwise end an `if` before its `else`. */
#define TASK_AWAIT(result, call)                                                               \
    do {                                                                                       \
        while (((result) = (call)) == TASK_PENDING) {                                          \
            _Static_assert(sizeof(result) >= sizeof(int), "the result of an await is an int"); \
            static const struct site task_site_here = {__FILE__, __LINE__, #call};             \
            self->frame.resume = __LINE__;                                                     \
            return task_park(task, &task_site_here);                                           \
        case TASK_KEY(__LINE__):;                                                              \
        }                                                                                      \
    } while (0)

#define TASK_RETURN(value)      \
    do {                        \
        self->frame.resume = 0; \
        return (value);         \
    } while (0)

#define TASK_END()          \
    }                       \
    self->frame.resume = 0; \
    return 0

/* Marks an awaitable: the compiler warns if its answer is dropped, as it is without TASK_AWAIT. A
 * caller that drops TASK_PENDING doesn't wait. */
#define TASK_AWAITABLE __attribute__((warn_unused_result))

/* Awaitables that every task has. Each may suspend, and may also answer -ECANCELED or -ETIMEDOUT.
 */

/* Sleeps for `duration_ns`, counted from the first call. 0: until the next turn. Returns 0. */
TASK_AWAITABLE int task_sleep(struct task *task, int64_t duration_ns);

/* Sleeps until the instant `at_ns`, which is taken from the first call. An instant that has passed
 * still lets the other tasks run once. Returns 0. */
TASK_AWAITABLE int task_sleep_until(struct task *task, int64_t at_ns);

/* Cancel scopes. None of these suspends, none can fail. */

/* Opens a scope whose deadline is `duration_ns` from now (TIME_NEVER: it has none). Scopes nest:
 * the nearest deadline counts. An expired deadline stays expired: from then on every await that
 * would have to wait answers -ETIMEDOUT, until the scope is closed or moved. Reads the clock; the
 * second form takes an instant and doesn't. */
void cancel_scope_open(struct task *task, struct cancel_scope *scope, int64_t duration_ns);
void cancel_scope_open_at(struct task *task, struct cancel_scope *scope, int64_t at_ns);

/* Opens a scope without a deadline, inside which the scopes around it limit nothing, expired or
 * cancelled; a cancel of the task still does. For clean-up that has its own time. */
void cancel_scope_open_apart(struct task *task, struct cancel_scope *scope);

/* Sets the deadline of an open scope to the instant `at_ns` (TIME_NEVER: none), sooner or later
 * than before. Moving an expired one to the future lets its awaits wait again. Anybody may. */
void cancel_scope_move(struct cancel_scope *scope, int64_t at_ns);

/* Cancels an open scope: from now on its awaits answer -ECANCELED, except under a shield that was
 * put up inside the scope, which holds without limit. Anybody may; the task is woken and nothing
 * runs before the next batch. */
void cancel_scope_cancel(struct cancel_scope *scope);

/* Closes the scope, the innermost first, after the groups that were opened in it are joined.
 * Returns true if its deadline had passed, and none around it that was as near. Whether it was
 * cancelled is in scope->cancelled. */
bool cancel_scope_close(struct task *task, struct cancel_scope *scope);

/* The nearest deadline of the scopes that count here; TIME_NEVER if there is none. */
int64_t task_deadline_ns(const struct task *task);

/* Cancelling the whole task. */

/* Cancels `task` for good. Every await from now on answers -ECANCELED, with two exceptions: a join
 * passes the cancel on and keeps waiting, and under a shield awaits go on until the instant
 * `cancel_ns` (a past one: no time for clean-up). A second call may only bring that nearer. The
 * task is woken; nothing runs before the next batch. */
void task_cancel(struct task *task, int64_t cancel_ns);

/* Puts up a shield and takes it down; they nest. Under it, awaits ignore a cancel of the task until
 * its `cancel_ns`, and cancelled scopes that were opened before it. For clean-up that has to wait.
 * Deadlines still count. */
void task_shield(struct task *task);
void task_unshield(struct task *task);

/* True if awaits answer -ECANCELED now. */
bool task_cancelled(const struct task *task);

/* True if the nearest deadline has passed. */
bool task_expired(const struct task *task);

/* Looking at a task. */

static inline const char *task_name(const struct task *task)
{
    return task->wake.callback.name;
}

static inline bool task_ended(const struct task *task)
{
    return task->flags & TASK_ENDED;
}

static inline bool task_running(const struct task *task)
{
    return task->flags & TASK_RUNNING;
}

/* The await at which the task is parked; NULL while it runs or before it started. After its end,
 * the await at which it was parked last: as close as we can get to the place where it failed. */
static inline const struct site *task_where(const struct task *task)
{
    return task_running(task) ? NULL : task->wake.callback.where;
}

/* For writing awaitables. */

void wait_list_init(struct wait_list *list);

/* Whether `task` may take next: it is the first on the list, or nobody is. */
bool wait_list_is_next(const struct wait_list *list, const struct task *task);

static inline bool wait_list_empty(const struct wait_list *list)
{
    return list_empty(&list->tasks);
}

/* Wakes the first task, or all. Each keeps its place until its await ends. */
void wait_list_wake_first(struct wait_list *list);
void wait_list_wake_all(struct wait_list *list);

/* Ends the wait of `task`, if it waits. */
static inline void wait_list_leave(struct task *task)
{
    if (!task->waits_on)
        return;
    list_unlink(&task->waiter);
    task->waits_on = NULL;
    task->flags &= (uint8_t)~TASK_WOKEN;
}

/* The end of an await that no limit cuts short: if it is `ready`, `task` leaves the list and the
 * answer is 0; else `task` is on `list`, after those that wait already, and it is TASK_PENDING. */
static inline int wait_list_settle(struct task *task, struct wait_list *list, bool ready)
{
    if (ready) {
        wait_list_leave(task);
        return 0;
    }
    if (task->waits_on) {
        assert(task->waits_on == list && "a task waits for one thing at a time");
        return TASK_PENDING;
    }
    assert(list->tasks.next && "what is waited for was initialised");
    list_append(&task->waiter, &list->tasks);
    task->waits_on = list;
    return TASK_PENDING;
}

/* For task_wait: the whole of it. */
__attribute__((cold)) int task_wait_limited(struct task *task, struct wait_list *list, bool ready);

/*
 * The end of every other awaitable. The caller looked whether it is `ready`; if the answer is 0, it
 * takes what it waited for. The other answers are -ECANCELED, -ETIMEDOUT, and TASK_PENDING.
 * Whatever ends the await, the task leaves the list and hands a wake-up that it did not use to the
 * next. A task without limits skips the questions about them, which saves a tenth of a task switch.
 */
static inline int task_wait(struct task *task, struct wait_list *list, bool ready)
{
    if (task->flags & TASK_LIMITED)
        return task_wait_limited(task, list, ready);
    return wait_list_settle(task, list, ready);
}

/* Makes a task run in the next batch, whatever it waits for; its await looks again. */
void task_wake(struct task *task);

/* The same, ahead of the others: for a task that found its share of this turn used up by them. */
void task_wake_early(struct task *task);

/* For the macros and for task_group. */

/* Opens a scope without a deadline; ends one wherever it is among the task's. */
void cancel_scope_enter(struct task *task, struct cancel_scope *scope);
void cancel_scope_leave(struct cancel_scope *scope);

/* True if a scope other than `except` is cancelled and no shield inside it hides that. */
bool task_scope_cancelled(const struct task *task, const struct cancel_scope *except);

/* Notes at which await the task is parked (the innermost calls first and counts). Returns
 * TASK_PENDING. */
static inline int task_park(struct task *task, const struct site *site)
{
    if (task_running(task)) {
        task->wake.callback.where = site;
        task->flags &= (uint8_t)~TASK_RUNNING;
    }
    return TASK_PENDING;
}

/* Ends the program: a frame was resumed at a line that is not an await, so it was not zeroed or its
 * memory was reused. */
_Noreturn void task_resumed_nowhere(void);

/* Prepares `task`, whose memory may be anything, to be run by `run` in the next batch. */
void task_start(struct task *task, struct loop *loop, const char *name, task_step *step,
                void (*run)(struct callback *callback));

/* For task_run_step, after the last step. */
void task_end(struct task *task, int result);

/* Runs one step. Returns true if it was the last: `result` is then set. */
static inline bool task_run_step(struct task *task)
{
    assert(!task_ended(task));
    task->flags |= TASK_RUNNING;
    int result = task->step(task);
    if (result != TASK_PENDING) {
        task_end(task, result);
        return true;
    }
    assert(task->waits_on && "a task is parked by an await that will wake it");
    return false;
}

#endif
