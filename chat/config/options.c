#include "chat/config/options.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/text.h"

/* A command line half read. */
struct parser {
    const struct options *options;
    void *target;
    char **next; /* the argument to look at next; NULL ends them */
    const char *given[OPTIONS_MAX]; /* the last value each row was given; NULL: none */
    bool operand_given;
    char *problem;
    size_t size; /* of `problem` */
};

#define QUOTE_BYTES 128
#define QUOTE_TEXT (QUOTE_BYTES * TEXT_CLEAN_GROWTH + sizeof("'...'"))

/* Writes `value` in quotes as it may stand in one line, cut where it is longer than anybody needs
 * to recognise it. */
static const char *quote(char text[static QUOTE_TEXT], const char *value)
{
    char clean[QUOTE_BYTES * TEXT_CLEAN_GROWTH];
    const size_t length = strlen(value);
    const size_t kept = text_cut(value, length, QUOTE_BYTES);
    snprintf(text, QUOTE_TEXT, "'%.*s%s'", (int)text_clean(clean, value, kept), clean,
             kept < length ? "..." : "");
    return text;
}

static int refuse(const struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Notes what is wrong; for the caller to return. */
static int refuse(const struct parser *parser, const char *format, ...)
{
    char what[OPTIONS_PROBLEM_TEXT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    snprintf(parser->problem, parser->size, "%s: %s", parser->options->program, what);
    return -EINVAL;
}

static int refuse_value(const struct parser *parser, const struct option *option, const char *value,
                        const char *accepted)
{
    char quoted[QUOTE_TEXT];

    return refuse(parser, "--%s: %s is not accepted: %s", option->name, quote(quoted, value),
                  accepted);
}

/* Reads a word that belongs to no option, where the program takes one. */
static int read_operand(struct parser *parser, const char *word)
{
    const struct option *operand = parser->options->operand;
    char quoted[QUOTE_TEXT];

    if (!operand)
        return refuse(parser, "%s is not accepted: only options are, --help lists them",
                      quote(quoted, word));
    if (parser->operand_given)
        return refuse(parser, "%s is not accepted: one %s is enough", quote(quoted, word),
                      operand->argument);
    const char *accepted = operand->read(operand, parser->target, word);
    if (accepted)
        return refuse(parser, "%s is not accepted: %s", quote(quoted, word), accepted);
    parser->operand_given = true;
    return 0;
}

static bool is_named(const struct option *option, const char *name, size_t length)
{
    return strlen(option->name) == length && memcmp(option->name, name, length) == 0;
}

/* The option that `word`, which begins with a dash, names, or NULL; *value is set to what is given
 * in the same word, NULL where nothing is. */
static const struct option *find_option(const struct options *options, const char *word,
                                        const char **value)
{
    const bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t length = is_long ? strcspn(name, "=") : 1;

    *value = NULL;
    if (name[length])
        *value = name + length + (is_long ? 1 : 0);
    for (size_t i = 0; i < options->count; i++) {
        const struct option *option = &options->rows[i];
        if (is_long ? is_named(option, name, length) : option->letter == name[0])
            return option;
    }
    return NULL;
}

static int set_value(struct parser *parser, const struct option *option, const char *value)
{
    const char *accepted = option->read(option, parser->target, value);

    if (accepted)
        return refuse_value(parser, option, value, accepted);
    parser->given[option - parser->options->rows] = value;
    return 0;
}

/* Reads an option and, where it takes one, its value from this word or the next. */
static int parse_option(struct parser *parser, const char *word)
{
    const char *value;
    const struct option *option = find_option(parser->options, word, &value);
    char quoted[QUOTE_TEXT];

    if (!option)
        return refuse(parser, "%s is no option: --help lists them", quote(quoted, word));
    if (!option->argument && value)
        return refuse_value(parser, option, value, "it takes no value");
    if (option->answer)
        return option->answer;
    if (!option->argument)
        return set_value(parser, option, "");
    if (!value) {
        value = *parser->next;
        if (!value)
            return refuse(parser, "--%s: a value is missing: %s", option->name, option->accepted);
        parser->next++;
    }
    return set_value(parser, option, value);
}

static int parse_word(struct parser *parser)
{
    const char *word = *parser->next++;
    int rc = 0;

    if (word[0] != '-' || word[1] == '\0')
        return read_operand(parser, word);
    if (strcmp(word, "--") != 0)
        return parse_option(parser, word);
    while (*parser->next && !rc)
        rc = read_operand(parser, *parser->next++);
    return rc;
}

/* Whatever wasn't given gets its default, through the same door. */
static void set_defaults(struct parser *parser)
{
    for (size_t i = 0; i < parser->options->count; i++) {
        const struct option *option = &parser->options->rows[i];
        if (parser->given[i] || !option->fallback)
            continue;
        int rc = set_value(parser, option, option->fallback);
        assert(rc == 0);
    }
}

/* Values that are right one by one may not go together. */
static int check_together(const struct parser *parser)
{
    char accepted[OPTIONS_ACCEPTED_TEXT];

    for (size_t i = 0; i < parser->options->count; i++) {
        const struct option *option = &parser->options->rows[i];
        if (!option->fits || option->fits(parser->target, accepted))
            continue;
        if (!option->argument)
            return refuse(parser, "--%s needs %s", option->name, accepted);
        assert(parser->given[i]); /* an option with an argument that is judged has a default */
        return refuse_value(parser, option, parser->given[i], accepted);
    }
    return 0;
}

int options_parse(const struct options *options, void *target, char **argv, char *problem,
                  size_t size)
{
    struct parser parser = {
        .options = options,
        .target = target,
        .next = *argv ? argv + 1 : argv,
        .problem = problem,
        .size = size,
    };

    assert(options->count <= OPTIONS_MAX);
    assert(size > 0);
    problem[0] = '\0';
    while (*parser.next) {
        int rc = parse_word(&parser);
        if (rc)
            return rc;
    }
    set_defaults(&parser);
    return check_together(&parser);
}

/* The help being written; what doesn't fit is left out. */
struct page {
    char *text;
    size_t size;
    size_t length;
};

static void add(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct page *page, const char *format, ...)
{
    const size_t room = page->size - page->length;
    va_list arguments;

    va_start(arguments, format);
    int wanted = vsnprintf(page->text + page->length, room, format, arguments);
    va_end(arguments);
    if (wanted > 0)
        page->length += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

#define HELP_COLUMN 28
#define HELP_COLUMNS 80

/* Adds words from HELP_COLUMN on, on as many lines as they take; the first is filled up to
 * `column`, which a long name moves to the right. */
static void add_wrapped(struct page *page, const char *words, size_t column)
{
    for (bool first = true; *words; words += strspn(words, " "), first = false) {
        size_t length = strcspn(words, " ");
        if (!first && column + 1 + length > HELP_COLUMNS) {
            add(page, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (!first) {
            add(page, " ");
            column++;
        }
        add(page, "%.*s", (int)length, words);
        column += length;
        words += length;
    }
    add(page, "\n");
}

static void add_option(struct page *page, const struct option *option)
{
    char names[HELP_COLUMNS];
    char words[256];

    int width = snprintf(names, sizeof(names), "  %c%c%s --%s %s", option->letter ? '-' : ' ',
                         option->letter ? option->letter : ' ', option->letter ? "," : " ",
                         option->name, option->argument ? option->argument : "");
    int column = width < HELP_COLUMN ? HELP_COLUMN : width + 2;
    snprintf(words, sizeof(words), option->fallback ? "%s (%s)" : "%s", option->help,
             option->fallback);
    add(page, "%-*s", column, names);
    add_wrapped(page, words, (size_t)column);
}

size_t options_help(const struct options *options, char *text, size_t size)
{
    struct page page = {.text = text, .size = size};

    assert(size > 0);
    text[0] = '\0';
    add(&page, "%s\n", options->usage);
    for (size_t i = 0; i < options->count; i++)
        add_option(&page, &options->rows[i]);
    add(&page, "%s\n", options->note);
    return page.length;
}

static void *field_of(const struct option *option, void *target)
{
    return (char *)target + option->offset;
}

const char *options_read_flag(const struct option *option, void *target, const char *value)
{
    (void)value; /* there is none */
    *(bool *)field_of(option, target) = true;
    return NULL;
}

const char *options_read_number(const struct option *option, void *target, const char *value)
{
    uint32_t *field = field_of(option, target);
    uint64_t number;

    assert(option->range.most <= UINT32_MAX);
    if (units_parse_number(value, strlen(value), &option->range, &number))
        return option->accepted;
    *field = (uint32_t)number;
    return NULL;
}

const char *options_read_size(const struct option *option, void *target, const char *value)
{
    size_t *field = field_of(option, target);

    return units_parse_size(value, strlen(value), &option->range, field) ? option->accepted : NULL;
}

const char *options_read_duration(const struct option *option, void *target, const char *value)
{
    int64_t *field = field_of(option, target);
    int64_t duration_ns;

    if (units_parse_duration(value, strlen(value), &duration_ns) ||
        (uint64_t)duration_ns < option->range.least)
        return option->accepted;
    *field = duration_ns;
    return NULL;
}

const char *options_read_text(const struct option *option, void *target, const char *value)
{
    const char **field = field_of(option, target);

    if (!*value)
        return option->accepted;
    *field = value;
    return NULL;
}
