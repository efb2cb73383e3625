/*
 * testing: a small program that tests another small piece.
 *
 * The piece is a game: it asks its player for a number, says `more`, `less` or
 * `right`, and lets a player go who says nothing for half an hour. It is played
 * on networks that cut as they like; by somebody who falls asleep; on a connection
 * that breaks at the second read; with each of its calls failing once; and by
 * somebody who waits for what it never says.
 *
 * What to look for: that half an hour takes no time; that a test names what it
 * waits for, and never how long; how the report of the last one says on what each
 * side hangs. book/06-testing.md tells the rest. testing.expected holds what it
 * prints.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/sim/testing.h"

/* The piece. */

enum { NUMBER = 7 };

struct game {
    struct task task;
    struct frame frame;
    int rc;
    struct stream stream;
    struct cancel_scope patience;
    char *line;
    size_t size;
};

static int hear(struct task *task, struct game *self)
{
    return stream_read_line(task, &self->stream, 9, &self->line, &self->size);
}

static int say(struct game *self, const char *text)
{
    return stream_write(&self->stream, text, strlen(text));
}

/* Answers a guess. Returns 1 where it was right, 0 where it was not, or -errno. */
static int answer(struct game *self)
{
    long guess = strtol(self->line, NULL, 10);
    int rc = say(self, guess < NUMBER ? "more\n" : guess > NUMBER ? "less\n" : "right\n");
    return rc < 0 ? rc : guess == NUMBER;
}

static int game_step(struct task *task)
{
    struct game *const self = container_of(task, struct game, task);

    TASK_BEGIN();
    self->rc = say(self, "a number?\n");
    while (self->rc == 0) {
        cancel_scope_open(task, &self->patience, 1800 * NS_PER_SECOND);
        TASK_AWAIT(self->rc, hear(task, self));
        (void)cancel_scope_close(task, &self->patience);
        if (self->rc <= 0)
            break;
        self->rc = answer(self);
    }
    if (self->rc > 0)
        TASK_AWAIT(self->rc, stream_drain(task, &self->stream, 0));
    stream_close(&self->stream);
    TASK_RETURN(self->rc);
    TASK_END();
}

/* The tests. */

static struct testing testing;
static struct game game;
static struct testing_script script;

static const struct testing_act clever[] = {
    {.verb = TESTING_EXPECT, .text = "a number?\n"}, {.verb = TESTING_SAY, .text = "3\r\n"},
    {.verb = TESTING_EXPECT, .text = "more\n"},      {.verb = TESTING_SAY, .text = "7\r\n"},
    {.verb = TESTING_EXPECT, .text = "right\n"},     {.verb = TESTING_END}};
static const struct testing_act asleep[] = {{.verb = TESTING_SAY, .text = "3\n"},
                                            {.verb = TESTING_END}};
static const struct testing_act puzzled[] = {{.verb = TESTING_SAY, .text = "3\n"},
                                             {.verb = TESTING_EXPECT, .text = "warmer"},
                                             {.verb = TESTING_END}};

/* Has a player act by `acts`, for `limit_ns` at most. Returns whether the game was over by then;
 * what it returned is game.task.result. */
static bool play(const struct testing_act *acts, int64_t limit_ns)
{
    struct sim_peer *peer;
    game = (struct game){.rc = 0};
    int rc = testing_stream(&testing, &game.stream, &peer);
    if (rc < 0) {
        game.task.result = rc;
        return true;
    }
    testing_play(&testing, &script, peer, acts);
    return testing_run(&testing, &game.task, "game", game_step, limit_ns);
}

static void judge(const char *test, bool good)
{
    bool clean = testing_close(&testing);
    printf("%s: %s\n", test, !good ? "FAILED" : clean ? "passed" : testing.report);
}

int main(void)
{
    static const int answers[] = {0, -ECONNRESET};
    bool good = true, more = true;

    for (unsigned seed = 0; seed < 30 && good; seed++) {
        testing_open(&testing, &(struct sim_options){.seed = seed, .segments = SIM_RANDOM});
        good = play(clever, NS_PER_SECOND) && testing_played(&testing, &script);
        good = testing_close(&testing) && good && game.task.result == 0;
    }
    printf("however the network cuts: %s\n", good ? "passed" : "FAILED");

    testing_open(&testing, NULL);
    good = play(asleep, 3600 * NS_PER_SECOND) && game.task.result == -ETIMEDOUT;
    judge("who falls asleep is let go after half an hour",
          good && sim_now_ns(testing.sim) == 1801 * NS_PER_SECOND); /* its clock began at 1 s */

    testing_open(&testing, NULL);
    sim_answer(testing.sim, SIM_RECEIVE, answers, 2);
    good = play(clever, NS_PER_SECOND) && game.task.result == -ECONNRESET;
    judge("a connection breaks at the second read",
          good && sim_count(testing.sim, SIM_RECEIVE) == 2);

    for (unsigned nth = 1; more && good; nth++) {
        testing_open(&testing, NULL);
        sim_fail_nth(testing.sim, nth, 0);
        good = play(clever, NS_PER_SECOND);
        more = sim_failed_call(testing.sim) != NULL;
        good = testing_close(&testing) && good;
    }
    printf("whatever call fails, nothing is left: %s\n", good ? "passed" : "FAILED");

    testing_open(&testing, NULL);
    good = play(puzzled, NS_PER_SECOND);
    printf("who hopes for a hint: %s\n%s", good ? "passed" : "FAILED", testing.report);
    return !testing_close(&testing);
}
