/* The command line of chatload, --fail-if included. */
#include "tools/chatload/settings.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static struct settings settings;
static char problem[SETTINGS_PROBLEM_TEXT];

#define PARSE(...) \
    settings_parse(&settings, (char *[]){"chatload", __VA_ARGS__, NULL}, problem, sizeof(problem))

/* A usage error is one line that names the program, and what is wrong. */
#define REFUSED(words, ...)                                                   \
    do {                                                                      \
        cr_expect_eq(PARSE(__VA_ARGS__), -EINVAL, "accepted: " #__VA_ARGS__); \
        cr_expect_not_null(strstr(problem, words), "'%s'", problem);          \
        cr_expect_eq(strncmp(problem, "chatload: ", 10), 0, "'%s'", problem); \
        cr_expect_null(strchr(problem, '\n'), "'%s'", problem);               \
    } while (0)

Test(chatload_settings, defaults_are_those_of_the_contract)
{
    char *nothing[] = {"chatload", NULL};
    cr_assert_eq(settings_parse(&settings, nothing, problem, sizeof(problem)), 0);
    cr_expect_str_eq(settings.address.host, "127.0.0.1");
    cr_expect_eq(settings.address.port, 7777);
    cr_expect_eq(settings.clients, 100);
    cr_expect_eq(settings.senders, 10);
    cr_expect_eq(settings.rooms, 1);
    cr_expect_eq(settings.size_bytes, 64);
    cr_expect_eq(settings.duration_ns, INT64_C(10000000000));
    cr_expect_eq(settings.rate, 0);
    cr_expect_eq(settings.burst, 1);
    cr_expect_eq(settings.window, 8);
    cr_expect_eq(settings.ramp_ns, 0);
}

Test(chatload_settings, fewer_clients_have_fewer_senders_unless_these_are_given)
{
    cr_assert_eq(PARSE("--clients", "4"), 0);
    cr_expect_eq(settings.senders, 4);
    cr_assert_eq(PARSE("--clients", "40"), 0);
    cr_expect_eq(settings.senders, 10);
    REFUSED("--senders: '10'", "--clients", "4", "--senders", "10");
}

Test(chatload_settings, the_address_may_stand_anywhere)
{
    cr_assert_eq(PARSE("[::1]:99", "--clients", "5", "--senders", "1"), 0);
    cr_expect_str_eq(settings.address.host, "::1");
    cr_assert_eq(PARSE("--clients", "5", "--senders=1", "example.org:7"), 0);
    cr_expect_str_eq(settings.address.host, "example.org");
    cr_assert_eq(PARSE("--rate", "5", "--", "unix:/run/chatd"), 0);
    cr_expect_eq(settings.address.kind, ENDPOINT_UNIX);
}

Test(chatload_settings, numbers_have_their_bounds)
{
    static const struct {
        const char *option, *least, *most, *below, *above;
    } rows[] = {
        {"--clients", "2", "1000000", "1", "1000001"},
        {"--senders", "1", "100000", "0", "100001"},
        {"--rooms", "1", "9000", "0", "9001"},
        {"--size", "24", "16384", "23", "16385"},
        {"--rate", "0", "10000000", "-1", "10000001"},
        {"--burst", "1", "100000", "0", "100001"},
        {"--window", "1", "100000", "0", "100001"},
        {"--stalled", "0", "1000000", "-1", "1000001"},
        {"--churn", "0", "10000", "-1", "10001"},
        {"--server-pid", "0", "4194304", "-1", "4194305"},
        {"--duration", "100ms", "100h", "99ms", "x"},
        {"--ramp", "0", "100h", "-1", "x"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *option = (char *)rows[i].option;
        bool burst = strcmp(option, "--burst") == 0;
        bool clients = strcmp(option, "--clients") == 0;
        char *many = clients ? "--window" : "--clients";
        char *number = clients ? "1" : "100000";
        char *rate = burst ? "--rate=9" : "--window=1";
        char *senders = strcmp(option, "--senders") == 0 ? "--ramp=0" : "--senders=1";
        int most = strcmp(option, "--senders") == 0 ? -EINVAL : 0; /* as pairs with the clients */
        cr_expect_eq(PARSE(option, (char *)rows[i].least, many, number, rate, senders), 0, "%s: %s",
                     option, problem);
        cr_expect_eq(PARSE(option, (char *)rows[i].most, many, number, rate, senders), most, "%s",
                     problem);
        REFUSED(option, option, (char *)rows[i].below, many, number, rate, senders);
        REFUSED(option, option, (char *)rows[i].above, many, number, rate, senders);
    }
    cr_expect_eq(PARSE("--clients", "5", "--senders", "5"), 0);
    cr_expect_eq(PARSE("--clients", "8", "--senders", "1", "--rooms", "4"), 0);
    REFUSED("up to 4 with --clients 8", "--clients", "8", "--senders", "1", "--rooms", "5");
}

Test(chatload_settings, takes_32_limits)
{
    char *arguments[2 * SETTINGS_LIMITS_MAX + 4] = {"chatload"};
    for (size_t i = 0; i <= SETTINGS_LIMITS_MAX; i++) {
        arguments[2 * i + 1] = "--fail-if";
        arguments[2 * i + 2] = "lost>0";
    }
    cr_expect_eq(settings_parse(&settings, arguments, problem, sizeof(problem)), -EINVAL);
    cr_expect_not_null(strstr(problem, "32 of them at most"), "%s", problem);
    arguments[2 * SETTINGS_LIMITS_MAX + 1] = NULL;
    cr_expect_eq(settings_parse(&settings, arguments, problem, sizeof(problem)), 0, "%s", problem);
    cr_expect_eq(settings.limit_count, SETTINGS_LIMITS_MAX);
}

Test(chatload_settings, one_report_may_go_to_stdout)
{
    cr_assert_eq(PARSE("--json", "-", "--html", "file"), 0);
    cr_expect(settings_use_stdout(&settings));
    cr_assert_eq(PARSE("--html", "-"), 0);
    cr_expect(settings_use_stdout(&settings));
    cr_assert_eq(PARSE("--json", "file"), 0);
    cr_expect_not(settings_use_stdout(&settings));
    REFUSED("only one of them can go to stdout", "--json", "-", "--html", "-");
}

Test(chatload_settings, limits_add_up)
{
    cr_assert_eq(PARSE("--fail-if", "p99>50ms", "--fail-if", "lost>3"), 0);
    cr_expect_eq(settings.limit_count, 2);
    cr_expect_eq(settings.limits[1].metric, METRIC_LOST);
}

Test(chatload_settings, every_error_is_one_line_that_says_what_would_do)
{
    REFUSED("HOST:PORT", "nowhere");
    REFUSED("HOST:PORT", ":7777");
    REFUSED("HOST:PORT", "host:0");
    REFUSED("one address is enough", "a:1", "b:2");
    REFUSED("--clients: '1'", "--clients", "1");
    REFUSED("--clients: '0'", "--clients", "0");
    REFUSED("--clients: a value is missing", "--clients");
    REFUSED("--senders: '0'", "--senders", "0");
    REFUSED("up to 5 with --clients 5", "--clients", "5", "--senders", "6");
    REFUSED("--rooms: '3'", "--clients", "5", "--senders", "1", "--rooms", "3");
    REFUSED("--proto raw", "--proto", "raw", "--rooms", "2");
    REFUSED("--size: '23'", "--size", "23");
    REFUSED("--size: '1M'", "--size", "1M");
    REFUSED("--duration: '0'", "--duration", "0");
    REFUSED("--duration: '50ms'", "--duration", "50ms");
    REFUSED("--rate: '-1'", "--rate", "-1");
    REFUSED("--rate: '1.5'", "--rate", "1.5");
    REFUSED("--burst: '0'", "--burst", "0", "--rate", "5");
    REFUSED("--rate", "--burst", "5");
    REFUSED("--spin: '1'", "--spin=1", "--rate", "5");
    REFUSED("--window: '0'", "--window", "0");
    REFUSED("--ramp: 'soon'", "--ramp", "soon");
    REFUSED("--stalled: 'some'", "--stalled", "some");
    REFUSED("--churn: ''", "--churn", "");
    REFUSED("--proto: 'irc'", "--proto", "irc");
    REFUSED("--spawn: ''", "--spawn", "");
    REFUSED("--spawn", "--spawn", "x", "host:1");
    REFUSED("--server-pid", "--spawn", "x", "--server-pid", "5");
    REFUSED("--json: ''", "--json", "");
    REFUSED("--html: a value is missing", "--html");
    REFUSED("--fail-if: 'p99'", "--fail-if", "p99");
    REFUSED("--bogus", "--bogus");
    REFUSED("million", "--clients", "100000", "--senders", "90000");
}

Test(chatload_settings, the_help_fits_its_columns)
{
    char help[SETTINGS_HELP_TEXT];
    char *line = help;
    cr_assert_lt(settings_help(help, sizeof(help)), sizeof(help) - 1);
    cr_expect_not_null(strstr(help, "--fail-if"));
    cr_expect_not_null(strstr(help, "status is 1"));
    while (*line) {
        size_t length = strcspn(line, "\n");
        cr_expect_leq(length, 80, "%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static bool exceeded(const char *text, enum metric metric, double value)
{
    struct limit limit;
    double values[METRICS] = {0};
    values[metric] = value;
    cr_assert_eq(limit_parse(text, &limit), 0, "%s is refused", text);
    cr_assert_eq(limit.metric, metric);
    return limit_exceeded(&limit, values);
}

Test(chatload_settings, compares_in_the_units_it_was_given)
{
    cr_expect(exceeded("p99>50ms", METRIC_P99, 50001));
    cr_expect_not(exceeded("p99>50ms", METRIC_P99, 50000));
    cr_expect(exceeded("max>1.5s", METRIC_MAX, 1600000));
    cr_expect_not(exceeded("max>1.5s", METRIC_MAX, 1400000));
    cr_expect(exceeded("p50<100us", METRIC_P50, 99));
    cr_expect(exceeded("p999>1us", METRIC_P999, 2));
    cr_expect(exceeded("p90>0.5ms", METRIC_P90, 501));
    cr_expect(exceeded("rate<1000000", METRIC_RATE, 999999));
    cr_expect_not(exceeded("rate<1000000", METRIC_RATE, 1000000));
    cr_expect(exceeded("lost>0", METRIC_LOST, 1));
    cr_expect(exceeded("duplicated>3", METRIC_DUPLICATED, 4));
    cr_expect_not(exceeded("reordered>3", METRIC_REORDERED, 3));
}

Test(chatload_settings, what_was_not_measured_passes_no_limit)
{
    cr_expect(exceeded("p99>50ms", METRIC_P99, NAN));
    cr_expect(exceeded("rate<1", METRIC_RATE, NAN));
    cr_expect(exceeded("lost>0", METRIC_LOST, NAN));
}

Test(chatload_settings, takes_fifteen_digits_and_no_more)
{
    struct limit limit;
    cr_assert_eq(limit_parse("lost>999999999999999", &limit), 0);
    cr_expect_eq(limit.value, 999999999999999.0);
    cr_expect_eq(limit_parse("lost>1000000000000000", &limit), -EINVAL);
    cr_expect_eq(limit_parse("lost>0000000000000001", &limit), -EINVAL);
}

Test(chatload_settings, refuses_everything_else)
{
    static const char *const wrong[] = {
        "",
        "p99",
        "p99>",
        ">5ms",
        "p99>50",
        "p99>ms",
        "p99=50ms",
        "p98>5ms",
        "lost>5ms",
        "rate<1e6",
        "p99>1.ms",
        "p99>.5ms",
        "p99>-5ms",
        "p99>5 ms",
        "lost>",
        "p99>>5ms",
        "P99>50ms",
        "p99>5msx",
        "max<1h",
        "lost>0x1",
        "p99>inf",
        "rate>1s",
        "p99 >5ms",
        "lost>1.0.0",
        "p50>5ms,p99>6ms",
        "lost>99999999999999999999",
    };
    struct limit limit;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_expect_eq(limit_parse(wrong[i], &limit), -EINVAL, "'%s' is accepted", wrong[i]);
}
