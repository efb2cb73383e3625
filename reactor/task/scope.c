#include "reactor/task/scope.h"

#include <assert.h>

static void push(struct scope *scope, struct defer *defer)
{
    assert(scope->last != defer && "a release is deferred once");
    defer->below = scope->last;
    scope->last = defer;
}

static struct defer *pop(struct scope *scope)
{
    struct defer *defer = scope->last;
    if (defer)
        scope->last = defer->below;
    return defer;
}

void scope_defer(struct scope *scope, struct defer *defer, void (*release)(struct defer *defer))
{
    assert(release && "what is deferred is a release");
    *defer = (struct defer){.release = release};
    push(scope, defer);
}

void scope_defer_waiting(struct scope *scope, struct defer *defer, const char *name,
                         scope_release *release)
{
    assert(release && "what is deferred is a release");
    assert(name && "a release that waits has a name");
    *defer = (struct defer){.release_waiting = release, .name = name};
    push(scope, defer);
}

void scope_close(struct scope *scope)
{
    struct defer *defer;
    assert(!scope->releasing && "a scope that is being left closes itself");
    while ((defer = pop(scope))) {
        assert(defer->release && "scope_leave runs releases that wait");
        defer->release(defer);
    }
}

static void begin(struct task *task, struct scope *scope, int outcome)
{
    assert(outcome != TASK_PENDING && "a scope is left when its stretch has ended");
    scope->outcome = outcome;
    scope->failed = NULL;
    scope->set_aside = task_deadlines_set_aside(task);
    task_shield(task);
}

static void end(struct task *task, struct scope *scope)
{
    task_unshield(task);
    task_deadlines_restore(task, scope->set_aside);
}

static void note_failure(struct scope *scope)
{
    struct defer *failed = scope->releasing;
    struct defer **link = &scope->failed;
    failed->result = scope->rc;
    failed->below = NULL;
    while (*link)
        link = &(*link)->below;
    *link = failed;
    if (scope->outcome >= 0)
        scope->outcome = scope->rc;
}

int scope_leave(struct task *task, struct scope *const self, int outcome)
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
