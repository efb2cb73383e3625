#include "tools/chatload/probe.h"

/* Somebody in the first room who doesn't speak; NULL: there is nobody. */
static struct user *find_listener(const struct load *load)
{
    const struct settings *settings = load->settings;
    uint32_t number = 0;
    while (number < settings->senders)
        number += settings->rooms;
    return number < settings->clients ? &load->users[number] : NULL;
}

void probe_init(struct probe *probe, struct load *load)
{
    *probe = (struct probe){.speaker = &load->users[0], .listener = find_listener(load)};
}

static void count_open(struct user *user, int64_t now_ns)
{
    struct question *question = &user->question;
    if (!question->asked_ns)
        return;
    question->waited_ns += now_ns - question->asked_ns;
    question->answers++;
    question->asked_ns = 0;
}

int probe_step(struct task *task)
{
    struct probe *const self = container_of(task, struct probe, task);

    TASK_BEGIN();
    do {
        user_ask(self->speaker);
        if (self->listener)
            user_ask(self->listener);
        TASK_AWAIT(self->rc, task_sleep(task, PROBE_INTERVAL_NS));
    } while (self->rc == 0);
    count_open(self->speaker, task->loop->now_ns);
    if (self->listener)
        count_open(self->listener, task->loop->now_ns);
    TASK_RETURN(0);
    TASK_END();
}

static double average_us(const struct user *user)
{
    if (!user || !user->question.answers)
        return 0;
    return (double)user->question.waited_ns / (double)user->question.answers / NS_PER_US;
}

double probe_speaker_us(const struct probe *probe)
{
    return average_us(probe->speaker);
}

double probe_listener_us(const struct probe *probe)
{
    return average_us(probe->listener);
}
