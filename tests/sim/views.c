#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/model.h"

/* --- the log --- */

/* A hash of `X is now Y` in `#room -- X is now Y`; 0 where the line is another. */
static uint64_t rename_of(const char *text)
{
    const char *event = strstr(text, " -- ");
    if (!event || strchr(text, '<') || !strstr(event, " is now ") || strstr(event, "topic:"))
        return 0;
    return model_hash(event + strlen(" -- "));
}

void views_log(struct run *run, int room, const char *text, uint32_t author)
{
    struct watched_room *log = &run->rooms[room];
    log->lines = run_grow(log->lines, &log->capacity, log->count, sizeof(*log->lines));
    log->lines[log->count++] = (struct room_line){.text = strdup(text),
                                                  .hash = model_hash(text),
                                                  .author = author,
                                                  .rename = author ? 0 : rename_of(text)};
}

void views_note(struct connection *connection, int room, enum item_kind kind, uint64_t value,
                const char *text)
{
    struct view *view = &connection->views[room];
    view->items = run_grow(view->items, &view->capacity, view->count, sizeof(*view->items));
    view->items[view->count++] =
        (struct item){.kind = kind, .value = value, .text = text ? strdup(text) : NULL};
}

/* --- one view --- */

/* What is logged between an /unignore and the first line that is shown after it may be from before:
 * then it is not shown. */
static bool maybe_ignored(const struct view *view, uint32_t author)
{
    for (size_t i = 0; author && i < MODEL_HEARD_AGAIN_MAX; i++)
        if (view->heard_again[i] == author)
            return true;
    return false;
}

static bool ignores(const struct view *view, uint32_t author)
{
    for (size_t i = 0; author && i < MODEL_IGNORED_MAX; i++)
        if (view->ignored[i] == author)
            return true;
    return false;
}

static void set_ignored(struct view *view, uint32_t old, uint32_t new)
{
    for (size_t i = 0; i < MODEL_IGNORED_MAX; i++) {
        if (view->ignored[i] == old) {
            view->ignored[i] = new;
            return;
        }
    }
}

/* Whether this connection is not shown the line. */
static bool hidden(const struct connection *connection, const struct view *view,
                   const struct room_line *line)
{
    if (line->author == connection->number || ignores(view, line->author) ||
        maybe_ignored(view, line->author))
        return true;
    for (size_t i = 0; line->rename && i < connection->rename_count; i++)
        if (connection->renames[i] == line->rename)
            return true;
    return false;
}

/* Passes what is hidden, up to a place in the log. Not further than need be: what is said later
 * may be shown, if nobody is ignored any more by then. */
static void pass_hidden(const struct connection *connection, struct view *view,
                        const struct watched_room *log, size_t end)
{
    while (view->position < end && hidden(connection, view, &log->lines[view->position]))
        view->position++;
}

/* The same, up to a line. */
static void pass_to(const struct connection *connection, struct view *view,
                    const struct watched_room *log, uint64_t hash)
{
    while (view->position < log->count && log->lines[view->position].hash != hash &&
           hidden(connection, view, &log->lines[view->position]))
        view->position++;
}

/* Whether the view goes on with `item`; if not, nothing has changed that matters. */
static const char *step(const struct connection *connection, struct view *view,
                        const struct watched_room *log, const struct item *item)
{
    switch (item->kind) {
    case ITEM_LINE:
        pass_to(connection, view, log, item->value);
        memset(view->heard_again, 0, sizeof(view->heard_again));
        if (view->position == log->count)
            return "was shown a line that the room's log doesn't go on with";
        if (log->lines[view->position].hash != item->value)
            return "was shown another line than the room's log goes on with";
        view->position++;
        return NULL;
    case ITEM_GAP:
        for (uint64_t n = 0; n < item->value; n++) {
            pass_hidden(connection, view, log, log->count);
            if (view->position++ >= log->count)
                return "was told of more skipped lines than there are";
        }
        return NULL;
    case ITEM_PONG:
        pass_hidden(connection, view, log, item->value);
        return view->position < item->value ? "got a pong before a line said before it" : NULL;
    case ITEM_IGNORES:
        if (!ignores(view, (uint32_t)item->value))
            set_ignored(view, 0, (uint32_t)item->value);
        return NULL;
    case ITEM_HEARS:
        set_ignored(view, (uint32_t)item->value, 0);
        memmove(view->heard_again + 1, view->heard_again,
                sizeof(view->heard_again) - sizeof(view->heard_again[0]));
        view->heard_again[0] = (uint32_t)item->value;
        return NULL;
    default:
        return NULL;
    }
}

/* The rest of a stay, tried from one place in the log: how many of the items fit. */
static size_t try_from(const struct connection *connection, struct view *view, size_t from,
                       const struct watched_room *log, size_t position)
{
    struct view trial = *view;
    size_t at = from;
    trial.position = position;
    while (at < view->count && view->items[at].kind != ITEM_LEFT &&
           !step(connection, &trial, log, &view->items[at]))
        at++;
    return at;
}

/* Finds out where in the log a stay began: where most of what it was shown fits. Speech is in the
 * log once, events may be there more often. */
static void anchor(struct run *run, const struct connection *connection, int room, size_t at)
{
    struct view *view = (struct view *)&connection->views[room];
    const struct watched_room *log = &run->rooms[room];
    size_t best = 0;
    for (size_t p = view->position; p < log->count; p++) {
        if (log->lines[p].hash != view->items[at].value)
            continue;
        size_t reached = try_from(connection, view, at, log, p);
        if (reached <= best)
            continue;
        best = reached;
        view->position = p;
        view->anchored = true;
    }
    if (!view->anchored)
        run_fail(run, "c%u (%s) was shown a line of %s that is not in its log: %s",
                 connection->number, connection->name, run_room_names[room], view->items[at].text);
}

static void fail_at(struct run *run, const struct connection *connection, int room,
                    const char *problem, const struct item *item)
{
    const struct view *view = &connection->views[room];
    const struct watched_room *log = &run->rooms[room];
    const char *next = view->position < log->count ? log->lines[view->position].text : "(its end)";
    run_fail(run, "c%u (%s) in %s %s: %s %" PRIu64 "; the log goes on with: %s", connection->number,
             connection->name, run_room_names[room], problem, item->text ? item->text : "value",
             item->value, next);
}

/* Begins or ends a stay. */
static bool turn_page(struct view *view, const struct item *item)
{
    if (item->kind != ITEM_ENTERED && item->kind != ITEM_LEFT)
        return false;
    view->open = item->kind == ITEM_ENTERED;
    view->anchored = view->skipped = false;
    view->position = (size_t)item->value;
    return true;
}

static void compare(struct run *run, struct connection *connection, int room)
{
    struct view *view = &connection->views[room];
    for (size_t i = 0; i < view->count; i++) {
        const struct item *item = &view->items[i];
        if (turn_page(view, item))
            continue;
        if (item->kind == ITEM_LINE && view->open && !view->anchored)
            anchor(run, connection, room, i);
        if (item->kind == ITEM_GAP && !view->anchored)
            view->skipped = true;
        if (!view->anchored && item->kind != ITEM_IGNORES && item->kind != ITEM_HEARS)
            continue;
        const struct view before = *view;
        const char *problem = step(connection, view, &run->rooms[room], item);
        if (problem && view->open) {
            view->position = item->kind == ITEM_GAP ? before.position : view->position;
            fail_at(run, connection, room, problem, item);
        }
        run->tally->views++;
    }
    for (size_t i = 0; i < view->count; i++)
        free((char *)view->items[i].text);
    view->count = 0;
}

/* Nothing may be missing at the end of a view of somebody who is there and reads. */
static void check_end(struct run *run, struct connection *connection, int room)
{
    struct view *view = &connection->views[room];
    const struct watched_room *log = &run->rooms[room];
    if (!view->open || view->skipped)
        return;
    if (!view->anchored)
        run_fail(run, "c%u (%s) never saw that it arrived in %s", connection->number,
                 connection->name, run_room_names[room]);
    pass_hidden(connection, view, log, log->count);
    if (view->position < log->count)
        run_fail(run, "c%u (%s) was not shown what stands in the log of %s: %s", connection->number,
                 connection->name, run_room_names[room], log->lines[view->position].text);
}

/* --- all of them --- */

static void check_names(struct run *run)
{
    for (uint32_t i = 1; i <= run->connection_count; i++) {
        const struct connection *one = run->connections[i];
        for (uint32_t k = i + 1; !one->gone && one->name[0] && k <= run->connection_count; k++) {
            const struct connection *other = run->connections[k];
            if (!other->gone && !other->mute && !one->mute &&
                strcasecmp(one->name, other->name) == 0)
                run_fail(run, "c%u and c%u are both called %s", i, k, one->name);
        }
    }
}

static void check_speech(struct run *run, const struct connection *connection)
{
    if (connection->elsewhere || connection->refused)
        return;
    for (uint32_t n = 1; n <= connection->said; n++)
        if (connection->fates[n] == FATE_OWED)
            run_fail(run, "c%u.%u was said, a pong confirmed it, and no room has it",
                     connection->number, n);
}

void views_check(struct run *run)
{
    if (run->lenient || run->witness->gone)
        return;
    for (uint32_t i = 1; i <= run->connection_count; i++) {
        struct connection *connection = run->connections[i];
        if (connection == run->witness || connection->wild)
            continue;
        for (int room = 0; room < RUN_WATCHED_ROOMS; room++) {
            compare(run, connection, room);
            if (!connection->gone && !connection->mute)
                check_end(run, connection, room);
        }
        if (!connection->gone && !connection->mute && connection->pings == connection->pongs)
            check_speech(run, connection);
    }
    check_names(run);
}
