/*
 * receivers: receivers without sockets, for the suites of what is sent to them.
 *
 * A reader's socket is a number: how many bytes it takes before it blocks. What
 * it took is kept as a text, or handed to the test at once. The fanout is a real
 * one without a loop: a test calls the flush. Every test has its own process,
 * so there is one receivers and its parts are globals.
 */
#ifndef TESTS_SUPPORT_RECEIVERS_H
#define TESTS_SUPPORT_RECEIVERS_H

#include "reactor/broadcast/broadcast.h"
#include "tests/support/fake_door.h"

#define READER_TEXT_MAX 4096

struct reader {
    struct outbox outbox;
    size_t window; /* bytes that the socket takes before it blocks; SIZE_MAX: all */
    size_t send_max; /* bytes that one send takes; SIZE_MAX: all */
    size_t sends; /* that took something */
    size_t segments; /* that were offered, by all sends */
    size_t taken_bytes;
    char text[READER_TEXT_MAX]; /* what it took, the end of which is cut off */
    size_t text_bytes;
};

extern struct fake_door door;
extern struct fanout fanout;

/* Told of what a reader takes, before the plan is accounted for; NULL. */
extern void (*reader_took)(struct reader *reader, const char *bytes, size_t size);

/* A suite's fixtures. The second crashes where anything is left: Criterion counts a crash in it,
 * and no failed assertion of its own. The rules are NULL at first but for a gap, which is shown as
 * "<3 lost>\n", with the name of the broadcast in front: "#r<3 lost>\n". */
void receivers_open(void);
void receivers_close(void);

extern struct fanout_rules rules;

/* Subscriptions that the rule `ended` was told of. */
extern unsigned ended_count;
extern struct subscriber *ended_last;

/* A reader that takes everything. */
void reader_init(struct reader *reader, uint64_t tag);

/* Takes its subscriptions off and frees what it is owed. */
void reader_release(struct reader *reader);

/* Stops taking anything; takes `bytes` more; takes everything again. The socket is noticed to be
 * writable by the next flush. */
void reader_stall(struct reader *reader);
void reader_take(struct reader *reader, size_t bytes);
void reader_resume(struct reader *reader);

/* Writes a private line. */
void reader_tell(struct reader *reader, const char *text);

/* Broadcasts a text; `author` may be NULL. */
void say(struct broadcast *broadcast, struct subscriber *author, const char *text);

/* One flush, and as many as it takes. */
bool flush_once(void);
void flush(void);

/* Asserts that `reader` took just `text` since the last time. */
void expect(struct reader *reader, const char *text);

#endif
