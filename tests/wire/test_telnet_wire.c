/* Input that is not polite, as a telnet client or an nc user sees it at the socket. What the pure
 * modules do with every byte is tested beside them; here it has to arrive. */
#include "tests/support/client.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Telnet's words as strings, so that what is typed reads like what is meant. */
#define END_OF_FILE "\xEC"
#define END_OF_RECORD "\xEF"
#define SE "\xF0"
#define NOP "\xF1"
#define DATA_MARK "\xF2"
#define BREAK "\xF3"
#define INTERRUPT "\xF4"
#define ABORT_OUTPUT "\xF5"
#define ARE_YOU_THERE "\xF6"
#define EC "\xF7"
#define EL "\xF8"
#define GO_AHEAD "\xF9"
#define SB "\xFA"
#define WILL "\xFB"
#define WONT "\xFC"
#define DO "\xFD"
#define DONT "\xFE"
#define IAC "\xFF"
#define TIMING_MARK "\x06"
#define WINDOW_SIZE "\x1F"
#define TERMINAL_TYPE "\x18"

#define DEL "\x7F"
#define BAD "\uFFFD" /* what stands for bytes that are not UTF-8 */

/* The client types these bytes, NULs included. */
#define types(client, text) send_bytes(client, text, sizeof(text) - 1)

/* Ann types, Bob is shown what becomes of it. */
struct pair {
    struct server *server;
    struct client *ann;
    struct client *bob;
};

/* Ann types this, and the next thing that Bob is shown is this line of hers. */
#define expect_said(pair, typed, shown)                    \
    do {                                                   \
        types((pair).ann, typed);                          \
        expect_next((pair).bob, "#lobby <ann> %s", shown); \
    } while (0)

static struct pair start_pair(struct server *server)
{
    struct pair pair = {.server = server};
    pair.bob = client_open_as(server, "bob");
    pair.ann = client_open_as(server, "ann");
    /* First words have both announced: no line of the server's own comes between bytes later. */
    say(pair.bob, "hello");
    expect_next(pair.ann, "#lobby <bob> hello");
    say(pair.ann, "hello");
    expect_next(pair.bob, "#lobby <ann> hello");
    expect_quiet(pair.ann);
    return pair;
}

static void send_option(struct client *client, const char *verb, int option)
{
    char request[3] = {IAC[0], verb[0], (char)option};
    send_bytes(client, request, sizeof(request));
}

static void expect_option(struct client *client, const char *verb, int option)
{
    char answer[3] = {IAC[0], verb[0], (char)option};
    expect_bytes(client, answer, sizeof(answer));
}

Test(telnet_wire, every_option_is_refused)
{
    struct pair pair = start_pair(server_start());
    for (int option = 0; option < 256; option++) {
        send_option(pair.ann, DO, option);
        expect_option(pair.ann, WONT, option);
        send_option(pair.ann, WILL, option);
        expect_option(pair.ann, DONT, option);
    }
    expect_quiet(pair.ann);
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

Test(telnet_wire, a_refusal_is_never_answered)
{
    struct pair pair = start_pair(server_start());
    for (int option = 0; option < 256; option++) {
        send_option(pair.ann, DONT, option);
        send_option(pair.ann, WONT, option);
    }
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_timing_mark_is_answered_every_time)
{
    struct pair pair = start_pair(server_start());
    for (int i = 0; i < 5; i++)
        send_option(pair.ann, DO, TIMING_MARK[0]);
    for (int i = 0; i < 5; i++)
        expect_option(pair.ann, WONT, TIMING_MARK[0]);
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_request_split_over_segments_is_answered)
{
    static const char request[] = IAC DO TIMING_MARK;
    struct pair pair = start_pair(server_start());
    for (size_t split = 1; split < 3; split++) {
        send_bytes(pair.ann, request, split);
        expect_quiet(pair.bob);
        send_bytes(pair.ann, request + split, 3 - split);
        expect_option(pair.ann, WONT, TIMING_MARK[0]);
    }
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, are_you_there_is_answered)
{
    struct pair pair = start_pair(server_start());
    for (int i = 0; i < 2; i++) {
        types(pair.ann, IAC ARE_YOU_THERE);
        cr_assert_eq(barrier(pair.ann), 1, "one line answers it");
        cr_assert_eq(strncmp(heard(pair.ann, 0), "* ", 2), 0, "not for her alone: %s",
                     heard(pair.ann, 0));
    }
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

Test(telnet_wire, erase_character_and_erase_line_edit)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "hellp" IAC EC "o\r\n", "hello");
    expect_said(pair, "rubbish" IAC EL "sense\r\n", "sense");
    expect_said(pair, IAC EL IAC EC "first\r\n", "first");
    expect_said(pair, "caf\u00E9" IAC EC IAC EC IAC EC "up\r\n", "cup");
    server_stop(pair.server);
}

Test(telnet_wire, other_commands_are_ignored)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair,
                "o" IAC END_OF_RECORD "n" IAC SE "e" IAC NOP " " IAC DATA_MARK "l" IAC BREAK
                "i" IAC ABORT_OUTPUT "n" IAC GO_AHEAD "e\r\n",
                "one line");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_subnegotiation_never_reaches_the_chat)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "ab" IAC SB TERMINAL_TYPE "\0xterm" IAC SE "cd\r\n", "abcd");
    expect_said(pair, "ab" IAC SB WINDOW_SIZE "\0" IAC IAC "\r\nhi\r\n\b\x04" IAC SE "cd\r\n",
                "abcd");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_subnegotiation_of_any_length_is_skipped)
{
    static char junk[1 << 20];
    struct pair pair = start_pair(server_start());
    memset(junk, 'x', sizeof(junk));
    for (size_t i = 0; i < sizeof(junk); i += 100)
        junk[i] = '\n';
    types(pair.ann, "ab" IAC SB TERMINAL_TYPE);
    send_bytes(pair.ann, junk, sizeof(junk));
    expect_said(pair, IAC SE "cd\r\n", "abcd");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_doubled_iac_is_byte_255)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "a" IAC IAC "b\r\n", "a" BAD "b");
    expect_said(pair, IAC IAC IAC IAC IAC NOP "\r\n", BAD BAD);
    server_stop(pair.server);
}

/* A line of everything that has a memory from one byte to the next, and what is left of it. */
static const char tangled[] =
    "h" IAC NOP "el" IAC SB WINDOW_SIZE "\0P" IAC IAC "\r\n" IAC SE "lp" IAC EC "o" IAC IAC IAC WONT
    "\x01\u20AC\t\xF0\x9F\x98!\302\2331m\u202E?\033[\u00E9" DEL "31m\0\r\n";
static const char untangled[] = "hello" BAD "\u20AC " BAD "!?";

Test(telnet_wire, the_split_over_segments_makes_no_difference)
{
    struct pair pair = start_pair(server_start());
    size_t length = sizeof(tangled) - 1;
    for (size_t split = 0; split < length - 1; split++) {
        send_bytes(pair.ann, tangled, split);
        expect_quiet(pair.bob); /* the server has seen the one piece before the other is sent */
        send_bytes(pair.ann, tangled + split, length - split);
        expect_next(pair.bob, "#lobby <ann> %s", untangled);
    }
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_byte_at_a_time_makes_no_difference)
{
    struct pair pair = start_pair(server_start());
    for (size_t at = 0; at < sizeof(tangled) - 3; at++) {
        send_bytes(pair.ann, tangled + at, 1);
        expect_quiet(pair.bob);
    }
    expect_said(pair, "\r\n", untangled);
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, an_interrupt_is_told_how_to_leave)
{
    struct pair pair = start_pair(server_start());
    types(pair.ann, IAC INTERRUPT);
    barrier(pair.ann);
    expect_heard(pair.ann, "/quit");
    types(pair.ann, "\x03\r\n");
    barrier(pair.ann);
    expect_heard(pair.ann, "/quit");
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

Test(telnet_wire, an_interrupt_with_its_timing_mark_gets_both_answers)
{
    struct pair pair = start_pair(server_start());
    /* What Debian's telnet sends at Ctrl-C; it shows nothing until the mark comes back. */
    types(pair.ann, IAC INTERRUPT IAC DO TIMING_MARK);
    expect_option(pair.ann, WONT, TIMING_MARK[0]);
    expect_prefix(pair.ann, "* to leave");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

/* What telnet(1) sends for Ctrl-C, all there before the server looks: its mark is urgent data, and
 * a read stops short at it. */
Test(telnet_wire, what_follows_a_synch_does_not_wait_for_more)
{
    struct pair pair = start_pair(server_start());
    server_freeze(pair.server);
    types(pair.ann, "before\r\n" IAC INTERRUPT IAC);
    cr_assert_eq(send(pair.ann->fd, DATA_MARK, 1, MSG_OOB | MSG_NOSIGNAL), 1);
    types(pair.ann, IAC DO TIMING_MARK "after\r\n");
    server_thaw(pair.server);
    expect_next(pair.bob, "#lobby <ann> before");
    expect_next(pair.bob, "#lobby <ann> after");
    expect_option(pair.ann, WONT, TIMING_MARK[0]);
    server_stop(pair.server);
}

/* Ann, whom the room knows, sends this, and has left. */
static void expect_leaves(const char *typed)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "here I am\n", "here I am");
    send_text(pair.ann, typed);
    expect_end(pair.ann);
    expect_prefix(pair.bob, "#lobby -- ann left");
    server_stop(pair.server);
}

Test(telnet_wire, ctrl_d_alone_on_a_line_leaves)
{
    expect_leaves("\x04\r\n");
}

Test(telnet_wire, end_of_file_leaves)
{
    expect_leaves(IAC END_OF_FILE);
}

/* Ctrl-D behind the beginning of a line makes telnet send that much, a second one the IAC EOF. */
Test(telnet_wire, end_of_file_behind_half_a_line_says_it_and_leaves)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "half a line" IAC END_OF_FILE "typed ahead\r\n", "half a line");
    expect_next(pair.bob, "#lobby -- ann left");
    expect_end(pair.ann);
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

Test(telnet_wire, ctrl_d_within_a_line_is_a_control_character)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "x\x04yz\x04\r\n", "xyz");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, ctrl_c_within_a_line_begins_it_anew)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "wrong\x03right\r\n", "right");
    expect_quiet(pair.ann);
    expect_said(pair, "wrong" IAC INTERRUPT "right\r\n", "right");
    expect_prefix(pair.ann, "* to leave");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_line_being_skipped_is_begun_anew_by_el_and_ctrl_c)
{
    static const char *const anew[] = {IAC EL, IAC INTERRUPT, "\x03"};
    struct pair pair = start_pair(server_start("--max-line", "16"));
    for (size_t i = 0; i < sizeof(anew) / sizeof(*anew); i++) {
        types(pair.ann, "much longer than sixteen");
        send_text(pair.ann, anew[i]);
        expect_said(pair, "short\r\n", "short");
        expect_refusal(pair.ann, "16");
        barrier(pair.ann);
    }
    server_stop(pair.server);
}

Test(telnet_wire, backspace_and_delete_erase_a_code_point)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "hellp\bo\n", "hello");
    expect_said(pair, "hellp" DEL "o\n", "hello");
    expect_said(pair, "caf\u00E9" DEL "e\n", "cafe");
    expect_said(pair, "1\u20AC\U0001F600" DEL "\b2\n", "12");
    expect_said(pair, DEL "\b" DEL "x" DEL "\b" DEL "y\n", "y");
    expect_said(pair, "wrong" DEL DEL DEL DEL DEL "right\r\n", "right");
    server_stop(pair.server);
}

Test(telnet_wire, what_could_command_a_terminal_is_taken_out)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "\033[31mred\033[0m\n", "red");
    expect_said(pair, "\033[200~pasted\033[201~\n", "pasted");
    expect_said(pair, "t\033]0;title\ai\033]8;;http://x\033\\tle\n", "title");
    expect_said(pair, "up\033[A\033OA\033[1;5C!\n", "up!");
    expect_said(pair, "b\ae\vl\fl\016\037\n", "bell");
    expect_said(pair, "c\302\2001\302\205\302\23131m\n", "c131m");
    expect_said(pair, "c\302\2331m1\n", "c1");
    expect_said(pair, "r\u202A\u202Bt\u202C\u202Dl\u202E\n", "rtl");
    expect_said(pair, "i\u2066\u2067\u2068\u2069s\n", "is");
    server_stop(pair.server);
}

Test(telnet_wire, a_sequence_without_an_end_goes_up_to_the_end_of_its_line)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "a\033]0;title\nb\n", "a");
    expect_next(pair.bob, "#lobby <ann> b");
    expect_said(pair, "c\033[31\r\nd\r\n", "c");
    expect_next(pair.bob, "#lobby <ann> d");
    expect_said(pair, "\033Pall of it\ne\n", "e");
    server_stop(pair.server);
}

Test(telnet_wire, hidden_characters_are_taken_out)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "z\u200Be\u200Fr\u2060o\uFEFF\u00AD\n", "zero");
    expect_said(pair, "t\U000E0041\U000E007Fag\uFFF9s\n", "tags");
    expect_said(pair, "\u200Da\u200Db\u200C \u200D\n", "a\u200Db ");
    server_stop(pair.server);
}

Test(telnet_wire, tabs_and_separators_become_spaces)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "a\tb\n", "a b");
    expect_said(pair, "a\u2028b\u2029c\n", "a b c");
    expect_said(pair, "a\u00A0b\u202Fc\u2065d\n", "a\u00A0b\u202Fc\u2065d");
    server_stop(pair.server);
}

Test(telnet_wire, a_line_with_nothing_visible_is_ignored)
{
    struct pair pair = start_pair(server_start());
    types(pair.ann, "\u2800\n \u3164\n\t\n\u200B\u00AD\n\u3000\u115F\n\uFE0F\n\033[0m\n");
    expect_quiet(pair.ann);
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

Test(telnet_wire, an_emote_or_topic_with_nothing_visible_is_refused)
{
    static const char *const lines[] = {"/me \u2800",    "/me \u3164 \u00A0", "/topic \u2800",
                                        "/topic \uFE0F", "/msg bob \u2800",   "/me \u200B"};
    struct pair pair = start_pair(server_start());
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        say(pair.ann, "%s", lines[i]);
        expect_refusal(pair.ann, "");
    }
    expect_quiet(pair.ann);
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

Test(telnet_wire, a_byte_order_mark_before_the_first_command_vanishes)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open(server);
    expect_greeting(ann, "chatd");
    types(ann, "\uFEFF/nick ann\n\uFEFFhi\n");
    expect(ann, "* You are now ann.");
    expect_next(bob, "#lobby <ann> hi");
    server_stop(server);
}

Test(telnet_wire, a_byte_order_mark_before_the_motd_vanishes)
{
    char *path = scratch_write("motd", "\uFEFFbe\tkind\n");
    struct server *server = server_start("--motd", path);
    struct client *ann = client_open(server);
    expect_greeting(ann, "chatd");
    expect(ann, "* be kind");
    server_stop(server);
    free(path);
}

/* Somebody whose first bytes these are is refused and let go, and Bob never hears of it. */
static void expect_foreign(const char *bytes, size_t length)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *browser = client_open(server);
    send_bytes(browser, bytes, length);
    expect_prefix(browser, "! ");
    expect_end(browser);
    cr_assert_eq(browser->collected_count, 0, "more than one line");
    expect_quiet(bob);
    server_stop(server);
}

#define EXPECT_FOREIGN(bytes) expect_foreign(bytes, sizeof(bytes) - 1)

Test(telnet_wire, a_web_page_cannot_talk)
{
    EXPECT_FOREIGN("POST / HTTP/1.1\r\nHost: 127.0.0.1:7777\r\n\r\n/nick evil\r\nhi\r\n");
    EXPECT_FOREIGN("GET /x HTTP/1.0\n/nick evil\nhi\n");
}

Test(telnet_wire, a_tls_hello_is_let_go)
{
    EXPECT_FOREIGN("\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03hi\n");
    EXPECT_FOREIGN("\x16\x03\x04\n/nick evil\nhi\n");
}

Test(telnet_wire, a_request_line_that_is_too_long_is_let_go)
{
    static char request[5000] = "POST /";
    memset(request + 6, 'x', sizeof(request) - 6);
    memcpy(request + sizeof(request) - 8, "\r\n\r\nhi\n", 8);
    expect_foreign(request, sizeof(request));
}

Test(telnet_wire, a_wish_is_speech)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *script = client_open(server);
    expect_greeting(script, "chatd");
    types(script, "GET well soon\nPOST / HTTP/1.1\n");
    expect_next(bob, "#lobby <%s> GET well soon", script->name);
    expect_next(bob, "#lobby <%s> POST / HTTP/1.1", script->name);
    server_stop(server);
}

Test(telnet_wire, each_maximal_invalid_part_is_replaced_once)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "\x80.\xC0\xAF.\xFE\n", BAD "." BAD BAD "." BAD);
    expect_said(pair, "\xE2\x82.\xF0\x9F\x98.\xC3\n", BAD "." BAD "." BAD);
    expect_said(pair, "\xED\xA0\x80.\xF4\x90\x80\x80\n", BAD BAD BAD "." BAD BAD BAD BAD);
    expect_said(pair, "\xF0\x80\x80X\n", BAD BAD BAD "X");
    /* The Unicode Standard's own example (table 3-11), with other letters. */
    expect_said(pair, "w\xF1\x80\x80\xE1\x80\xC2x\x80y\x80\xBFz\n",
                "w" BAD BAD BAD "x" BAD "y" BAD BAD "z");
    expect_said(pair, "\xF4\x8F\xBF\xBF \uFFFD\n", "\xF4\x8F\xBF\xBF \uFFFD");
    server_stop(pair.server);
}

Test(telnet_wire, nul_bytes_vanish)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "\0a\0\0b\0\n", "ab");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, every_line_ending_counts_once)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "1\n2\r\n3\r\0004\r5\r\n", "1");
    for (int i = 2; i <= 5; i++)
        expect_next(pair.bob, "#lobby <ann> %d", i);
    expect_quiet(pair.bob);
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_carriage_return_completes_the_line_at_once)
{
    struct pair pair = start_pair(server_start());
    expect_said(pair, "line feed later\r", "line feed later");
    expect_said(pair, "\nnul later\r", "nul later");
    expect_said(pair, "\0neither\r", "neither");
    expect_said(pair, "last\n", "last");
    expect_quiet(pair.ann);
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

Test(telnet_wire, empty_lines_are_ignored)
{
    struct pair pair = start_pair(server_start());
    types(pair.ann, "\n\n\r\n\r\0\r\r\r\n\0\n\033\n");
    expect_quiet(pair.ann);
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

/* Ann sends `length` times x and `ending`. */
static void types_long_line(struct client *ann, size_t length, const char *ending)
{
    static char line[1 << 20];
    cr_assert_leq(length, sizeof(line), "longer than this test can");
    memset(line, 'x', length);
    send_bytes(ann, line, length);
    send_text(ann, ending);
}

/* The next thing that Bob is shown is a line of `length` times x. */
static void expect_long_line(struct client *bob, size_t length)
{
    const char *text = expect_prefix(bob, "#lobby <ann> ") + strlen("#lobby <ann> ");
    cr_assert_eq(strlen(text), length, "a line of %zu instead of %zu", strlen(text), length);
    cr_assert_eq(strspn(text, "x"), length, "another line: %s", text);
}

Test(telnet_wire, a_line_may_be_as_long_as_the_limit_and_no_longer)
{
    struct pair pair = start_pair(server_start("--max-line", "100"));
    types_long_line(pair.ann, 100, "\n");
    expect_long_line(pair.bob, 100);
    types_long_line(pair.ann, 101, "\n");
    expect_refusal(pair.ann, "100");
    expect_quiet(pair.ann);
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

Test(telnet_wire, the_line_ending_does_not_count_as_length)
{
    struct pair pair = start_pair(server_start("--max-line", "64"));
    types_long_line(pair.ann, 64, "\r\n");
    expect_long_line(pair.bob, 64);
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, a_far_too_long_line_is_refused_once_and_the_connection_lives)
{
    struct pair pair = start_pair(server_start("--max-line", "100"));
    types_long_line(pair.ann, 1 << 20, "\r\n");
    expect_said(pair, "short\r\n", "short");
    expect_refusal(pair.ann, "100");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(telnet_wire, who_never_negotiates_sees_no_telnet)
{
    struct server *server = server_start();
    struct client *nc = client_guest(server);
    types(nc, "hello\n/help\n/who\n/rooms\n/nick bob\n/nosuch\n/join #room\n\x03\n/leave\n");
    barrier(nc);
    types(nc, "/quit\n");
    expect_end(nc);
    for (size_t i = 0; i < nc->received.length; i++)
        cr_assert_lt((unsigned char)nc->received.data[i], 0xF0, "a stray byte at %zu", i);
    server_stop(server);
}
