/*
 * kv: a key-value server with publish and subscribe, for `nc`.
 *
 *     set KEY VALUE    get KEY    del KEY      answered +ok, =VALUE or -why
 *     sub CHANNEL                              from then on: #CHANNEL TEXT
 *     pub CHANNEL TEXT                         answered +N, the number of subscribers
 *
 * A channel is a broadcast, and lives while somebody listens. A subscriber that
 * does not read costs no more than the backlog; everything else has a limit too.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/reactor.h"

#define LINE_BYTES 1000 /* the longest command, and so the longest key or value */
#define BUCKETS 1024
#define KEYS_MAX 10000
#define CHANNELS_MAX 100
#define SEATS_MAX 8 /* subscriptions of one client */
#define BACKLOG_BYTES ((size_t)256 * 1024)

struct entry {
    struct list node; /* in its bucket */
    const char *value; /* after the key */
    char key[];
};

struct channel {
    struct broadcast broadcast; /* without members: the place is free */
    char name[LINE_BYTES];
};

struct client {
    struct connection its;
    struct subscriber seats[SEATS_MAX];
    unsigned seat_count;
    struct frame frame;
    int rc;
};

static struct loop loop;
static struct fanout fanout;
static struct list buckets[BUCKETS];
static struct channel channels[CHANNELS_MAX];
static unsigned keys;

static struct list *bucket_of(const char *key)
{
    uint64_t hash = 0;
    while (*key)
        hash = hash * 31 + (unsigned char)*key++;
    return &buckets[hash % BUCKETS];
}

static struct entry *find(const char *key)
{
    list_for_each(node, bucket_of(key)) {
        struct entry *entry = container_of(node, struct entry, node);
        if (strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

static const char *del(const char *key)
{
    struct entry *entry = find(key);
    if (!entry)
        return "-no such key or command\n";
    list_remove(&entry->node);
    loop.sys->release(loop.sys, entry);
    keys--;
    return "+ok\n";
}

static const char *set(const char *key, const char *value)
{
    size_t key_size = strlen(key) + 1, size = strlen(value) + 1;
    size_t all = sizeof(struct entry) + key_size + size;
    bool room = keys < KEYS_MAX || find(key);
    struct entry *entry = room ? loop.sys->allocate(loop.sys, all) : NULL;
    if (!entry)
        return "-no room\n";
    (void)del(key); /* there may be none */
    memcpy(entry->key, key, key_size);
    entry->value = memcpy(entry->key + key_size, value, size);
    list_append(&entry->node, bucket_of(key));
    keys++;
    return "+ok\n";
}

/* The channel of this name, or else a free place; NULL if there is none. */
static struct channel *channel_at(const char *name)
{
    struct channel *unused = NULL;
    for (struct channel *channel = channels; channel < channels + CHANNELS_MAX; channel++) {
        if (channel->broadcast.count == 0)
            unused = channel;
        else if (strcmp(channel->name, name) == 0)
            return channel;
    }
    return unused;
}

static const char *sub(struct client *client, const char *name)
{
    struct channel *channel = channel_at(name);
    if (!channel || client->seat_count == SEATS_MAX)
        return "-no room\n";
    if (channel->broadcast.count == 0) {
        broadcast_init(&channel->broadcast, &fanout, channel->name, BACKLOG_BYTES);
        (void)snprintf(channel->name, sizeof(channel->name), "%s", name);
    }
    if (broadcast_subscribe(&channel->broadcast, &client->seats[client->seat_count],
                            &client->its.stream.outbox) < 0)
        return "-no room\n";
    client->seat_count++;
    return "+ok\n";
}

static void leave_all(struct client *client)
{
    while (client->seat_count > 0) {
        struct subscriber *seat = &client->seats[--client->seat_count];
        broadcast_unsubscribe(seat);
        if (seat->broadcast->count == 0)
            broadcast_release(seat->broadcast);
    }
}

static int pub(struct stream *stream, const char *name, const char *text)
{
    char line[LINE_BYTES + 4];
    struct channel *channel = channel_at(name);
    if (!channel || channel->broadcast.count == 0)
        return stream_print(stream, "+0\n");
    int size = snprintf(line, sizeof(line), "#%s %s\n", name, text);
    if (broadcast_append(&channel->broadcast, NULL, line, (size_t)size) < 0)
        return stream_print(stream, "-no room\n");
    return stream_print(stream, "+%u\n", channel->broadcast.count);
}

static int carry_out(struct client *client, char *line)
{
    struct stream *stream = &client->its.stream;
    const char *name = strtok_r(line, " ", &line), *key = name ? strtok_r(NULL, " ", &line) : NULL;
    if (!key)
        return stream_print(stream, "-try: set, get, del, sub or pub\n");
    if (strcmp(name, "set") == 0)
        return stream_print(stream, "%s", set(key, line));
    if (strcmp(name, "del") == 0)
        return stream_print(stream, "%s", del(key));
    if (strcmp(name, "sub") == 0)
        return stream_print(stream, "%s", sub(client, key));
    if (strcmp(name, "pub") == 0)
        return pub(stream, key, line);
    const struct entry *entry = strcmp(name, "get") == 0 ? find(key) : NULL;
    return stream_print(stream, entry ? "=%s\n" : "-no such key or command\n",
                        entry ? entry->value : "");
}

static int client_step(struct task *task)
{
    struct client *const self = container_of(task, struct client, its.task);

    TASK_BEGIN();
    while (self->rc == 0) {
        TASK_AWAIT(self->rc, stream_read_line(task, &self->its.stream, LINE_BYTES, &self->its.line,
                                              &self->its.size));
        if (self->rc != 1 && self->rc != -EMSGSIZE)
            break; /* the end of its input, or an error */
        self->rc = self->rc == 1 ? carry_out(self, self->its.line)
                                 : stream_print(&self->its.stream, "-too long\n");
        if (self->rc == 0)
            TASK_AWAIT(self->rc, stream_drain(task, &self->its.stream, BACKLOG_BYTES));
    }
    leave_all(self);
    TASK_RETURN(self->rc);
    TASK_END();
}

int main(void)
{
    struct service kv = {
        .step = client_step, .connection_bytes = sizeof(struct client), .connections_max = 1000};
    char address[SYS_ADDRESS_TEXT];
    for (unsigned i = 0; i < BUCKETS; i++)
        list_init(&buckets[i]);
    if (loop_init(&loop, sys_kernel()) < 0)
        return 1;
    fanout_init(&fanout, &loop, NULL);
    if (service_open(&kv, &fanout, "127.0.0.1", 0) < 0)
        return 1;
    sys_address_format(&kv.listener.address, address);
    fprintf(stderr, "kv on %s\n", address);
    return loop_run(&loop, &kv.task, "kv", service_step) < 0;
}
