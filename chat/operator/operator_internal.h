/* What the files of the operator lend to each other. */
#ifndef CHAT_OPERATOR_OPERATOR_INTERNAL_H
#define CHAT_OPERATOR_OPERATOR_INTERNAL_H

#include "chat/operator/operator.h"
#include "chat/text/text.h"

/* The figures that rates are kept of; figures.c has no more. */
#define FIGURES_MAX 32

/* What one step of a long answer came to. */
enum operator_step {
    OPERATOR_DONE, /* nothing was left: OK follows */
    OPERATOR_MORE, /* something was written */
    OPERATOR_NEXT_TURN /* enough for this turn, whether it is read or not */
};

/* One operator. */
struct operator_session {
    struct task task;
    struct frame frame;
    int rc;
    struct operators *operators;
    uid_t uid;
    char name[32]; /* `operator (uid 0)`: in the log, and of the task */
    struct stream stream;
    struct stream_finish finish;
    bool ended; /* `quit`, or the connection is over */

    /* The line that is read or carried out. */
    char *line;
    size_t line_bytes;
    char clean[OPERATOR_LINE_MAX * TEXT_CLEAN_GROWTH + 1];

    /* The long answer under way. */
    enum operator_step (*next)(struct operator_session *self); /* NULL: there is none */
    size_t position; /* in what is listed */
    size_t passed; /* entries met in this walk */
    const char *text; /* of `say`: a part of `clean` */
    uint64_t said_tag; /* of `say`: everybody up to this tag was told, */
    uint64_t last_tag; /* and nobody beyond this one is */
    size_t told; /* people who were told, */
    size_t missed; /* and who were not, because they do not read */

    /* Of `top`. */
    int64_t counted_ns; /* when these were read; 0: never */
    uint64_t counted[FIGURES_MAX];
};

/* Writes one line, LF added. Out of memory ends this one operator's connection. */
void operator_print(struct operator_session *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Carries out the line in self->clean, `length` bytes. Answers it, or starts a long answer. */
void operator_command(struct operator_session *self, size_t length);

/* Long answers: lists.c. */
enum operator_step operator_next_client(struct operator_session *self);
enum operator_step operator_next_room(struct operator_session *self);
enum operator_step operator_next_ban(struct operator_session *self);
enum operator_step operator_next_tasks(struct operator_session *self);
enum operator_step operator_next_timers(struct operator_session *self);
enum operator_step operator_say_on(struct operator_session *self);

/* Figures: figures.c. Each writes a line per figure: `name value`, rates per second since the last
 * call, and Prometheus' text. */
void operator_print_stats(struct operator_session *self);
void operator_print_rates(struct operator_session *self);
void operator_print_metrics(struct operator_session *self);

#endif
