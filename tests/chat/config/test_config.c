#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "chat/config/config.h"
#include "reactor/base/clock.h"

#define WORDS_MAX 40

static struct config config;
static char problem[CONFIG_PROBLEM_TEXT];

static int parse_words(const char *const *words)
{
    char *argv[WORDS_MAX + 2] = {"chatd"};
    size_t count = 1;

    for (; *words; words++)
        argv[count++] = (char *)*words;
    memset(&config, 0x5a, sizeof(config));
    snprintf(problem, sizeof(problem), "untouched");
    return config_parse(&config, argv, problem, sizeof(problem));
}

#define PARSE(...) parse_words((const char *const[]){__VA_ARGS__, NULL})

/* Asserts that the words are refused with this very line. */
#define REFUSED(line, ...)                                                         \
    do {                                                                           \
        cr_assert_eq(PARSE(__VA_ARGS__), -EINVAL, "accepted; expected: %s", line); \
        cr_assert_str_eq(problem, line);                                           \
    } while (0)

/* Asserts that the words are refused in one line that names this option and this value. */
static void check_refused(const char *option, const char *value)
{
    char expected[CONFIG_PROBLEM_TEXT];

    cr_assert_eq(PARSE(option, value), -EINVAL, "%s '%s'", option, value);
    snprintf(expected, sizeof(expected), "chatd: %s: '%s' is not accepted: ", option, value);
    cr_assert_eq(strncmp(problem, expected, strlen(expected)), 0, "%s", problem);
    cr_assert_gt(strlen(problem), strlen(expected), "what would be accepted is missing");
    cr_assert_null(strchr(problem, '\n'));
}

Test(config, without_options_there_are_the_contracts_defaults)
{
    cr_assert_eq(parse_words((const char *const[]){NULL}), 0);
    cr_assert_str_eq(problem, "");
    cr_assert_eq(config.listener_count, 1);
    cr_assert_str_eq(config.listeners[0].host, "127.0.0.1");
    cr_assert_eq(config.listeners[0].port, 7777);
    cr_assert_str_eq(config.name, "chatd");
    cr_assert_null(config.motd);
    cr_assert_eq(config.max_clients, 0);
    cr_assert(config.hosts.connections == 64 && !config.hosts.connections_were_given);
    cr_assert(config.hosts.rate.rate == 5 && config.hosts.rate.burst == 50);
    cr_assert_not(config.hosts.rate_was_given);
    cr_assert_eq(config.max_line_bytes, 2048);
    cr_assert(config.rate.rate == 10 && config.rate.burst == 40);
    cr_assert_eq(config.idle_timeout_ns, 0);
    cr_assert_eq(config.backlog_bytes, 1 << 20);
    cr_assert_eq(config.slow_policy, CONFIG_SLOW_SKIP);
    cr_assert_eq(config.history_lines, 100);
    cr_assert_eq(config.grace_ns, 5 * NS_PER_SECOND);
    cr_assert_not(config.debug);
    cr_assert_eq(config.slow_callback_ns, 100 * NS_PER_MS);
    cr_assert_eq(config.log_level, LOG_LEVEL_INFO);
}

static void check_everything_set(void)
{
    cr_assert_eq(config.listener_count, 2);
    cr_assert_str_eq(config.listeners[0].host, "::1");
    cr_assert_str_eq(config.listeners[1].path, "/run/chatd");
    cr_assert_str_eq(config.name, "caf\xc3\xa9 chat");
    cr_assert_str_eq(config.motd, "motd.txt");
    cr_assert_eq(config.max_clients, 500);
    cr_assert(config.hosts.connections == 5 && config.hosts.connections_were_given);
    cr_assert(config.hosts.rate.rate == 2 && config.hosts.rate.burst == 9);
    cr_assert(config.hosts.rate_was_given);
    cr_assert_eq(config.max_line_bytes, 512);
    cr_assert(config.rate.rate == 5 && config.rate.burst == 7);
    cr_assert_eq(config.idle_timeout_ns, 600 * NS_PER_SECOND);
    cr_assert_eq(config.backlog_bytes, 65536);
    cr_assert_eq(config.slow_policy, CONFIG_SLOW_DISCONNECT);
    cr_assert_eq(config.history_lines, 0);
    cr_assert_eq(config.grace_ns, 250 * NS_PER_MS);
    cr_assert(config.debug);
    cr_assert_eq(config.slow_callback_ns, 3600 * NS_PER_SECOND);
    cr_assert_eq(config.log_level, LOG_LEVEL_DEBUG);
}

Test(config, every_option_is_read_from_the_next_word_or_behind_an_equals_sign)
{
    cr_assert_eq(PARSE("-l", "[::1]:80", "--listen", "unix:/run/chatd", "--name",
                       "caf\xc3\xa9 chat", "--motd", "motd.txt", "--max-clients", "500",
                       "--max-per-host", "5", "--connect-rate", "2/9", "--max-line", "512",
                       "--rate", "5/7", "--idle-timeout", "10m", "--backlog", "64K",
                       "--slow-policy", "disconnect", "--history", "0", "--grace", "250ms",
                       "--debug", "--slow-callback", "1h", "--log-level", "debug"),
                 0, "%s", problem);
    check_everything_set();
    cr_assert_eq(PARSE("-l[::1]:80", "--listen=unix:/run/chatd", "--name=caf\xc3\xa9 chat",
                       "--motd=motd.txt", "--max-clients=500", "--max-per-host=5",
                       "--connect-rate=2/9", "--max-line=512", "--rate=5/7", "--idle-timeout=10m",
                       "--backlog=64K", "--slow-policy=disconnect", "--history=0", "--grace=250ms",
                       "--debug", "--slow-callback=1h", "--log-level=debug", "--"),
                 0, "%s", problem);
    check_everything_set();
}

Test(config, the_last_one_counts_where_an_option_is_repeated)
{
    cr_assert_eq(PARSE("--history", "5", "--name=a", "--history=7", "--name=b"), 0);
    cr_assert_eq(config.history_lines, 7);
    cr_assert_str_eq(config.name, "b");
    REFUSED("chatd: --max-line: '0' is not accepted: a size from 16 to 16384", "--max-line", "0",
            "--max-line", "16");
}

Test(config, a_refusal_names_the_option_the_value_and_what_would_be_accepted)
{
    REFUSED("chatd: --max-line: '0' is not accepted: a size from 16 to 16384", "--max-line", "0");
    REFUSED("chatd: --max-line: '' is not accepted: a size from 16 to 16384", "--max-line=");
    REFUSED("chatd: --name: '' is not accepted: 1 to 64 bytes of UTF-8 without control characters",
            "--name", "");
    REFUSED("chatd: --rate: '5/0' is not accepted: LINES from 1 to 1000000 with or without /BURST "
            "from 1 to 4000000, or 0 alone",
            "--rate", "5/0");
    REFUSED("chatd: --slow-policy: 'kill' is not accepted: skip or disconnect",
            "--slow-policy=kill");
    REFUSED("chatd: --listen: '7777' is not accepted: HOST:PORT, [V6]:PORT, :PORT or unix:PATH, a "
            "port up to 65535, a path up to 107 bytes",
            "-l", "7777");
    REFUSED("chatd: --debug: 'yes' is not accepted: it takes no value", "--debug=yes");
    REFUSED("chatd: --history: a value is missing: a whole number from 0 to 100000", "--history");
    REFUSED("chatd: 'x' is not accepted: only options are, --help lists them", "x", "--history");
    REFUSED("chatd: 'x' is not accepted: only options are, --help lists them", "--", "x");
    REFUSED("chatd: '-' is not accepted: only options are, --help lists them", "-");
    REFUSED("chatd: '--port=80' is no option: --help lists them", "--port=80");
    REFUSED("chatd: '-p' is no option: --help lists them", "-p", "80");
}

Test(config, values_that_make_no_sense_are_refused)
{
    static const struct {
        const char *option;
        const char *values[12];
    } wrong[] = {
        {"--name", {"", " ", "a\tb", "\xff", "\xc3", "\xc2\x9b", "\xe2\x80\xae"}},
        {"--motd", {""}},
        {"--max-clients", {"", "-1", "1000001", "many", "1.5", "99999999999999999999"}},
        {"--max-per-host", {"", "-1", "1000001"}},
        {"--connect-rate", {"", "0/5", "5/0"}},
        {"--max-line", {"", "0", "15", "16385", "17K", "-16", "2048B", "1e3"}},
        {"--rate", {"", "-5", "5/", "/5", "5/0", "0/5", "5/5/5", "ten", "1000001"}},
        {"--idle-timeout", {"", "-1", "1d", "1.5h", "soon", "99999999h"}},
        {"--backlog", {"", "0", "1", "8703", "2G", "-1M", "1X"}},
        {"--slow-policy", {"", "Skip", "skip ", "drop"}},
        {"--history", {"", "-1", "100001", "1K"}},
        {"--grace", {"", "-1", "forever"}},
        {"--slow-callback", {"", "0", "0ms", "-1", "1us"}},
        {"--log-level", {"", "INFO", "trace"}},
        {"--listen", {"", "localhost", ":65536", "unix:"}},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        for (const char *const *value = wrong[i].values; *value; value++) {
            if (strcmp(wrong[i].option, "--name") == 0 && (*value)[0]) {
                /* These can't be shown as they are. */
                cr_assert_eq(PARSE(wrong[i].option, *value), -EINVAL);
                continue;
            }
            check_refused(wrong[i].option, *value);
        }
}

Test(config, limits_themselves_are_accepted)
{
    cr_assert_eq(PARSE("--max-line", "16", "--history", "100000", "--max-clients", "1000000"), 0);
    cr_assert_eq(PARSE("--max-line", "16384", "--rate", "0", "--grace", "0", "--backlog", "1G"), 0);
    cr_assert_eq(config.rate.rate, 0);
    cr_assert_eq(config.grace_ns, 0);
    cr_assert_eq(PARSE("--slow-callback", "1ms", "--idle-timeout", "0"), 0);
}

Test(config, a_name_has_64_bytes_at_most)
{
    char name[CONFIG_NAME_MAX + 2];

    memset(name, 'n', sizeof(name));
    name[CONFIG_NAME_MAX] = '\0';
    cr_assert_eq(PARSE("--name", name), 0);
    name[CONFIG_NAME_MAX] = 'n';
    name[CONFIG_NAME_MAX + 1] = '\0';
    cr_assert_eq(PARSE("--name", name), -EINVAL);
}

Test(config, a_backlog_holds_four_of_the_longest_lines_whichever_comes_first)
{
    REFUSED(
        "chatd: --backlog: '8703' is not accepted: a size from 8704, which is 4 x (max-line + 128) "
        "with --max-line 2048, to 1G",
        "--backlog", "8703");
    cr_assert_eq(PARSE("--backlog", "8704"), 0);
    REFUSED(
        "chatd: --backlog: '64K' is not accepted: a size from 66048, which is 4 x (max-line + 128) "
        "with --max-line 16384, to 1G",
        "--backlog", "64K", "--max-line", "16K");
    cr_assert_eq(PARSE("--max-line", "16", "--backlog", "576"), 0);
    cr_assert_eq(PARSE("--backlog", "575", "--max-line", "16"), -EINVAL);
    cr_assert_eq(config_longest_line(&config), 144);
}

Test(config, sixteen_addresses_are_listened_on_and_each_once)
{
    char addresses[CONFIG_LISTENERS_MAX + 1][32];
    const char *words[CONFIG_LISTENERS_MAX + 2] = {NULL};

    for (int i = 0; i <= CONFIG_LISTENERS_MAX; i++) {
        snprintf(addresses[i], sizeof(addresses[i]), "-l127.0.0.1:%d", 7000 + i);
        words[i] = addresses[i];
        words[i + 1] = NULL;
        cr_assert_eq(parse_words(words), i < CONFIG_LISTENERS_MAX ? 0 : -EINVAL);
    }
    cr_assert_str_eq(problem,
                     "chatd: --listen: '127.0.0.1:7016' is not accepted: 16 addresses at most");
    REFUSED("chatd: --listen: ':80' is not accepted: each address once", "-l", ":80", "-l", ":80");
    cr_assert_eq(PARSE("-l", ":0", "-l", ":0"), 0, "two free ports are two addresses");
    cr_assert_eq(config.listener_count, 2);
}

Test(config, options_that_are_not_there_yet_are_like_any_unknown_one)
{
    REFUSED("chatd: '--trace' is no option: --help lists them", "--trace", "x");
}

Test(config, the_operators_socket_is_a_path)
{
    char path[109];
    memset(path, 'x', sizeof(path));
    path[108] = '\0';
    cr_assert_eq(PARSE("-l", ":1"), 0);
    cr_assert_null(config.admin, "off unless it is asked for");
    cr_assert_eq(PARSE("--admin", "/run/admin"), 0);
    cr_assert_str_eq(config.admin, "/run/admin");
    cr_assert_eq(PARSE("--admin", path + 1), 0);
    cr_assert_eq(PARSE("--admin", path), -EINVAL);
    REFUSED("chatd: --admin: '' is not accepted: the path of a socket, up to 107 bytes", "--admin",
            "");
}

Test(config, a_journal_is_synced_as_asked_and_checked_if_there_is_one)
{
    cr_assert_eq(PARSE("--journal", "x", "--journal-sync", "always", "--check"), 0);
    cr_assert_str_eq(config.journal, "x");
    cr_assert_eq(config.journal_sync, CONFIG_SYNC_ALWAYS);
    cr_assert(config.check);
    cr_assert_eq(PARSE("--journal", "x"), 0);
    cr_assert_eq(config.journal_sync, CONFIG_SYNC_SECOND);
    REFUSED("chatd: --journal-sync: 'never' is not accepted: always, second or off",
            "--journal-sync", "never");
    REFUSED("chatd: --check needs --journal FILE, the file to verify", "--check");
}

Test(config, names_of_options_are_not_shortened)
{
    REFUSED("chatd: '--hist' is no option: --help lists them", "--hist", "5");
    REFUSED("chatd: '--historyx' is no option: --help lists them", "--historyx", "5");
    cr_assert_eq(PARSE("-listen"), -EINVAL, "that is -l with the value isten");
}

Test(config, a_path_that_is_a_little_too_long_is_shown_whole)
{
    char value[sizeof("unix:") + 108] = "unix:/";
    char expected[256];
    memset(value + 6, 'p', sizeof(value) - 7);
    (void)snprintf(expected, sizeof(expected), "chatd: --listen: '%s' is not accepted: ", value);
    cr_assert_eq(PARSE("--listen", value), -EINVAL);
    cr_assert_eq(strncmp(problem, expected, strlen(expected)), 0, "%s", problem);
}

Test(config, nothing_that_is_typed_makes_a_second_line_or_a_long_one)
{
    char value[4096];

    cr_assert_eq(PARSE("--rate", "5\n6\r\x1b[2J\xff"), -EINVAL);
    cr_assert_eq(strncmp(problem, "chatd: --rate: '56\xef\xbf\xbd' is not accepted: ", 40), 0, "%s",
                 problem);
    for (size_t shift = 0; shift < 4; shift++) {
        memset(value, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof(value); i += 4)
            memcpy(value + i, "\xf0\x9f\x98\x80", 5);
        cr_assert_eq(PARSE("--listen", value), -EINVAL);
        cr_assert_not_null(strstr(problem, "\xf0\x9f\x98\x80...' is not accepted: HOST:PORT"));
        cr_assert_not_null(strstr(problem, "107 bytes"), "the end was cut: %s", problem);
        cr_assert_eq(PARSE(value), -EINVAL);
    }
    memset(value, '\xff', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    cr_assert_eq(PARSE("--listen", value), -EINVAL);
    cr_assert_not_null(strstr(problem, "107 bytes"), "the end was cut: %s", problem);
}

Test(config, help_and_version_are_answered_where_they_stand)
{
    cr_assert_eq(PARSE("--help"), CONFIG_HELP);
    cr_assert_eq(PARSE("-h", "--nonsense"), CONFIG_HELP);
    cr_assert_eq(PARSE("--debug", "-V", "-h"), CONFIG_VERSION);
    cr_assert_eq(PARSE("--version"), CONFIG_VERSION);
    cr_assert_eq(PARSE("--nonsense", "-h"), -EINVAL);
    REFUSED("chatd: --help: 'me' is not accepted: it takes no value", "--help=me");
}

Test(config, the_help_fits_80_columns_and_lists_all_options_in_order)
{
    static const char *const order[] = {"usage: chatd [-l ADDR]... [options]\n",
                                        "\n  -l, --listen ADDR         HOST:PORT, ",
                                        "\n      --name NAME           ",
                                        "\n      --motd FILE           ",
                                        "\n      --max-clients N       ",
                                        "\n      --max-per-host N      ",
                                        "\n      --connect-rate N[/BURST]  ",
                                        "\n      --max-line BYTES      ",
                                        "\n      --rate LINES[/BURST]  ",
                                        "\n      --idle-timeout DUR    ",
                                        "\n      --backlog SIZE        ",
                                        "\n      --slow-policy WHAT    ",
                                        "\n      --history N           ",
                                        "\n      --grace DUR           ",
                                        "\n      --debug               ",
                                        "\n      --slow-callback DUR   ",
                                        "\n      --log-level LEVEL     ",
                                        "\n  -V, --version             ",
                                        "\n  -h, --help                ",
                                        "\nDUR is 250ms, 5s, 10m, 1h or a bare number of seconds"};
    char text[CONFIG_HELP_TEXT];
    size_t length = config_help(text, sizeof(text));
    const char *at = text;

    cr_assert_eq(length, strlen(text));
    cr_assert_lt(length, sizeof(text) - 1, "the help was cut");
    cr_assert_eq(text[length - 1], '\n');
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        const char *found = strstr(at, order[i]);
        cr_assert_not_null(found, "'%s' is missing or out of order in\n%s", order[i], text);
        at = found + strlen(order[i]) - 1;
    }
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        size_t columns = strcspn(line, "\n");
        cr_assert_leq(columns, 80, "%.*s", (int)columns, line);
        cr_assert_neq(line[columns - 1], ' ', "trailing blank: %.*s", (int)columns, line);
    }
    cr_assert_not_null(strstr(text, "\n                            (2048)\n"));
    cr_assert_not_null(strstr(text, "disconnect, once behind the backlog (skip)\n"));
}

Test(config, too_small_a_room_for_the_help_cuts_it)
{
    char whole[CONFIG_HELP_TEXT];
    char text[CONFIG_HELP_TEXT];
    size_t length = config_help(whole, sizeof(whole));

    for (size_t size = 1; size <= length + 1; size += 7) {
        cr_assert_eq(config_help(text, size), size - 1);
        cr_assert_eq(memcmp(text, whole, size - 1), 0);
        cr_assert_eq(text[size - 1], '\0');
    }
}
