/*
 * roll: a line that lists names, as many as fit 80 columns. Pure.
 *
 *      roll_begin(&roll, "In #tea: ");
 *      while (more && roll_add(&roll, name, " (away)"))
 *          ...                         a name that did not fit begins the next line
 *      client_tell(client, "%s", roll.text);
 */
#ifndef CHAT_SESSION_ROLL_H
#define CHAT_SESSION_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for the text after `* ` of a line of 80 columns, with a NUL. */
#define ROLL_TEXT 79

struct roll {
    char text[ROLL_TEXT];
    size_t length;
    uint32_t names;
};

/* Begins a line with `before`, which must fit. */
void roll_begin(struct roll *roll, const char *before);

/* Adds text that must fit. */
void roll_put(struct roll *roll, const char *text);
void roll_put_number(struct roll *roll, uint32_t number);

/* Adds a name and a remark about it, after a comma if it is not the first. Returns false, with
 * nothing added, if the line is full. */
bool roll_add(struct roll *roll, const char *name, const char *remark);

#endif
