#include "tests/sim/presence.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRESENT_MAX 256
#define NAME 24

/* A run has a process of its own: its rooms begin empty. */
static struct presence {
    char names[PRESENT_MAX][NAME];
    size_t count;
    uint32_t came_unnamed;
    uint32_t left_unnamed;
} presences[RUN_WATCHED_ROOMS];

static size_t find(const struct presence *presence, const char *name)
{
    size_t i = 0;
    while (i < presence->count && strcmp(presence->names[i], name) != 0)
        i++;
    return i;
}

static void add(struct run *run, struct presence *presence, const char *name)
{
    if (presence->count == PRESENT_MAX)
        run_fail(run, "more than %d people are in a room", PRESENT_MAX);
    (void)snprintf(presence->names[presence->count++], NAME, "%s", name);
}

/* Somebody does something who must be there. */
static size_t need(struct run *run, struct presence *presence, const char *name, const char *line)
{
    size_t i = find(presence, name);
    if (i < presence->count)
        return i;
    if (presence->came_unnamed == 0)
        run_fail(run, "%s was never announced, but: %s", name, line);
    presence->came_unnamed--;
    add(run, presence, name);
    return i;
}

static void join(struct run *run, struct presence *presence, const char *name, const char *line)
{
    if (find(presence, name) == presence->count)
        add(run, presence, name);
    else if (presence->left_unnamed == 0)
        run_fail(run, "%s is there already, but: %s", name, line);
    else
        presence->left_unnamed--;
}

static void part(struct run *run, struct presence *presence, const char *name, const char *line)
{
    size_t i = need(run, presence, name, line);
    memmove(presence->names[i], presence->names[--presence->count], NAME);
}

/* `ann, bob and 3 others`: calls `each` for the names, returns how many are only counted. */
static uint32_t read_roll(struct run *run, struct presence *presence, const char *roll, size_t size,
                          void (*each)(struct run *, struct presence *, const char *, const char *))
{
    char words[512];
    char *rest;
    uint32_t others = 0;
    (void)snprintf(words, sizeof(words), "%.*s", (int)size, roll);
    for (char *word = strtok_r(words, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest)) {
        if (isdigit((unsigned char)word[0]))
            others = (uint32_t)strtoul(word, NULL, 10);
        else if (strcmp(word, "and") != 0 && strcmp(word, "others") != 0 &&
                 strcmp(word, "other") != 0)
            each(run, presence, word, roll);
    }
    return others;
}

static void rename_in(struct run *run, struct presence *presence, const char *event)
{
    char before[NAME];
    char after[NAME];
    if (sscanf(event, "%23s is now %23s", before, after) != 2)
        return;
    size_t i = need(run, presence, before, event);
    if (find(presence, after) < presence->count && find(presence, after) != i) {
        if (presence->left_unnamed == 0)
            run_fail(run, "that name is somebody's: %s", event);
        presence->left_unnamed--;
        part(run, presence, after, event);
        i = find(presence, before);
    }
    (void)snprintf(presence->names[i], NAME, "%s", after);
}

static void note_event(struct run *run, struct presence *presence, const char *event)
{
    char name[NAME];
    char verb[16] = "";
    const char *left = strstr(event, " left");
    size_t length = strlen(event);
    if (sscanf(event, "%23s %15s", name, verb) != 2)
        return;
    if (strcmp(verb, "set") == 0)
        (void)need(run, presence, name, event);
    else if (strcmp(verb, "is") == 0)
        rename_in(run, presence, event);
    else if (left && (!left[5] || left[5] == ' '))
        presence->left_unnamed += read_roll(run, presence, event, (size_t)(left - event), part);
    else if (length > 7 && strcmp(event + length - 7, " joined") == 0)
        presence->came_unnamed += read_roll(run, presence, event, length - 7, join);
}

void presence_note(struct run *run, int room, const char *line)
{
    struct presence *presence = &presences[room];
    const char *rest = strchr(line, ' ');
    char name[NAME];
    if (!rest)
        return;
    if (strncmp(rest, " -- ", 4) == 0)
        note_event(run, presence, rest + 4);
    else if (sscanf(rest, " <%23[^>]>", name) == 1 || sscanf(rest, " * %23s", name) == 1)
        (void)need(run, presence, name, line);
}
