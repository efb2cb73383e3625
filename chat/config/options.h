/*
 * options: a command line read, and its help printed, from one table. Pure.
 *
 * A program describes its options in a table, in the order of its help: names,
 * default, help text, the function that reads the value into the program's own
 * struct and, for when it refuses, what would be accepted. A default is read by
 * the same function as what is typed, so the help never says anything else than
 * what happens.
 *
 * As getopt_long has it: `--name VALUE` and `--name=VALUE`, `-l VALUE` and
 * `-lVALUE`, `--` ends the options. Otherwise than there, a name can't be
 * shortened (what is unambiguous today is not tomorrow), and letters don't
 * share a dash. One operand is read where the program takes one, any other word
 * is refused. Nothing is printed and nothing ends the process: texts are given
 * back.
 */
#ifndef CHAT_CONFIG_OPTIONS_H
#define CHAT_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "chat/text/units.h"

/* More rows than a help of one screen has. */
#define OPTIONS_MAX 32

/* Room for what would be accepted, where that depends on other options. */
#define OPTIONS_ACCEPTED_TEXT 128

/* Room for every problem options_parse can name; what has less is cut. */
#define OPTIONS_PROBLEM_TEXT 1024

struct option {
    const char *name; /* without its dashes */
    const char *argument; /* what the value is called; NULL: it takes none */
    const char *fallback; /* the default; NULL: nothing is read unless it is given */
    const char *help;
    const char *accepted; /* which values will do, to stand after a colon */
    /* Reads `value` ("" where none is taken) into the program's struct: NULL, or what would be
     * accepted instead. Where an option is repeated, each value is read. */
    const char *(*read)(const struct option *option, void *target, const char *value);
    size_t offset; /* of the field in that struct, for a function that reads several options */
    struct units_range range; /* for the same */
    /* Judges the value beside all the others when they are read, and writes what would be accepted.
     * NULL: it goes with any. Needs a default. */
    bool (*fits)(const void *target, char accepted[static OPTIONS_ACCEPTED_TEXT]);
    int answer; /* > 0: nothing is read; options_parse returns this at once */
    char letter; /* 0: none */
};

/* A program's command line. All of it static. */
struct options {
    const char *program; /* its problems begin with `program: ` */
    const char *usage; /* the first line of the help */
    const char *note; /* the last */
    const struct option *rows;
    size_t count; /* OPTIONS_MAX at most */
    const struct option *operand; /* its `argument`, `accepted` and `read` count; NULL: none */
};

/* Reads `argv`, which begins with the program's name and ends with a NULL, into `target`; what
 * isn't given gets its default last. Returns 0; the `answer` of an option that has one, as soon as
 * it is met; or -EINVAL, and then `problem` (`size` bytes) is one line without its newline that
 * names the option, the value and what would be accepted; otherwise it is empty. `target` is
 * complete only after 0. */
int options_parse(const struct options *options, void *target, char **argv, char *problem,
                  size_t size);

/* Writes the help into `text`, lines of at most 80 columns, and returns its length without the NUL.
 * What doesn't fit into `size` bytes is left out. */
size_t options_help(const struct options *options, char *text, size_t size);

/* Sets a bool, for an option that takes no value. */
const char *options_read_flag(const struct option *option, void *target, const char *value);

/* Reads a whole number into a uint32_t, a SIZE into a size_t, both within the option's range. */
const char *options_read_number(const struct option *option, void *target, const char *value);
const char *options_read_size(const struct option *option, void *target, const char *value);

/* Reads a DUR into an int64_t of nanoseconds, `range.least` or more. */
const char *options_read_duration(const struct option *option, void *target, const char *value);

/* Keeps any text but the empty one, in a const char *; it points into argv. */
const char *options_read_text(const struct option *option, void *target, const char *value);

#endif
