#include "tests/support/fixture.h"

#include <assert.h>
#include <criterion/criterion.h>

#include "reactor/base/random.h"
#include "reactor/task/sync.h"

struct sim *sim;
struct loop loop;
struct task_group actor_group;

static unsigned ended_actors;

void fixture_open(void)
{
    sim = sim_create(NULL);
    sim_limit(sim, sim_now_ns(sim));
    cr_assert_eq(loop_init(&loop, sim_door(sim)), 0);
    task_group_open(&actor_group, NULL, "cast", GROUP_CONTAIN);
    actor_group.loop = &loop;
    ended_actors = 0;
}

/* Asserts, for Criterion doesn't count what its own find in a `.fini`. */
void fixture_close(void)
{
    assert(actor_group.alive == 0);
    assert(wheel_count(&loop.wheel) == 0);
    wheel_check(&loop.wheel);
    loop_release(&loop);
    assert(sim_open_descriptors(sim) == 0);
    assert(sim_live_blocks(sim) == 0);
    sim_free(sim);
}

void fixture_turn(void)
{
    sim_limit(sim, sim_now_ns(sim));
    cr_assert_eq(loop_run_once(&loop), 0);
}

void fixture_settle(void)
{
    fixture_pass(0);
}

void fixture_pass(int64_t duration_ns)
{
    sim_limit(sim, time_after(sim_now_ns(sim), duration_ns));
    while (!sim_idle(sim))
        cr_assert_eq(loop_run_once(&loop), 0);
}

static int actor_step(struct task *task)
{
    struct actor *const self = container_of(task, struct actor, task);

    TASK_BEGIN();
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    if (self->shielded)
        task_shield(task);
    TASK_AWAIT(self->rc, self->call(task, self->object));
    if (self->shielded)
        task_unshield(task);
    if (self->limit_ns)
        self->limit_passed = cancel_scope_close(task, &self->limit);
    self->rank = ++ended_actors;
    TASK_RETURN(self->rc);
    TASK_END();
}

void actor_start(struct actor *actor, const char *name)
{
    actor->frame = (struct frame){0};
    actor->rank = 0;
    cr_assert_eq(task_group_spawn(&actor_group, &actor->task, name, actor_step), 0);
}

bool actor_ended(const struct actor *actor, int result)
{
    return task_ended(&actor->task) && actor->task.result == result;
}

bool actor_waiting(const struct actor *actor)
{
    return !task_ended(&actor->task) && task_where(&actor->task);
}

int actor_sleeps(struct task *task, void *object)
{
    return task_sleep(task, *(const int64_t *)object);
}

int actor_waits(struct task *task, void *object)
{
    return event_wait(task, object);
}

unsigned fixture_random(uint64_t *state, unsigned bound)
{
    return (unsigned)random_below(state, bound);
}
