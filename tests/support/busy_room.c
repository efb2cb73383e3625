#include "tests/support/busy_room.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Lines between two waits for the witness: at most a few KiB are under way. */
#define BATCH 40

struct busy_room busy_room_start(struct server *server, size_t stalled)
{
    struct busy_room room = {.server = server, .crowd = crowd_new(server)};
    crowd_join(room.crowd, FIRST_STALLED);
    crowd_send(room.crowd, WITNESS, "/nick witness\n");
    crowd_send(room.crowd, ANN, "/nick ann\n");
    crowd_send(room.crowd, BOB, "/nick bob\n");
    crowd_join_slow(room.crowd, stalled);
    for (size_t i = 0; i < stalled; i++)
        crowd_sendf(room.crowd, FIRST_STALLED + i, "/nick sam%zu\n", i);
    for (size_t who = 0; who < room.crowd->count; who++)
        crowd_send(room.crowd, who, "/join #room\n");
    crowd_barrier(room.crowd, 0, room.crowd->count);
    return room;
}

void busy_room_end(struct busy_room *room)
{
    cr_assert_eq(crowd_count(room->crowd, WITNESS, " skipped: "), 0, "the witness lost lines");
    crowd_free(room->crowd);
    server_stop(room->server);
}

void busy_room_talk(struct busy_room *room, size_t who, unsigned lines, int bytes)
{
    for (unsigned i = 0; i < lines; i++) {
        crowd_sendf(room->crowd, who, "%08u %0*d\n", room->said++, bytes - 9, 0);
        if ((i + 1) % BATCH == 0 || i + 1 == lines) {
            char last[16];
            (void)snprintf(last, sizeof(last), "> %08u ", room->said - 1);
            crowd_await(room->crowd, WITNESS, 1, last);
        }
    }
}

void busy_room_pause(struct busy_room *room)
{
    for (size_t who = FIRST_STALLED; who < room->crowd->count; who++)
        crowd_pause(room->crowd, who);
}

void busy_room_resume(struct busy_room *room)
{
    for (size_t who = FIRST_STALLED; who < room->crowd->count; who++)
        crowd_resume(room->crowd, who);
    crowd_barrier(room->crowd, FIRST_STALLED, room->crowd->count - FIRST_STALLED);
}
