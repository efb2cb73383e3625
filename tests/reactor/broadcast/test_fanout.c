#include "reactor/broadcast/fanout.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/stream_pair.h"

#define MEMBERS 1000
#define BACKLOG ((size_t)1024 * 1024)

struct member {
    struct stream_pair pair;
    struct subscriber subscriber;
};

static struct broadcast room;
static struct broadcast other;
static struct member members[MEMBERS];
static unsigned member_count;

static void open_rooms(void)
{
    stream_pairs_open();
    broadcast_init(&room, &visitors_hub, "room", BACKLOG);
    broadcast_init(&other, &visitors_hub, "other", BACKLOG);
}

static void close_rooms(void)
{
    for (unsigned i = 0; i < member_count; i++)
        stream_pair_close(&members[i].pair);
    broadcast_release(&room);
    broadcast_release(&other);
    stream_pairs_close();
}

TestSuite(fanout, .init = open_rooms, .fini = close_rooms);

/* Turns until nothing more happens; once at least, for what a test does is no news to the loop. */
static void settle(void)
{
    fixture_turn();
    fixture_settle();
}

/* Adds `count` members to `to`. */
static void fill(struct broadcast *to, unsigned count)
{
    while (count-- > 0) {
        struct member *member = &members[member_count++];
        stream_pair_open(&member->pair, member_count);
        cr_assert_eq(broadcast_subscribe(to, &member->subscriber, &member->pair.stream.outbox), 0);
    }
    settle();
}

static void say(struct broadcast *to, const char *text)
{
    cr_assert_eq(broadcast_append(to, NULL, text, strlen(text)), 0);
}

static uint64_t sends(void)
{
    return sim_count(sim, SIM_SEND) + sim_count(sim, SIM_SEND_SEGMENTS);
}

/* Members from number `first` on whose far end has read `text`; they all forget what they read. */
static unsigned heard(unsigned first, unsigned count, const char *text)
{
    unsigned hits = 0;
    for (unsigned i = first; i < first + count; i++) {
        hits += strcmp(sim_peer_text(members[i].pair.peer), text) == 0;
        sim_peer_forget(members[i].pair.peer);
    }
    return hits;
}

/* --- one send for one stretch --- */

Test(fanout, a_line_to_n_members_is_n_sends)
{
    fill(&room, 100);
    say(&room, "hello\n");
    uint64_t before = sends();
    settle();
    cr_assert_eq(sends() - before, 100);
    cr_assert_eq(heard(0, 100, "hello\n"), 100);
}

Test(fanout, the_lines_of_one_turn_are_one_send_a_member)
{
    char all[8000] = "";
    size_t length = 0;
    fill(&room, MEMBERS);
    for (int i = 0; i < 100; i++) {
        char *line = all + length;
        length += (size_t)snprintf(line, sizeof(all) - length,
                                   "#lobby <ann> line %d of a hundred in one turn\n", i);
        say(&room, line);
    }
    uint64_t before = sends();
    settle();
    cr_assert_eq(sends() - before, MEMBERS);
    cr_assert_eq(heard(0, MEMBERS, all), MEMBERS);
}

Test(fanout, an_idle_loop_sends_nothing_and_sleeps)
{
    fill(&room, 100);
    say(&room, "hello\n");
    settle();
    uint64_t before = sends();
    uint64_t waits = sim_count(sim, SIM_POLL_WAIT);
    fixture_pass(60 * NS_PER_SECOND);
    cr_assert_eq(sends(), before);
    cr_assert_eq(sim_count(sim, SIM_POLL_WAIT) - waits, 1);
}

Test(fanout, descriptors_are_registered_once)
{
    fill(&room, 10);
    uint64_t registered = sim_count(sim, SIM_POLL_ADD);
    char line[1001];
    memset(line, 'x', 1000);
    line[1000] = '\0';
    sim_peer_stall(members[3].pair.peer);
    for (int i = 0; i < 300; i++) {
        say(&room, line);
        settle();
    }
    cr_assert(members[3].pair.stream.outbox.blocked);
    sim_peer_resume(members[3].pair.peer);
    settle();
    cr_assert_eq(sim_peer_text_bytes(members[3].pair.peer), 300 * 1000);
    cr_assert_eq(sim_count(sim, SIM_POLL_ADD), registered);
}

Test(fanout, a_blocked_member_is_passed_over_until_its_socket_is_writable)
{
    static char much[200 * 1024];
    struct member *stalled = &members[3];
    fill(&room, 10);
    sim_peer_stall(stalled->pair.peer);
    memset(much, 'x', sizeof(much));
    cr_assert_eq(stream_write(&stalled->pair.stream, much, sizeof(much)), 0);
    settle();
    cr_assert(stalled->pair.stream.outbox.blocked);
    uint64_t before = sends();
    for (int i = 0; i < 20; i++) {
        say(&room, "hello\n");
        settle();
    }
    cr_assert_eq(sends() - before, 20 * 9, "nobody tries in vain");
    sim_peer_resume(stalled->pair.peer);
    settle();
    cr_assert_eq(sim_peer_text_bytes(stalled->pair.peer), sizeof(much) + 20 * 6);
}

/* --- slices --- */

/* Runs a turn, and checks that it polls once and makes so many sends. */
static void expect_slice(unsigned count)
{
    uint64_t before = sends();
    uint64_t waits = sim_count(sim, SIM_POLL_WAIT);
    cr_assert_eq(loop_run_once(&loop), 0);
    cr_assert_eq(sim_count(sim, SIM_POLL_WAIT) - waits, 1);
    cr_assert_eq(sends() - before, count);
}

Test(fanout, a_pass_begins_with_a_small_slice_and_the_loop_polls_between_slices)
{
    fill(&room, MEMBERS);
    for (int pass = 0; pass < 2; pass++) {
        say(&room, "hello\n");
        int64_t now_ns = sim_now_ns(sim);
        unsigned left = MEMBERS;
        for (unsigned slice = FANOUT_FIRST_SENDS; left > slice; slice = FANOUT_SLICE_SENDS) {
            expect_slice(slice);
            left -= slice;
        }
        expect_slice(left);
        cr_assert_eq(sim_now_ns(sim), now_ns, "and doesn't sleep while somebody waits");
        settle();
    }
    cr_assert_eq(heard(0, MEMBERS, "hello\nhello\n"), MEMBERS);
}

Test(fanout, lines_that_arrive_between_slices_ride_on_the_sends_not_yet_made)
{
    fill(&room, 200);
    uint64_t before = sends();
    say(&room, "1\n");
    fixture_turn();
    say(&room, "2\n");
    settle();
    cr_assert_eq(sends() - before, FANOUT_FIRST_SENDS + 200);
    cr_assert_eq(heard(0, 200, "1\n2\n"), 200);
}

Test(fanout, an_append_has_all_members_served_again)
{
    fill(&room, 200);
    say(&room, "0\n");
    for (char digit = '1'; digit <= '9'; digit++) {
        fixture_turn();
        say(&room, (char[]){digit, '\n', '\0'});
    }
    settle();
    cr_assert_eq(heard(0, 200, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"), 200);
}

Test(fanout, own_entries_are_sent_in_their_turn_whatever_waits)
{
    fill(&room, MEMBERS);
    say(&room, "hello\n");
    fixture_turn();
    struct stream *last = &members[MEMBERS - 1].pair.stream;
    cr_assert_eq(stream_write(last, "pong\n", 5), 0);
    fixture_turn();
    stream_pair_heard(&members[MEMBERS - 1].pair, "hello\npong\n");
    settle();
}

Test(fanout, busy_rooms_take_turns)
{
    fill(&room, 400);
    fill(&other, 400);
    say(&room, "room\n");
    say(&other, "other\n");
    for (int turn = 0; turn < 3; turn++)
        fixture_turn();
    cr_assert_eq(room.left, 400 - FANOUT_FIRST_SENDS - FANOUT_SLICE_SENDS);
    cr_assert_eq(other.left, 400 - FANOUT_SLICE_SENDS);
    settle();
    cr_assert_eq(heard(0, 400, "room\n"), 400);
    cr_assert_eq(heard(400, 400, "other\n"), 400);
}

Test(fanout, a_small_room_does_not_wait_for_a_vast_one)
{
    fill(&room, 900);
    fill(&other, 10);
    say(&room, "room\n");
    fixture_turn();
    say(&other, "other\n");
    fixture_turn();
    fixture_turn();
    fixture_turn();
    cr_assert_eq(heard(900, 10, "other\n"), 10);
    settle();
}

#define VAST 10000

Test(fanout, a_turn_looks_at_so_many_members_and_no_more)
{
    static struct subscriber subscribers[VAST];
    fill(&other, 1);
    struct outbox *outbox = &members[0].pair.stream.outbox;
    for (int i = 0; i < VAST; i++)
        cr_assert_eq(broadcast_subscribe(&room, &subscribers[i], outbox), 0);
    outbox->blocked = true;
    say(&room, "hello\n");
    fixture_turn();
    cr_assert_eq(room.left, VAST - FANOUT_SLICE_LOOKS);
    fixture_turn();
    cr_assert_eq(room.left, VAST - 2 * FANOUT_SLICE_LOOKS);
    fixture_turn();
    cr_assert_eq(room.left, 0);
    cr_assert_not(list_linked(&room.pass));
    outbox_kill(outbox, &visitors_hub);
    settle();
}

/* --- coming and going --- */

/* 300 members and a stranger, two lines, and a pass that is where it hurts: still to be served with
 * the second line are members 272 to 299 and, from the beginning again, 0 to 15. */
static void stop_in_the_middle(void)
{
    fill(&room, 300);
    fill(&other, 1);
    say(&room, "1\n");
    fixture_turn();
    say(&room, "2\n");
    fixture_turn();
    cr_assert_eq(room.position, 272);
    cr_assert_eq(room.left, 44);
}

Test(fanout, somebody_who_joins_costs_nobody_a_line)
{
    /* A newcomer stands at the end of the array, between the two parts. */
    static struct subscriber newcomer;
    stop_in_the_middle();
    struct outbox *outbox = &members[300].pair.stream.outbox;
    cr_assert_eq(broadcast_subscribe(&room, &newcomer, outbox), 0);
    settle();
    cr_assert_eq(heard(0, 300, "1\n2\n"), 300);
    cr_assert_eq(heard(300, 1, ""), 1);
}

Test(fanout, somebody_who_leaves_costs_nobody_a_line)
{
    /* The last of the array takes the place of who leaves, and that has been served. */
    stop_in_the_middle();
    broadcast_unsubscribe(&members[100].subscriber);
    settle();
    cr_assert_eq(heard(0, 300, "1\n2\n"), 300);
}

static unsigned expected[MEMBERS]; /* lines said while it was in */

static bool is_subscribed(const struct member *member)
{
    return member->pair.stream.outbox.subscribers;
}

static bool is_in(const struct member *member)
{
    return is_subscribed(member) && member->subscriber.end == SUBSCRIBER_OPEN;
}

/* One who is out comes in, one who is in leaves; one who is leaving stays until all was shown. */
static void move_somebody(struct member *member)
{
    struct outbox *outbox = &member->pair.stream.outbox;
    if (is_in(member))
        broadcast_end(&member->subscriber);
    else if (!is_subscribed(member))
        cr_assert_eq(broadcast_subscribe(&room, &member->subscriber, outbox), 0);
}

static void say_to_all(void)
{
    say(&room, "line\n");
    for (unsigned i = 0; i < member_count; i++)
        expected[i] += is_in(&members[i]);
}

static void nobody_misses_a_line(uint64_t seed)
{
    uint64_t dice = seed;
    for (int step = 0; step < 400; step++) {
        unsigned choice = fixture_random(&dice, 10);
        if (choice < 2)
            say_to_all();
        else if (choice < 4)
            fixture_turn();
        else
            move_somebody(&members[fixture_random(&dice, member_count)]);
        broadcast_check(&room);
    }
    settle();
    for (unsigned i = 0; i < member_count; i++) {
        must(sim_peer_text_bytes(members[i].pair.peer) == 5 * (size_t)expected[i],
             "seed %ju: member %u misses lines", (uintmax_t)seed, i);
        expected[i] = 0;
        sim_peer_forget(members[i].pair.peer);
    }
}

Test(fanout, who_comes_and_goes_in_the_middle_of_a_pass_costs_nobody_a_line)
{
    fill(&room, 600);
    for (uint64_t seed = 1; seed <= 20; seed++)
        nobody_misses_a_line(seed);
}

/* --- what the flush itself brings about --- */

static struct stream *witness;

static void tell_witness(struct subscriber *subscriber)
{
    (void)subscriber;
    cr_assert_eq(stream_write(witness, "gone\n", 5), 0);
}

Test(fanout, what_a_rule_writes_is_not_slept_over)
{
    const struct fanout_rules rules = {.ended = tell_witness};
    visitors_hub.rules = &rules;
    fill(&room, 2);
    witness = &members[0].pair.stream;
    say(&room, "bye\n");
    broadcast_end(&members[1].subscriber);
    fixture_turn();
    cr_assert(loop.flush_pending, "the next turn doesn't wait");
    settle();
    stream_pair_heard(&members[0].pair, "bye\ngone\n");
    visitors_hub.rules = &(const struct fanout_rules){0};
}
