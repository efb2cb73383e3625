#include "chat/people/line_kind.h"

#include <stdbool.h>
#include <string.h>

struct scan {
    const char *at;
    const char *end;
};

static bool take(struct scan *scan, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, text, length) != 0)
        return false;
    scan->at += length;
    return true;
}

/* Skips one name (or number) of a list. */
static void skip_name(struct scan *scan)
{
    while (scan->at < scan->end && *scan->at != ' ' && *scan->at != ',')
        scan->at++;
}

/* Skips `ann`, `ann and bob`, `12 others`, `ann, bob and 3 others`. A person may be called `and`:
 * only its place in the list tells what a word is. */
static void skip_names(struct scan *scan)
{
    skip_name(scan);
    while (take(scan, ", "))
        skip_name(scan);
    if (take(scan, " and "))
        skip_name(scan);
    (void)(take(scan, " others") || take(scan, " other"));
}

enum line_kind line_kind(const char *line, size_t length)
{
    struct scan scan = {.at = line, .end = line + length};
    skip_name(&scan); /* the room's */
    if (!take(&scan, " -- "))
        return LINE_SPEECH;
    skip_names(&scan);
    if (take(&scan, " left"))
        return take(&scan, " (kicked") ? LINE_EVENT : LINE_PRESENCE;
    return take(&scan, " joined\r\n") || take(&scan, " is now ") ? LINE_PRESENCE : LINE_EVENT;
}
