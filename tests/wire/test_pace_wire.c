/* The rate limit at the socket: who types too fast is read more slowly, loses nothing, and delays
 * nobody. Time appears only as a lower bound: what costs must not come sooner than it may. */
#include "tests/support/client.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* The other client's exchanges while a flooder is under way; fewer than the burst. */
#define EXCHANGES 20

static void paste(struct client *flooder, int lines)
{
    static char text[16 * 1024];
    size_t length = 0;
    for (int i = 0; i < lines; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "line %d\n", i);
    send_bytes(flooder, text, length);
}

Test(pace_wire, a_flooders_lines_all_arrive_in_order_at_its_rate)
{
    enum { LINES = 500, RATE = 200, BURST = 40 };
    struct server *server = server_start_exactly("--rate", "200/40");
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    int64_t started_ms = harness_now_ms();
    paste(ann, LINES);
    for (int i = 0; i < LINES; i++)
        expect_next(bob, "#lobby <ann> line %d", i);
    int64_t took_ms = harness_now_ms() - started_ms;
    cr_assert_geq(took_ms, (LINES - BURST) * 1000 / RATE - 50, "500 lines came within %d ms",
                  (int)took_ms);
    expect_quiet(ann);
    server_stop(server);
}

Test(pace_wire, another_client_is_answered_while_a_flooder_is_read_slowly)
{
    struct server *server = server_start_exactly("--rate", "100/40");
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    size_t heard_lines = 0;
    paste(ann, 500);
    for (int i = 0; i < EXCHANGES; i++)
        heard_lines += barrier(bob);
    cr_assert_lt(heard_lines, 500, "%d exchanges took as long as the whole flood", EXCHANGES);
    cr_assert_lt(heard_lines, 400, "the flooder was not held back: %zu lines", heard_lines);
    server_stop(server);
}

Test(pace_wire, a_flood_of_many_costs_its_victim_nothing)
{
    enum { FLOODERS = 20 };
    struct server *server = server_start_exactly("--rate", "50/40");
    struct client *flooders[FLOODERS];
    struct client *bob = client_open_as(server, "bob");
    size_t heard_lines = 0;
    for (int i = 0; i < FLOODERS; i++)
        flooders[i] = client_guest(server);
    for (int i = 0; i < FLOODERS; i++)
        paste(flooders[i], 1000);
    for (int i = 0; i < EXCHANGES; i++)
        heard_lines += barrier(bob);
    cr_assert_lt(heard_lines, FLOODERS * 500, "%zu lines came before the answers", heard_lines);
    server_stop(server);
}

/* Everything that is typed counts. With a burst of 4 and 20 lines a second, 12 of a kind and the
 * /ping behind them take 9 twentieths of a second. */
static void expect_each_costs_one(const void *kind, size_t length)
{
    enum { COUNT = 12, BURST = 4, RATE = 20 };
    struct server *server = server_start_exactly("--rate", "20/4", "--max-line", "64");
    struct client *ann = client_open(server);
    char typed[COUNT * 80 + 16];
    size_t typed_bytes = 0;
    expect_greeting(ann, "chatd");
    for (int i = 0; i < COUNT; i++, typed_bytes += length)
        memcpy(typed + typed_bytes, kind, length);
    typed_bytes += (size_t)snprintf(typed + typed_bytes, 16, "/ping end\n");
    int64_t started_ms = harness_now_ms();
    send_bytes(ann, typed, typed_bytes);
    while (!ann->received.data || !strstr(ann->received.data, "* pong end\r\n"))
        cr_assert(harness_wait(server, ann->fd, POLLIN, started_ms + HARNESS_LIMIT_MS) &&
                      bytes_read(&ann->received, ann->fd) > 0,
                  "no answer");
    int64_t took_ms = harness_now_ms() - started_ms;
    cr_assert_geq(took_ms, (COUNT + 1 - BURST) * 1000 / RATE - 50, "twelve of them took %d ms",
                  (int)took_ms);
    server_stop(server);
}

#define COSTS_ONE(kind) expect_each_costs_one(kind, sizeof(kind) - 1)

Test(pace_wire, an_empty_line_costs_one)
{
    COSTS_ONE("\n");
}

Test(pace_wire, a_command_costs_one)
{
    COSTS_ONE("/who\n");
}

Test(pace_wire, a_refused_line_costs_one)
{
    COSTS_ONE("/nosuch\n");
}

Test(pace_wire, speech_costs_one)
{
    COSTS_ONE("hi\r\n");
}

Test(pace_wire, an_answered_timing_mark_costs_one)
{
    COSTS_ONE("\xFF\xFD\x06");
}

Test(pace_wire, are_you_there_costs_one)
{
    COSTS_ONE("\xFF\xF6");
}

Test(pace_wire, each_longest_line_of_a_line_being_skipped_costs_one)
{
    /* 64 bytes without a newline, twelve times: one line that is skipped. */
    static char piece[64];
    struct server *server = server_start_exactly("--rate", "20/4", "--max-line", "64");
    struct client *ann = client_open(server);
    expect_greeting(ann, "chatd");
    memset(piece, 'x', sizeof(piece));
    int64_t started_ms = harness_now_ms();
    for (int i = 0; i < 14; i++)
        send_bytes(ann, piece, sizeof(piece));
    send_text(ann, "\n/ping end\n");
    expect(ann, "* pong end");
    int64_t took_ms = harness_now_ms() - started_ms;
    cr_assert_geq(took_ms, (12 - 4) * 1000 / 20 - 50, "it took %d ms", (int)took_ms);
    server_stop(server);
}

Test(pace_wire, rate_zero_is_no_limit)
{
    enum { LINES = 1000 };
    struct server *server = server_start("--rate", "0");
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    /* At the usual ten a second this would take longer than any test may. */
    paste(ann, LINES);
    for (int i = 0; i < LINES; i++)
        expect_next(bob, "#lobby <ann> line %d", i);
    server_stop(server);
}

Test(pace_wire, bytes_that_make_no_line_cost_one_for_each_longest_line)
{
    static char nuls[64];
    expect_each_costs_one(nuls, sizeof(nuls));
    COSTS_ONE("\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1"
              "\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1"
              "\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1"
              "\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1");
}

Test(pace_wire, an_endless_subnegotiation_costs_too)
{
    COSTS_ONE("\xFF\xFA\x18 0123456789012345678901234567890123456789012345678901234567\xFF\xF0");
}

/* The harness's barriers are lines too: the greeting is read without one. */
Test(pace_wire, without_an_option_a_newcomer_has_ten_lines_to_spend)
{
    struct server *server = server_start_exactly("--name", "chatd");
    struct client *bob = client_guest(server);
    struct client *ann = client_open(server);
    expect_greeting(ann, "chatd");
    int64_t started_ms = harness_now_ms();
    for (int i = 0; i < 15; i++)
        send_text(ann, "x\n");
    for (int i = 0; i < 15; i++)
        expect_prefix(bob, "#lobby <guest");
    int64_t took_ms = harness_now_ms() - started_ms;
    cr_assert_geq(took_ms, 5 * 1000 / 10 - 50, "15 lines took %d ms", (int)took_ms);
    server_stop(server);
}
