/*
 * signals: signals as events of the loop.
 *
 * A signal handler may interrupt anything and therefore may do next to nothing.
 * Here there is none: the signals of a set are blocked and read from a
 * descriptor (signalfd(2)), so that one arrives as a callback, between two
 * others, where everything is allowed. The kernel keeps one pending signal of
 * each number: two equal ones sent in a row may arrive as one.
 *
 * A process has one signal mask, and so one struct signals is open at a time.
 */
#ifndef REACTOR_LOOP_SIGNALS_H
#define REACTOR_LOOP_SIGNALS_H

#include "reactor/loop/loop.h"

/* Owned by whoever embeds it; zeroed, it is closed. */
struct signals {
    struct loop *loop; /* NULL while closed */
    struct descriptor descriptor;
    struct callback callback;
    void (*on_signal)(struct signals *signals, int number);
};

/*
 * Blocks the signals of `set` for the process and has `on_signal` called with each that arrives, in
 * a batch, by a callback called `name` (which must live as long). Threads must be started after
 * this, or they would get the signals. Returns 0, -EBUSY where signals are open already, or another
 * -errno; the mask is then as it was.
 */
int signals_open(struct signals *signals, struct loop *loop, const char *name, const sigset_t *set,
                 void (*on_signal)(struct signals *signals, int number));

/* Restores the mask that was in force before; what is pending is dropped. May be called by
 * `on_signal`. Harmless where it is closed. */
void signals_close(struct signals *signals);

#endif
