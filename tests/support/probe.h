/*
 * probe: the same questions to both doors to the kernel.
 *
 * A script is written once, over the door's table and the helpers below, which
 * keep a record of what it saw. It is run on the simulated door and on the real
 * one, and the records have to be the same.
 *
 * On a loopback an effect follows its cause at once, but for a busy machine,
 * where the kernel puts it off for a moment. So the simulator goes first, and
 * wherever it saw events, the real door is waited for until it shows as many.
 */
#ifndef TESTS_SUPPORT_PROBE_H
#define TESTS_SUPPORT_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reactor/base/sys.h"
#include "reactor/sim/sim.h"

#define PROBE_RECORD 4096
#define PROBE_LOOKS 64

struct probe {
    struct sys *sys;
    struct sim *sim; /* NULL on the real door */
    int poll;
    int listener; /* on a free port of the loopback */
    int a; /* the accepted end, watched with key 'a' */
    int b; /* the connecting end, watched with key 'b' */
    char record[PROBE_RECORD];
    int looks;
    int seen[PROBE_LOOKS]; /* events of each look; on the real door: how many to wait for */
};

typedef void probe_script(struct probe *probe);

/* Runs on one door and hands out the record. The real run waits for what the last simulated one
 * saw. Descriptors that a script leaves open end with the test's process. */
void probe_simulated(probe_script *script, char record[PROBE_RECORD]);
void probe_real(probe_script *script, char record[PROBE_RECORD]);

/* Runs on both and compares the records with the expected one. */
void probe_expect(probe_script *script, const char *expected);

/* Adds to the record: a text, or a result under a name (a count, or the error's text). */
void probe_note(struct probe *probe, const char *format, ...) __attribute__((format(printf, 2, 3)));
void probe_note_result(struct probe *probe, const char *what, ssize_t result);

/* Notes the events that there are as "key:RWHE", by key, or "quiet". */
void probe_look(struct probe *probe);

/* Registers a descriptor under a letter. */
void probe_watch(struct probe *probe, int fd, char key);

/* Sends and receives, and notes what came of it. */
void probe_say(struct probe *probe, int fd, const char *text);
void probe_hear(struct probe *probe, int fd, size_t size);

/* Waits until all that was sent through `fd` has arrived; the simulator needs no such wait. */
void probe_settle(struct probe *probe, int fd);

/* Begins to connect to the listener: a new descriptor. */
int probe_connect(struct probe *probe);

/* The next connection, waited for if need be. */
int probe_accept(struct probe *probe);

/* Connects b to a, both watched and their first events seen; the record is empty afterwards. */
void probe_connect_both(struct probe *probe);

/* The port a socket is bound to, in host order. */
uint16_t probe_port(struct probe *probe, int fd);

/* Sends until nothing more fits, notes how that ended, and returns how much it was. */
size_t probe_fill(struct probe *probe, int fd);

/* Receives until `size` bytes have come; notes whether 'a' became writable meanwhile or after. */
void probe_drain(struct probe *probe, int fd, size_t size);

#endif
