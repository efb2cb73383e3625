/*
 * signals: signals as events of the loop.
 *
 * A signal handler may interrupt anything, and so may do next to nothing. Here
 * there is none: the signals of a set are blocked and read from a descriptor
 * (signalfd(2)). A signal arrives as a callback, between two others, and may do
 * everything that a callback may. The kernel keeps one pending signal of each
 * number: two equal ones sent in a row may arrive as one.
 *
 * A process has one signal mask, so only one struct signals is open at a time.
 * Children inherit the mask, through fork() and through exec(): a child of a
 * program that opened TERM ignores TERM, until it calls signals_restore_mask().
 */
#ifndef REACTOR_LOOP_SIGNALS_H
#define REACTOR_LOOP_SIGNALS_H

#include "reactor/loop/loop.h"

/* Owned by its user; zeroed, it is closed. */
struct signals {
    struct loop *loop; /* NULL while closed */
    struct descriptor descriptor;
    struct callback callback;
    void (*on_signal)(struct signals *signals, int number);
};

/*
 * Blocks the signals of `set` for the process and has `on_signal` called with each that arrives, in
 * a batch, by a callback called `name` (which must live as long). Start threads after this, or they
 * receive the signals. Returns 0, -EBUSY if signals are open already, or another -errno; the mask
 * is then as it was.
 */
int signals_open(struct signals *signals, struct loop *loop, const char *name, const sigset_t *set,
                 void (*on_signal)(struct signals *signals, int number));

/* Restores the mask that was in force before; pending signals are dropped. `on_signal` may call it,
 * and free `signals` right after. Harmless if it is closed. */
void signals_close(struct signals *signals);

/* For a child process between fork() and exec(): restores the mask that was in force before
 * signals_open. The parent is not affected. Safe where only async-signal-safe calls are (it makes
 * one, sigprocmask). Harmless if it is closed. */
void signals_restore_mask(const struct signals *signals);

#endif
