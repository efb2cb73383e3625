#include "tools/chatload/sender.h"

#include "tools/chatload/client.h"
#include "tools/chatload/host.h"

void sender_init(struct sender *sender, struct load *load, uint32_t from)
{
    uint32_t next = from + load->settings->rooms;
    struct client *client = &load->clients[from];
    if (next >= load->settings->clients)
        next = client->room;
    *sender = (struct sender){.load = load, .client = client, .window = &load->windows[from]};
    *sender->window = (struct window){.from = from};
    wait_list_init(&sender->window->waiting);
    sender->audience = load_room_members(load, client->room) - 1;
    load->clients[next].watched = sender->window;
}

void sender_say(struct sender *sender, int64_t due_ns)
{
    struct load *load = sender->load;
    size_t size = load->settings->size_bytes;
    struct message message = {
        .from = sender->window->from,
        .number = sender->window->next,
        .due_ns = due_ns - load->epoch_ns,
    };
    if (!sender->client->in || sender->window->next == MESSAGE_NUMBER_MAX)
        return;
    message_write(&message, load->tag, load->text, size);
    load->text[size] = '\n';
    if (stream_write(&sender->client->stream, load->text, size + 1) < 0) {
        load_fail(load, "out of memory for what the server doesn't read");
        return;
    }
    sender->window->next++;
    load->sent++;
    load->expected += sender->audience;
}

static uint32_t in_flight(const struct sender *sender)
{
    return sender->window->next - sender->window->settled;
}

static bool window_open(const struct sender *sender)
{
    return in_flight(sender) < sender->load->settings->window && sender->client->in;
}

static int window_wait(struct task *task, struct sender *sender)
{
    return task_wait(task, &sender->window->waiting, window_open(sender));
}

static void fill_window(struct sender *sender)
{
    struct sys *sys = sender->load->loop->sys;
    int64_t now_ns = sys->monotonic_ns(sys);
    for (uint32_t room = sender->load->settings->window - in_flight(sender); room > 0; room--)
        sender_say(sender, now_ns);
}

int sender_step(struct task *task)
{
    struct sender *const self = container_of(task, struct sender, task);

    TASK_BEGIN();
    for (;;) {
        cancel_scope_open(task, &self->limit, SENDER_PATIENCE_NS);
        TASK_AWAIT(self->rc, window_wait(task, self));
        if (cancel_scope_close(task, &self->limit))
            self->window->settled = self->window->next;
        if (task_cancelled(task))
            TASK_RETURN(0);
        if (window_open(self))
            fill_window(self);
    }
    TASK_END();
}

/* The alarm. */

static void ring(struct descriptor *descriptor)
{
    struct alarm *alarm = container_of(descriptor, struct alarm, descriptor);
    alarm->armed_ns = TIME_NEVER;
    wait_list_wake_all(&alarm->waiting);
}

/* Waits until `at_ns`. May suspend. */
static int alarm_wait(struct task *task, struct alarm *alarm, int64_t at_ns)
{
    bool due = alarm->loop->now_ns >= at_ns;
    if (!due && alarm->armed_ns != at_ns) {
        int rc = host_alarm_set(alarm->descriptor.fd, at_ns);
        if (rc < 0)
            return rc;
        alarm->armed_ns = at_ns;
    }
    return task_wait(task, &alarm->waiting, due);
}

/* The schedule. */

int schedule_open(struct schedule *schedule, struct load *load)
{
    struct sys *sys = load->loop->sys;
    *schedule = (struct schedule){.load = load};
    schedule->alarm = (struct alarm){.loop = load->loop, .armed_ns = TIME_NEVER};
    wait_list_init(&schedule->alarm.waiting);
    int fd = host_alarm_open();
    if (fd < 0)
        return fd;
    int rc = loop_watch(load->loop, &schedule->alarm.descriptor, fd, ring);
    if (rc < 0)
        (void)sys->close(sys, fd); /* nothing to lose in it */
    return rc;
}

void schedule_close(struct schedule *schedule)
{
    loop_close(schedule->load->loop, &schedule->alarm.descriptor);
}

int64_t schedule_due_ns(const struct schedule *schedule, uint64_t number)
{
    const struct settings *settings = schedule->load->settings;
    uint64_t first_of_burst = number - number % settings->burst;
    double seconds = (double)first_of_burst / settings->rate;
    return schedule->start_ns + (int64_t)(seconds * (double)NS_PER_SECOND);
}

static void note_lateness(struct schedule *schedule, int64_t late_ns)
{
    schedule->late += late_ns > SCHEDULE_LATE_NS;
    if (late_ns > schedule->latest_ns)
        schedule->latest_ns = late_ns;
}

static void send_due(struct schedule *schedule)
{
    struct load *load = schedule->load;
    int64_t now_ns = load->loop->sys->monotonic_ns(load->loop->sys);
    for (int64_t due; (due = schedule_due_ns(schedule, schedule->next)) <= now_ns;
         schedule->next++) {
        sender_say(&load->senders[schedule->next % load->settings->senders], due);
        note_lateness(schedule, now_ns - due);
    }
}

int schedule_step(struct task *task)
{
    struct schedule *const self = container_of(task, struct schedule, task);

    TASK_BEGIN();
    self->start_ns = task->loop->now_ns;
    for (;;) {
        TASK_AWAIT(self->rc, alarm_wait(task, &self->alarm, schedule_due_ns(self, self->next)));
        if (self->rc < 0)
            TASK_RETURN(0);
        send_due(self);
    }
    TASK_END();
}

/* A client of the first room that does not send; NULL: there is none. */
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
}

static void count_open(struct client *client, int64_t now_ns)
{
    struct ping *ping = &client->ping;
    if (!ping->asked_ns)
        return;
    ping->waited_ns += now_ns - ping->asked_ns;
    ping->answers++;
    ping->asked_ns = 0;
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

static double average_us(const struct client *client)
{
    if (!client || !client->ping.answers)
        return 0;
    return (double)client->ping.waited_ns / (double)client->ping.answers / NS_PER_US;
}

double probe_speaker_us(const struct probe *probe)
{
    return average_us(probe->speaker);
}

double probe_listener_us(const struct probe *probe)
{
    return average_us(probe->listener);
}
