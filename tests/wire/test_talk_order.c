/* What comes in which order: for all members the same, each sender's kept, nothing overtaken. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"

enum { PEOPLE = 6, LINES = 300 };

static const char *const names[PEOPLE] = {"ann", "bob", "cat", "dog", "eel", "fox"};

struct company {
    struct server *server;
    struct client *people[PEOPLE];
    size_t start[PEOPLE]; /* where in their lines the talk begins */
};

static struct company company_start(void)
{
    struct company company = {.server = server_start()};

    for (int i = 0; i < PEOPLE; i++)
        company.people[i] = client_open_as(company.server, names[i]);
    return company;
}

/* From here on everything that is heard counts. */
static void company_mark(struct company *company)
{
    for (int i = 0; i < PEOPLE; i++) {
        barrier(company->people[i]);
        company->start[i] = company->people[i]->line_count;
    }
}

/* Reads everything that was said by anyone: first all have been heard, then all have listened. */
static void company_settle(struct company *company)
{
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < PEOPLE; i++)
            barrier(company->people[i]);
}

/* The next line from `*at` on that is speech of anyone but `besides` (nobody hears their own);
 * NULL behind the last. */
static const char *next_speech(const struct client *client, size_t *at, const char *besides)
{
    char own[32];

    snprintf(own, sizeof own, " <%s> ", besides);
    while (*at < client->line_count) {
        const char *line = client->lines[(*at)++];
        if (line[0] == '#' && strstr(line, " <") && !strstr(line, own))
            return line;
    }
    return NULL;
}

/* What `a` and `b` heard of all the others is the same. */
static void expect_same_speech(struct company *company, int a, int b)
{
    size_t at_a = company->start[a], at_b = company->start[b];
    const char *line_a, *line_b;
    int count = 0;

    do {
        line_a = next_speech(company->people[a], &at_a, names[b]);
        line_b = next_speech(company->people[b], &at_b, names[a]);
        if (!line_a || !line_b)
            break;
        cr_assert_str_eq(line_a, line_b, "%s and %s differ in line %d", names[a], names[b], count);
    } while (++count);
    cr_assert(!line_a && !line_b, "%s and %s heard a different number of lines", names[a],
              names[b]);
    cr_assert_eq(count, (PEOPLE - 2) * LINES);
}

Test(talk_order, all_members_of_a_room_see_the_same)
{
    struct company company = company_start();

    company_mark(&company);
    for (int i = 0; i < LINES; i++)
        for (int j = 0; j < PEOPLE; j++)
            say(company.people[j], "%d", i);
    company_settle(&company);
    for (int a = 0; a < PEOPLE; a++)
        for (int b = a + 1; b < PEOPLE; b++)
            expect_same_speech(&company, a, b);
    server_stop(company.server);
}

/* Every listener hears the numbers of each sender ascend, whatever way they were sent. */
static void expect_senders_order(struct company *company, int listener)
{
    struct client *client = company->people[listener];
    int last[PEOPLE];

    memset(last, -1, sizeof last);
    for (size_t i = company->start[listener]; i < client->line_count; i++)
        for (int sender = 0; sender < PEOPLE; sender++) {
            char mark[32];
            const char *found;

            snprintf(mark, sizeof mark, "%s:", names[sender]);
            if (!(found = strstr(client->lines[i], mark)))
                continue;
            int number = (int)strtol(found + strlen(mark), NULL, 10);
            cr_assert(number > last[sender], "%s heard %d of %s after %d", names[listener], number,
                      names[sender], last[sender]);
            last[sender] = number;
        }
}

Test(talk_order, one_senders_lines_keep_their_order_in_all_rooms_and_messages)
{
    struct company company = company_start();
    unsigned seed = 20260;

    for (int i = 0; i < PEOPLE; i++)
        for (int room = 0; room < 3; room++)
            say(company.people[i], "/join #r%d", room);
    company_mark(&company);
    for (int i = 0; i < LINES; i++)
        for (int j = 0; j < PEOPLE; j++) {
            int way = rand_r(&seed) % 6;

            if (way < 3)
                say(company.people[j], "/join #r%d\r\n%s:%d", way, names[j], i);
            else
                say(company.people[j], "/msg %s %s:%d", names[rand_r(&seed) % PEOPLE], names[j], i);
        }
    company_settle(&company);
    for (int i = 0; i < PEOPLE; i++)
        expect_senders_order(&company, i);
    server_stop(company.server);
}

Test(talk_order, a_message_and_speech_overtake_each_other_never)
{
    struct company company = company_start();
    struct client *ann = company.people[0], *bob = company.people[1];

    say(ann, "start");
    expect(bob, "#lobby <ann> start");
    for (int i = 0; i < LINES; i++) {
        say(ann, "aloud %d", i);
        say(ann, "/msg bob aside %d", i);
    }
    for (int i = 0; i < LINES; i++) {
        expect_next(bob, "#lobby <ann> aloud %d", i);
        expect_next(bob, "@ann aside %d", i);
    }
    server_stop(company.server);
}

Test(talk_order, lines_of_several_rooms_come_in_the_order_they_were_said)
{
    struct company company = company_start();
    struct client *ann = company.people[0], *bob = company.people[1];

    for (int room = 0; room < 3; room++) {
        say(ann, "/join #r%d", room);
        say(bob, "/join #r%d", room);
    }
    barrier(bob);
    say(ann, "start");
    expect(bob, "#r2 <ann> start");
    for (int i = 0; i < LINES; i++)
        say(ann, "/join #r%d\r\n%d", i % 3, i);
    for (int i = 0; i < LINES; i++) {
        const char *line;
        char expected[64];

        snprintf(expected, sizeof expected, "#r%d <ann> %d", i % 3, i);
        while (strstr(line = next_line(bob), " -- "))
            ;
        cr_assert_str_eq(line, expected);
    }
    server_stop(company.server);
}

Test(talk_order, a_pong_comes_after_every_line_said_before_it)
{
    struct company company = company_start();
    struct client *ann = company.people[0], *bob = company.people[1];

    barrier(bob);
    for (int i = 0; i < LINES; i++)
        say(ann, "%d", i);
    barrier(ann);
    cr_assert_eq(barrier(bob), LINES);
    server_stop(company.server);
}

Test(talk_order, answers_and_events_stand_where_they_happened)
{
    struct company company = company_start();
    struct client *ann = company.people[0], *bob = company.people[1];

    say(bob, "start");
    expect(ann, "#lobby <bob> start");
    say(ann, "one");
    say(ann, "/nick anna");
    say(ann, "two");
    say(ann, "/topic three");
    say(ann, "/msg bob four");
    say(ann, "/me five");
    say(ann, "/ping six");
    expect_next(bob, "#lobby <ann> one");
    expect_next(bob, "#lobby -- ann is now anna");
    expect_next(bob, "#lobby <anna> two");
    expect_next(bob, "#lobby -- anna set the topic: three");
    expect_next(bob, "@anna four");
    expect_next(bob, "#lobby * anna five");
    expect(ann, "* You are now anna.");
    expect_prefix(ann, "#lobby -- anna set the topic: three");
    expect(ann, "* pong six");
    server_stop(company.server);
}

/* A pasted flood: what is owed to one does not wait for what others send. */
Test(talk_order, a_flood_arrives_whole_at_everybody)
{
    enum { FLOOD = 5000 };
    struct company company = company_start();
    char *text;
    size_t length;
    FILE *stream = open_memstream(&text, &length);

    for (int i = 0; i < FLOOD; i++)
        fprintf(stream, "flood %d\n", i);
    fclose(stream);
    send_bytes(company.people[0], text, length);
    free(text);
    for (int j = 1; j < PEOPLE; j++)
        for (int i = 0; i < FLOOD; i++)
            expect_next(company.people[j], "#lobby <ann> flood %d", i);
    server_stop(company.server);
}
