#include "tools/chatload/misfit.h"

#include <errno.h>
#include <string.h>

int misfits_open(struct misfits *misfits, struct load *load)
{
    const struct settings *settings = load->settings;
    *misfits = (struct misfits){.load = load, .count = settings->stalled + settings->churn};
    if (misfits->count == 0)
        return 0;
    misfits->all =
        load->loop->sys->allocate(load->loop->sys, misfits->count * sizeof(*misfits->all));
    if (!misfits->all)
        return -ENOMEM;
    memset(misfits->all, 0, misfits->count * sizeof(*misfits->all));
    for (uint32_t i = 0; i < misfits->count; i++) {
        user_init(&misfits->all[i].user, load, settings->clients + i, NULL);
        misfits->all[i].user.ear.senders = 0; /* hears without being asked what */
    }
    return 0;
}

void misfits_release(struct misfits *misfits)
{
    struct sys *sys = misfits->load->loop->sys;
    sys->release(sys, misfits->all);
}

/* It is in, and won't read any more. */
static void begin_stalling(struct misfit *misfit)
{
    struct load *load = misfit->user.load;
    struct sys *sys = load->loop->sys;
    /* Where that fails, it only takes longer until the connection is full. */
    (void)sys->set_option(sys, misfit->user.stream.descriptor.fd, SOL_SOCKET, SO_RCVBUF,
                          MISFIT_RECEIVE_BYTES);
    load->stalled_in++;
}

static void tell_refused(struct user *user, int rc)
{
    char why[USER_REASON_TEXT];
    load_fail(user->load, "%s: stalled client: %s", user->load->address_text,
              user_reason(user, rc, why));
}

static int stalled_step(struct task *task)
{
    struct misfit *const self = container_of(task, struct misfit, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, semaphore_acquire(task, &self->user.load->doors));
    if (self->rc < 0)
        TASK_RETURN(0);
    TASK_AWAIT(self->rc, user_enter(task, &self->user.entry, &self->user));
    semaphore_release(&self->user.load->doors);
    if (self->rc == 0) {
        begin_stalling(self);
        TASK_AWAIT(self->rc, task_sleep(task, TIME_NEVER));
    } else if (self->rc != -ECANCELED) {
        tell_refused(&self->user, self->rc);
    }
    user_close(&self->user);
    TASK_RETURN(0);
    TASK_END();
}

/* A visit that fails is one less: the healthy clients notice a server that is gone. */
static int churn_step(struct task *task)
{
    struct misfit *const self = container_of(task, struct misfit, task);

    TASK_BEGIN();
    while (!task_cancelled(task)) {
        self->user.in = false;
        TASK_AWAIT(self->rc, user_enter(task, &self->user.entry, &self->user));
        self->user.load->visits += self->rc == 0;
        TASK_AWAIT(self->rc, task_sleep(task, MISFIT_STAY_NS));
        user_close(&self->user);
        TASK_AWAIT(self->rc, task_sleep(task, MISFIT_STAY_NS));
    }
    TASK_RETURN(0);
    TASK_END();
}

static void spawn(struct misfits *misfits, struct task_group *group, uint32_t i, const char *name,
                  task_step *step)
{
    /* Refused by a group that is cancelled: then the run is over anyway. */
    (void)task_group_spawn(group, &misfits->all[i].task, name, step);
}

void misfits_spawn_stalled(struct misfits *misfits, struct task_group *group)
{
    for (uint32_t i = 0; i < misfits->load->settings->stalled; i++)
        spawn(misfits, group, i, "stalled", stalled_step);
}

void misfits_spawn_churn(struct misfits *misfits, struct task_group *group)
{
    for (uint32_t i = misfits->load->settings->stalled; i < misfits->count; i++)
        spawn(misfits, group, i, "churn", churn_step);
}
