#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/config/endpoint.h"

static struct endpoint parse(const char *text)
{
    struct endpoint endpoint;

    cr_assert_eq(endpoint_parse(text, &endpoint), 0, "'%s'", text);
    return endpoint;
}

Test(endpoint, each_form_is_read)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } forms[] = {{"127.0.0.1:7777", "127.0.0.1", 7777},
                 {"localhost:0", "localhost", 0},
                 {"my-host_1.example:65535", "my-host_1.example", 65535},
                 {":7777", "", 7777},
                 {"[::1]:7777", "::1", 7777},
                 {"[::]:0", "::", 0},
                 {"[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80},
                 {"[fe80::1%eth0]:7777", "fe80::1%eth0", 7777}};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct endpoint endpoint = parse(forms[i].text);
        cr_assert_eq(endpoint.kind, ENDPOINT_TCP);
        cr_assert_str_eq(endpoint.host, forms[i].host);
        cr_assert_eq(endpoint.port, forms[i].port);
    }
}

Test(endpoint, a_unix_path_is_all_that_follows)
{
    static const char text[] = "unix:/run/a:b.sock";
    struct endpoint endpoint = parse(text);

    cr_assert_eq(endpoint.kind, ENDPOINT_UNIX);
    cr_assert_eq(endpoint.path, text + 5);
    cr_assert_str_eq(parse("unix:7777").path, "7777");
}

Test(endpoint, it_is_written_as_it_was_typed)
{
    static const char *const typed[] = {"127.0.0.1:7777", ":0", "[fe80::1%eth0]:65535",
                                        "unix:/run/a:b.sock"};
    char text[ENDPOINT_TEXT];

    for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
        struct endpoint endpoint = parse(typed[i]);
        endpoint_format(&endpoint, text);
        cr_assert_str_eq(text, typed[i]);
    }
}

Test(endpoint, what_is_none_of_the_forms_is_refused)
{
    static const char *const wrong[] = {"",
                                        "7777",
                                        "localhost",
                                        "localhost:",
                                        ":",
                                        "host:-1",
                                        "host:+80",
                                        "host:65536",
                                        "host:99999999",
                                        "host:80 ",
                                        "host:http",
                                        "::1:7777",
                                        "1::7777",
                                        "[::1]",
                                        "[::1]:",
                                        "[]:7777",
                                        "[::1:7777",
                                        "::1]:7777",
                                        "[127.0.0.1]:1",
                                        "[:::1]:7777",
                                        "[::1%]:777",
                                        "[::1%a b]:77",
                                        "[localhost]:80",
                                        "a b:80",
                                        "*:80",
                                        "a/b:80",
                                        "\x01:80",
                                        "unix:",
                                        "unix:a\nb",
                                        "unix:\x7f",
                                        "[]:",
                                        "]:1",
                                        "[:1"};
    struct endpoint endpoint;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(endpoint_parse(wrong[i], &endpoint), -EINVAL, "'%s'", wrong[i]);
}

Test(endpoint, hosts_and_paths_have_a_length)
{
    struct endpoint endpoint;
    char text[ENDPOINT_HOST_MAX + 16];

    for (size_t length = 0; length < ENDPOINT_HOST_MAX + 8; length++) {
        memset(text, 'h', length);
        memcpy(text + length, ":80", 4);
        cr_assert_eq(endpoint_parse(text, &endpoint) == 0, length <= ENDPOINT_HOST_MAX);
        memset(text, '1', length);
        memcpy(text + length, "]:80", 5);
        text[0] = '[';
        cr_assert_eq(endpoint_parse(text, &endpoint), -EINVAL);
    }
    memcpy(text, "unix:", 5);
    for (size_t length = 0; length < ENDPOINT_PATH_MAX + 8; length++) {
        memset(text + 5, 'p', length);
        text[5 + length] = '\0';
        cr_assert_eq(endpoint_parse(text, &endpoint) == 0,
                     length >= 1 && length <= ENDPOINT_PATH_MAX);
    }
}

Test(endpoint, the_same_twice_is_noticed_and_a_free_port_never_is)
{
    static const struct {
        const char *one;
        const char *other;
        bool same;
    } pairs[] = {{"127.0.0.1:80", "127.0.0.1:80", true},  {"127.0.0.1:80", "127.0.0.1:080", true},
                 {"127.0.0.1:80", "127.0.0.1:81", false}, {"127.0.0.1:80", "127.0.0.2:80", false},
                 {"127.0.0.1:0", "127.0.0.1:0", false},   {":80", ":80", true},
                 {"[::1]:80", "[::1]:80", true},          {"unix:/a", "unix:/a", true},
                 {"unix:/a", "unix:/b", false},           {"unix:80", ":80", false}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct endpoint one = parse(pairs[i].one);
        struct endpoint other = parse(pairs[i].other);
        cr_assert_eq(endpoint_same(&one, &other), pairs[i].same, "%s %s", pairs[i].one,
                     pairs[i].other);
    }
}
