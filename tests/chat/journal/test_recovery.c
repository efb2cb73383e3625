/* Reading a journal: whole, cut anywhere, damaged anywhere. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/journal/recovery.h"
#include "reactor/sim/sim.h"

#define PATH "/var/journal"
#define RECORDS 20

static struct sim *sim;
static struct sys *sys;
static char file[RECORDS * 64 + 64];
static size_t file_bytes;
static size_t ends[RECORDS]; /* where record n ends */

/* Numbers of the records that were visited, in order. */
static int visited[RECORDS + 1];
static int visits;
static int answer;

static int visit(void *context, const struct record *record)
{
    (void)context;
    if (record->type == RECORD_LINE)
        visited[visits++] = (int)record->stamp_ns;
    return answer;
}

static void build_file(void)
{
    memcpy(file, RECORD_HEADER, RECORD_HEADER_BYTES);
    file_bytes = RECORD_HEADER_BYTES;
    for (int i = 0; i < RECORDS; i++) {
        char text[32];
        int length = snprintf(text, sizeof(text), "#r <ann> line %d", i);
        struct record record = {.type = RECORD_LINE, .stamp_ns = i, .room = "#r", .room_bytes = 2};
        record.text = text;
        record.text_bytes = (size_t)length;
        record_write(&record, file + file_bytes);
        file_bytes += record_size(&record);
        ends[i] = file_bytes;
    }
}

static void open_disk(void)
{
    sim = sim_create(NULL);
    sys = sim_door(sim);
    build_file();
}

static void close_disk(void)
{
    cr_assert_eq(sim_live_blocks(sim), 0);
    sim_free(sim);
}

TestSuite(recovery, .init = open_disk, .fini = close_disk, .timeout = 120);

static int read_bytes(const char *bytes, size_t size, struct recovery *recovery)
{
    (void)sys->unlink(sys, PATH);
    int fd = sys->open_update(sys, PATH, true);
    if (size > 0)
        cr_assert_eq(sys->write(sys, fd, bytes, size), (ssize_t)size);
    sys->close(sys, fd);
    fd = sys->open_update(sys, PATH, false);
    visits = 0;
    int rc = recovery_read(recovery, sys, fd, UINT64_MAX, visit, NULL);
    sys->close(sys, fd);
    return rc;
}

Test(recovery, every_record_is_visited_in_order)
{
    struct recovery recovery;
    cr_assert_eq(read_bytes(file, file_bytes, &recovery), 0);
    cr_assert_eq(visits, RECORDS);
    for (int i = 0; i < RECORDS; i++)
        cr_assert_eq(visited[i], i);
    cr_assert_eq(recovery.records, RECORDS);
    cr_assert_eq(recovery.end_bytes, file_bytes);
    cr_assert_eq(recovery.middle_bytes + recovery.tail_bytes, 0);
}

Test(recovery, wherever_it_is_cut_all_before_is_there_and_the_tail_is_named)
{
    for (size_t cut = 0; cut <= file_bytes; cut++) {
        struct recovery recovery;
        int whole = 0;
        while (whole < RECORDS && ends[whole] <= cut)
            whole++;
        size_t good = whole ? ends[whole - 1] : cut < RECORD_HEADER_BYTES ? 0 : RECORD_HEADER_BYTES;
        cr_assert_eq(read_bytes(file, cut, &recovery), 0, "cut at %zu", cut);
        cr_assert_eq(visits, whole, "cut at %zu: %d", cut, visits);
        cr_assert_eq(recovery.end_bytes, good, "cut at %zu", cut);
        cr_assert_eq(recovery.tail_bytes, cut - good, "cut at %zu", cut);
        cr_assert_eq(recovery.middle_bytes, 0);
    }
}

/* Each byte, changed, costs the record it is in and no other. */
Test(recovery, damage_costs_the_record_it_hits)
{
    for (size_t at = RECORD_HEADER_BYTES; at < file_bytes; at++) {
        struct recovery recovery;
        int hit = 0;
        while (ends[hit] <= at)
            hit++;
        file[at] ^= 0x55;
        cr_assert_eq(read_bytes(file, file_bytes, &recovery), 0);
        file[at] ^= 0x55;
        cr_assert_eq(visits, RECORDS - 1, "at %zu: %d", at, visits);
        for (int i = 0; i < visits; i++)
            cr_assert_eq(visited[i], i < hit ? i : i + 1);
        size_t begin = hit ? ends[hit - 1] : RECORD_HEADER_BYTES;
        uint64_t lost = hit == RECORDS - 1 ? recovery.tail_bytes : recovery.middle_bytes;
        cr_assert_eq(lost, ends[hit] - begin, "at %zu", at);
    }
}

Test(recovery, another_file_is_no_journal)
{
    struct recovery recovery;
    cr_assert_eq(read_bytes("root:x:0:0", 10, &recovery), -EBADMSG);
    cr_assert_eq(read_bytes("chatd journal 2\n", 16, &recovery), -EBADMSG);
    cr_assert_eq(read_bytes("", 0, &recovery), 0);
    cr_assert_eq(recovery.end_bytes, 0);
}

Test(recovery, failures_of_the_caller_the_disk_and_memory_end_it)
{
    struct recovery recovery;
    answer = -ECONNREFUSED;
    cr_assert_eq(read_bytes(file, file_bytes, &recovery), -ECONNREFUSED);
    cr_assert_eq(visits, 1);
    answer = 0;
    static const int no_disk[] = {-EIO};
    sim_answer(sim, SIM_READ, no_disk, 1);
    cr_assert_eq(read_bytes(file, file_bytes, &recovery), -EIO);
    static const int no_memory[] = {-ENOMEM};
    sim_answer(sim, SIM_ALLOCATE, no_memory, 1);
    cr_assert_eq(read_bytes(file, file_bytes, &recovery), -ENOMEM);
}

/* The longest records, more of them than a window holds. */
Test(recovery, long_records_cross_the_window)
{
    static char text[RECORD_CONTENT_MAX - 11];
    static char long_file[RECORD_HEADER_BYTES + 7 * (RECORD_HEAD_BYTES + RECORD_CONTENT_MAX)];
    struct recovery recovery;
    size_t size = RECORD_HEADER_BYTES;
    memset(text, 'x', sizeof(text));
    memcpy(long_file, RECORD_HEADER, RECORD_HEADER_BYTES);
    for (int i = 0; i < 7; i++) {
        struct record record = {.type = RECORD_LINE, .stamp_ns = i, .room = "#r", .room_bytes = 2};
        record.text = text;
        record.text_bytes = sizeof(text) - (size_t)i * 1000;
        record_write(&record, long_file + size);
        size += record_size(&record);
    }
    cr_assert_eq(read_bytes(long_file, size, &recovery), 0);
    cr_assert_eq(visits, 7);
    cr_assert_eq(recovery.end_bytes, size);
}
