#include "tools/chatload_probe.h"

/* Somebody in the first room who doesn't speak; NULL: there is nobody. */
static struct client *find_listener(const struct load *load)
{
    const struct settings *settings = load->settings;
    uint32_t number = 0;
    while (number < settings->senders)
        number += settings->rooms;
    return number < settings->clients ? &load->clients[number] : NULL;
}

void probe_init(struct probe *probe, struct load *load)
{
    *probe = (struct probe){.speaker = &load->clients[0], .listener = find_listener(load)};
    probe->speaker->question.answers = &probe->speaker_answers;
    if (probe->listener)
        probe->listener->question.answers = &probe->listener_answers;
}

static void count_open(struct client *client, int64_t now_ns)
{
    struct question *question = &client->question;
    if (question->asked_ns)
        histogram_record(question->answers, now_ns - question->asked_ns);
    question->answers = NULL;
}

int probe_step(struct task *task)
{
    struct probe *const self = container_of(task, struct probe, task);

    TASK_BEGIN();
    do {
        client_ask(self->speaker);
        if (self->listener)
            client_ask(self->listener);
        TASK_AWAIT(self->rc, task_sleep(task, PROBE_INTERVAL_NS));
    } while (self->rc == 0);
    count_open(self->speaker, task->loop->now_ns);
    if (self->listener)
        count_open(self->listener, task->loop->now_ns);
    TASK_RETURN(0);
    TASK_END();
}

uint64_t probe_speaker_us(const struct probe *probe)
{
    return histogram_at_us(&probe->speaker_answers, 0.5);
}

uint64_t probe_listener_us(const struct probe *probe)
{
    return histogram_at_us(&probe->listener_answers, 0.5);
}
