#include "reactor/task/cleanup.h"

#include <assert.h>

static void push(struct cleanup *cleanup, struct defer *defer)
{
    assert(cleanup->last != defer && "a release is deferred once");
    defer->below = cleanup->last;
    cleanup->last = defer;
}

static struct defer *pop(struct cleanup *cleanup)
{
    struct defer *defer = cleanup->last;
    if (defer)
        cleanup->last = defer->below;
    return defer;
}

void cleanup_defer(struct cleanup *cleanup, struct defer *defer,
                   void (*release)(struct defer *defer))
{
    assert(release && "what is deferred is a release");
    *defer = (struct defer){.release = release};
    push(cleanup, defer);
}

void cleanup_defer_waiting(struct cleanup *cleanup, struct defer *defer, const char *name,
                           cleanup_release *release)
{
    assert(release && "what is deferred is a release");
    assert(name && "a release that waits has a name");
    *defer = (struct defer){.release_waiting = release, .name = name};
    push(cleanup, defer);
}

void cleanup_close(struct cleanup *cleanup)
{
    struct defer *defer;
    assert(!cleanup->releasing && "a cleanup that is being left closes itself");
    while ((defer = pop(cleanup))) {
        assert(defer->release && "cleanup_leave runs releases that wait");
        defer->release(defer);
    }
}

static void begin(struct task *task, struct cleanup *cleanup, int outcome)
{
    assert(outcome != TASK_PENDING && "a cleanup is left when its stretch has ended");
    cleanup->outcome = outcome;
    cleanup->failed = NULL;
    cancel_scope_open_apart(task, &cleanup->scope);
    task_shield(task);
}

static void end(struct task *task, struct cleanup *cleanup)
{
    task_unshield(task);
    (void)cancel_scope_close(task, &cleanup->scope); /* it had no deadline */
}

static void note_failure(struct cleanup *cleanup)
{
    struct defer *failed = cleanup->releasing;
    struct defer **link = &cleanup->failed;
    failed->result = cleanup->rc;
    failed->below = NULL;
    while (*link)
        link = &(*link)->below;
    *link = failed;
    if (cleanup->outcome >= 0)
        cleanup->outcome = cleanup->rc;
}

int cleanup_leave(struct task *task, struct cleanup *const self, int outcome)
{
    TASK_BEGIN();
    begin(task, self, outcome);
    while ((self->releasing = pop(self))) {
        if (self->releasing->release) {
            self->releasing->release(self->releasing);
            continue;
        }
        TASK_AWAIT(self->rc,
                   self->releasing->release_waiting(task, self->releasing, self->outcome));
        if (self->rc < 0)
            note_failure(self);
    }
    end(task, self);
    TASK_RETURN(self->outcome);
    TASK_END();
}
