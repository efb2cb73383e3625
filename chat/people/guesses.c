#include "chat/people/guesses.h"

#include <stddef.h>
#include <string.h>

static int64_t last_ns(const struct guesser *guesser)
{
    return guesser->wrong_ns[GUESSES_MAX - 1];
}

/* The record of `origin`, or NULL. */
static struct guesser *find(struct guesses *guesses, uint64_t origin)
{
    for (size_t i = 0; i < GUESSES_ADDRESSES; i++)
        if (guesses->guessers[i].origin == origin && last_ns(&guesses->guessers[i]) != 0)
            return &guesses->guessers[i];
    return NULL;
}

/* The record that was used longest ago, emptied. */
static struct guesser *replace_oldest(struct guesses *guesses, uint64_t origin)
{
    struct guesser *oldest = &guesses->guessers[0];
    for (size_t i = 1; i < GUESSES_ADDRESSES; i++)
        if (last_ns(&guesses->guessers[i]) < last_ns(oldest))
            oldest = &guesses->guessers[i];
    *oldest = (struct guesser){.origin = origin};
    return oldest;
}

bool guesses_closed(const struct guesses *guesses, uint64_t origin, int64_t now_ns)
{
    const struct guesser *guesser = find((struct guesses *)guesses, origin);
    return guesser && now_ns < guesser->closed_ns;
}

void guesses_add(struct guesses *guesses, uint64_t origin, int64_t now_ns)
{
    struct guesser *guesser = find(guesses, origin);
    if (!guesser)
        guesser = replace_oldest(guesses, origin);
    memmove(&guesser->wrong_ns[0], &guesser->wrong_ns[1],
            (GUESSES_MAX - 1) * sizeof(guesser->wrong_ns[0]));
    guesser->wrong_ns[GUESSES_MAX - 1] = now_ns;
    if (guesser->wrong_ns[0] != 0 && now_ns - guesser->wrong_ns[0] < GUESSES_NS)
        guesser->closed_ns = now_ns + GUESSES_NS;
}
