#include "chat/session/peer_check.h"

static void call_in(struct peer_check *check, int64_t pause_ns)
{
    struct loop *loop = check->sessions->loop;
    loop_call_at(loop, &check->timer, time_after(loop->now_ns, pause_ns));
}

static void end_round(struct peer_check *check)
{
    check->running = check->owed || check->stirred;
    check->stirred = false;
    if (check->running)
        call_in(check, PEER_CHECK_NS);
}

static void begin_round(struct peer_check *check)
{
    check->left = check->sessions->alive;
    check->owed = false;
}

static void look_at_some(struct callback *callback)
{
    struct peer_check *check = container_of(callback, struct peer_check, timer.callback);
    if (check->left == 0)
        begin_round(check);
    for (int i = 0; i < PEER_CHECK_SLICE && check->left > 0; i++, check->left--) {
        struct task *session = task_group_rotate(check->sessions);
        if (session && stream_check_peer(check->stream_of(session)))
            check->owed = true;
    }
    if (check->left > 0)
        call_in(check, 0);
    else
        end_round(check);
}

void peer_check_open(struct peer_check *check, struct task_group *sessions,
                     struct stream *(*stream_of)(struct task *session))
{
    *check = (struct peer_check){.sessions = sessions, .stream_of = stream_of};
    check->timer.callback = (struct callback){.run = look_at_some, .name = "look for lost peers"};
}

void peer_check_close(struct peer_check *check)
{
    loop_stop(check->sessions->loop, &check->timer);
    check->running = false;
}

void peer_check_stir(struct peer_check *check)
{
    check->stirred = true;
    if (check->running)
        return;
    check->running = true;
    call_in(check, PEER_CHECK_NS);
}
