/* The pool: random users against a model of who is served. */
#include <criterion/criterion.h>

#include "tests/support/pool_fixture.h"

#define USERS 7
#define STEPS 3000

/* Who is served, as one would write it without caring for the cost. */
struct model {
    struct {
        enum { AWAY, WAITS, HOLDS } state;
        int64_t until_ns;
        bool cancelled;
    } users[USERS];
    int line[USERS]; /* those who wait, the longest waiting first */
    int waiting;
    int holding;
};

static struct user users[USERS];

static void model_leave_line(struct model *model, int at)
{
    for (int i = at; i + 1 < model->waiting; i++)
        model->line[i] = model->line[i + 1];
    model->waiting--;
}

/* Everything that follows once the loop has settled. */
static void model_settle(struct model *model)
{
    for (int i = model->waiting - 1; i >= 0; i--) {
        if (model->users[model->line[i]].cancelled) {
            model->users[model->line[i]].state = AWAY;
            model_leave_line(model, i);
        }
    }
    while (model->waiting && model->holding < THINGS_LIMIT) {
        model->users[model->line[0]].state = HOLDS;
        model->holding++;
        model_leave_line(model, 0);
    }
    for (int i = model->waiting - 1; i >= 0; i--) {
        if (loop.now_ns >= model->users[model->line[i]].until_ns) {
            model->users[model->line[i]].state = AWAY;
            model_leave_line(model, i);
        }
    }
}

static void model_act(struct model *model, int i, uint64_t *state)
{
    switch (model->users[i].state) {
    case AWAY: {
        int64_t limit_ns = (int64_t)fixture_random(state, 4) * 2 * NS_PER_MS;
        user_ask(&users[i], limit_ns);
        model->users[i].cancelled = false;
        model->users[i].state = WAITS;
        model->users[i].until_ns = limit_ns ? sim_now_ns(sim) + limit_ns : TIME_NEVER;
        model->line[model->waiting++] = i;
        break;
    }
    case WAITS:
        user_cancel(&users[i]);
        model->users[i].cancelled = true;
        break;
    default:
        if (fixture_random(state, 4))
            user_release(&users[i]);
        else
            user_discard(&users[i]);
        model->users[i].state = AWAY;
        model->holding--;
        break;
    }
}

static void model_compare(const struct model *model, uint64_t seed, int step)
{
    pool_check(&pool);
    must(opened - closed == (int)(pool.idle_count + pool.busy_count), "seed %lu step %d: a leak",
         seed, step);
    must(opened - closed <= THINGS_LIMIT, "seed %lu step %d: too many", seed, step);
    for (int i = 0; i < USERS; i++) {
        bool waits = users[i].actor.call && actor_waiting(&users[i].actor);
        must(waits == (model->users[i].state == WAITS), "seed %lu step %d: user %d", seed, step, i);
        /* Who gave its thing back mustn't look at it any more. */
        must(model->users[i].state != HOLDS || user_lent(&users[i]), "seed %lu step %d: user %d",
             seed, step, i);
    }
}

static void run_model(uint64_t seed)
{
    struct model model = {.waiting = 0};
    uint64_t state = seed;

    for (int step = 0; step < STEPS; step++) {
        /* Several in one turn: newcomers meet those who are woken, cancels meet releases. */
        int touched[USERS] = {0};
        for (unsigned acts = 1 + fixture_random(&state, 3); acts > 0; acts--) {
            unsigned i = fixture_random(&state, USERS);
            if (!touched[i]++)
                model_act(&model, (int)i, &state);
        }
        fixture_settle();
        model_settle(&model);
        fixture_pass((int64_t)fixture_random(&state, 3) * NS_PER_MS);
        model_settle(&model);
        model_compare(&model, seed, step);
    }
    for (int i = 0; i < USERS; i++) {
        if (model.users[i].state == WAITS)
            user_cancel(&users[i]);
    }
    fixture_settle();
    for (int i = 0; i < USERS; i++) {
        if (model.users[i].state == HOLDS)
            user_release(&users[i]);
    }
}

Test(pool_model, random_users_are_served_as_the_model_says, .init = pool_fixture_open)
{
    pool.keep_ns = 3 * NS_PER_MS;
    for (uint64_t seed = 1; seed <= 20; seed++)
        run_model(seed);
    pool_fixture_close();
}
