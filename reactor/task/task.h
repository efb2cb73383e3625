/*
 * task: coroutine-like state machines.
 *
 * A task is a struct with the locals, and a step function that reads from top
 * to bottom as if it blocked. At an await that isn't ready the step notes the
 * line, returns, and is later called again to go on at that line. A parked task
 * is this struct and nothing else: no stack.
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
 * Most mistakes don't compile; tests/must_not_compile shows which. These do:
 * other statements before TASK_BEGIN (they run at every call), a break outside
 * of a loop (it leaves the step as if at its end), a nested switch over 64 bits,
 * and a pointer to a local that is kept across an await, which only a sanitizer
 * sees (detect_stack_use_after_return).
 *
 * A step may await another step: the inner frame is a member of the outer's
 * struct, zeroed before its first use, the task is the same.
 *
 * An awaitable is a function whose first parameter is the task and which
 * answers TASK_PENDING or its result. Pending, it has done nothing but link the
 * task's waiter on one wait list. It is called again after every wake-up,
 * because a wake-up is only a hint. It asks in this order: cancelled? ready?
 * deadline passed? So cancel beats success beats timeout, and a cancelled await
 * has taken nothing.
 */
#ifndef REACTOR_TASK_TASK_H
#define REACTOR_TASK_TASK_H

#include <assert.h>
#include <limits.h>

#include "reactor/loop/loop.h"

/* An awaitable's answer "not yet"; every other is 0, a count or -errno. */
enum { TASK_PENDING = INT_MIN };

/* Where a step goes on: 0 is its beginning. Zero it before the step's first call. */
struct frame {
    uint32_t resume;
};

struct task;
struct task_group;

typedef int task_step(struct task *task);

/* A part of a task whose awaits have a deadline; a member of its frame: cancel_scope_open. */
struct cancel_scope {
    struct cancel_scope *outer;
    int64_t at_ns; /* the nearest of this one and those around it */
};

/* Tasks that wait for the same thing, the longest waiting first. */
struct wait_list {
    struct list tasks;
};

enum task_flag {
    TASK_CANCELLED = 1, /* a level: set once, never cleared */
    TASK_WOKEN = 2, /* a wake-up is under way from the list it waits on */
    TASK_SLEEPING = 4, /* in task_sleep; `until_ns` is valid */
    TASK_ENDED = 8, /* `result` is valid, the step isn't called any more */
    TASK_RAISED = 16, /* failures of its children went on up, so it fails, too */
    TASK_RUNNING = 32, /* its step was called and has not been parked since */
    TASK_LIMITED = 64 /* cancelled, or with deadlines open: its awaits have to look at these */
};

struct task {
    struct timer wake; /* its callback runs the step; its time is the nearest limit */
    struct list waiter; /* on the one wait list it waits on */
    struct loop *loop;
    task_step *step;

    /* Limits. */
    int64_t until_ns; /* end of the sleep */
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

/* Sets `result` to what `call` answers, and parks the task while that is TASK_PENDING. A narrower
 * `result` couldn't hold that, and the task would run on: gcc doesn't warn of it. The outer loop is
 * for the semicolon, which would end an `if` before its `else`. */
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

/* Stands before the declaration of an awaitable: to call one without TASK_AWAIT is diagnosed, for
 * whoever drops a TASK_PENDING doesn't wait. */
#define TASK_AWAITABLE __attribute__((warn_unused_result))

/* Awaitables every task has. Each may suspend; each answers -ECANCELED or -ETIMEDOUT too. */

/* Sleeps `duration_ns` (measured from the first call; 0: until the next turn). Returns 0. */
TASK_AWAITABLE int task_sleep(struct task *task, int64_t duration_ns);

/* Limits. */

/* From here to the matching close, awaits that would wait longer than `duration_ns` answer
 * -ETIMEDOUT, each of them: an expired deadline stays so. They nest, the nearest wins, and the
 * innermost is closed first. `scope` is part of the task's frame. */
void cancel_scope_open(struct task *task, struct cancel_scope *scope, int64_t duration_ns);

/* Ends it. Returns true if this deadline had passed, and not just one around it. */
bool cancel_scope_close(struct task *task, struct cancel_scope *scope);

/* Between the two, the deadlines that are open limit nothing, and others may be opened and closed:
 * for clean-up whose time isn't theirs. What the first returns is for the second. */
struct cancel_scope *task_deadlines_set_aside(struct task *task);
void task_deadlines_restore(struct task *task, struct cancel_scope *deadlines);

/* Cancels `task`: every await from now on ends with -ECANCELED, but for a join, which passes it on,
 * and for shielded ones until `cancel_ns` (an instant; the past: no clean-up time). A second
 * call may only bring that nearer. It is woken; nothing runs before the next batch. */
void task_cancel(struct task *task, int64_t cancel_ns);

/* Between the two, awaits ignore a cancel until its deadline: for clean-up that has to wait. */
void task_shield(struct task *task);
void task_unshield(struct task *task);

/* True if awaits end with -ECANCELED now. */
bool task_cancelled(const struct task *task);

/* True if the nearest deadline has passed. */
bool task_expired(const struct task *task);

static inline bool task_ended(const struct task *task)
{
    return task->flags & TASK_ENDED;
}

static inline bool task_running(const struct task *task)
{
    return task->flags & TASK_RUNNING;
}

/* Where the task is parked, NULL while it runs or before it started. When it has ended: where it
 * was parked last, which is as near as it can tell to where it failed. */
static inline const struct site *task_where(const struct task *task)
{
    return task_running(task) ? NULL : task->wake.callback.where;
}

/* For those who write awaitables. */

void wait_list_init(struct wait_list *list);

/* Whether `task` is the next to take what the list is waited on for: it is the first, or would be
 * if it waited. */
bool wait_list_is_next(const struct wait_list *list, const struct task *task);

/* Wakes the first, or all. It keeps its place until its await ends. */
void wait_list_wake_first(struct wait_list *list);
void wait_list_wake_all(struct wait_list *list);

/* Ends the wait of `task`, if it waits. */
static inline void wait_list_leave(struct task *task)
{
    list_remove(&task->waiter);
    task->flags &= (uint8_t)~TASK_WOKEN;
}

/* Like task_wait, for an await that neither a cancel nor a deadline ends (join): it links the task
 * while not `ready`. */
static inline int task_wait_regardless(struct task *task, struct wait_list *list, bool ready)
{
    if (ready) {
        wait_list_leave(task);
        return 0;
    }
    assert(list->tasks.next && "what is waited for was initialised");
    if (list_empty(&task->waiter))
        list_append(&task->waiter, &list->tasks);
    return TASK_PENDING;
}

/* For task_wait, where a cancel or a deadline may end the await. */
__attribute__((cold)) int task_wait_limited(struct task *task, struct wait_list *list, bool ready);

/*
 * The end of every awaitable: settles what its answer is. With `ready` (the caller looked) the
 * answer is 0 and the caller takes; else -ECANCELED, -ETIMEDOUT, or TASK_PENDING with the task
 * linked on `list`, behind those who already wait. Whatever ends the await unlinks the task, and
 * passes a wake-up it didn't use to the next.
 */
static inline int task_wait(struct task *task, struct wait_list *list, bool ready)
{
    if (task->flags & TASK_LIMITED)
        return task_wait_limited(task, list, ready);
    return task_wait_regardless(task, list, ready);
}

/* Makes a task due in the next batch whatever it waits for; it looks again. */
void task_wake(struct task *task);

/* The same, before the others: for one that found its share of this turn taken by them. */
void task_wake_early(struct task *task);

/* For the macros and for task_group. */

/* Notes where the task stands, innermost await first, and returns TASK_PENDING. */
static inline int task_park(struct task *task, const struct site *site)
{
    if (task_running(task)) {
        task->wake.callback.where = site;
        task->flags &= (uint8_t)~TASK_RUNNING;
    }
    return TASK_PENDING;
}

/* Ends the program: a frame was resumed at a line that is no await. It was not zeroed, or its
 * memory was reused. */
_Noreturn void task_resumed_nowhere(void);

/* Prepares `task`, whose memory may be anything, to be run by `run` in the next batch. */
void task_start(struct task *task, struct loop *loop, const char *name, task_step *step,
                void (*run)(struct callback *callback));

/* For task_run_step, after the last step. */
void task_end(struct task *task, int result);

/* Runs one step. Returns true when it was the last: `result` is then set. */
static inline bool task_run_step(struct task *task)
{
    assert(!task_ended(task));
    task->flags |= TASK_RUNNING;
    int result = task->step(task);
    if (result != TASK_PENDING) {
        task_end(task, result);
        return true;
    }
    bool waits = !list_empty(&task->waiter) || (task->flags & TASK_SLEEPING);
    assert(waits && "a task is put aside by an await that will wake it");
    return false;
}

#endif
