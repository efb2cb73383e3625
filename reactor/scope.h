/*
 * scope: what was acquired is released, in reverse. Floor 3.
 *
 * A scope is a stack of releases. Each acquisition that succeeded defers its
 * release; closing the scope, on whatever way out, runs them last first. The
 * records are members of the things acquired (or of the frame), so deferring
 * can't fail. Python's ExitStack; a `goto` ladder that outlives the function.
 */
#ifndef REACTOR_SCOPE_H
#define REACTOR_SCOPE_H

struct defer {
    struct defer *below;
    void (*release)(struct defer *defer);
};

/* Zeroed, it is open and empty. */
struct scope {
    struct defer *last;
};

/* Has `release` called with `defer` when the scope closes, before all that was deferred earlier.
 * `defer` must stay where it is until then. */
static inline void scope_defer(struct scope *scope, struct defer *defer,
                               void (*release)(struct defer *defer))
{
    defer->release = release;
    defer->below = scope->last;
    scope->last = defer;
}

/* Runs the releases, last first, and leaves the scope empty. A release may free the memory its
 * record is in; it must not suspend. */
static inline void scope_close(struct scope *scope)
{
    while (scope->last) {
        struct defer *defer = scope->last;
        scope->last = defer->below;
        defer->release(defer);
    }
}

#endif
