/*
 * The journal against a model: whatever fails, and wherever the program or the power stops, what is
 * read back is the state after some change, and no confirmed change is missing from it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/journal/journal.h"
#include "reactor/sim/sim.h"
#include "reactor/task/root.h"

#define PATH "/var/chatd.journal"
#define ROOMS 4
#define KEPT 40 /* lines that a room of the model remembers */
#define CHANGES_MAX 4000
#define SEEDS (BUFFER_SCRUBS ? 6 : 40) /* sanitizers make each many times as slow */

TestSuite(journal, .timeout = 300);

/* --- the model: rooms that remember numbers --------------------------------------------------*/

struct model {
    struct {
        int first; /* of `lines` */
        int count;
        int lines[CHANGES_MAX];
    } rooms[ROOMS];
};

/* A change: a line said in a room, or (negative) the room's end. */
static int changes[CHANGES_MAX];
static int change_count;

static void model_apply(struct model *model, int room, int number)
{
    if (number < 0) {
        model->rooms[room].first = model->rooms[room].count = 0;
        return;
    }
    model->rooms[room].lines[model->rooms[room].count++] = number;
    if (model->rooms[room].count - model->rooms[room].first > KEPT)
        model->rooms[room].first++;
}

static bool same_room(const struct model *a, const struct model *b, int room)
{
    int count = a->rooms[room].count - a->rooms[room].first;
    return count == b->rooms[room].count - b->rooms[room].first &&
           memcmp(a->rooms[room].lines + a->rooms[room].first,
                  b->rooms[room].lines + b->rooms[room].first, (size_t)count * sizeof(int)) == 0;
}

static bool same_model(const struct model *a, const struct model *b)
{
    for (int room = 0; room < ROOMS; room++)
        if (!same_room(a, b, room))
            return false;
    return true;
}

/* --- a program that journals -------------------------------------------------------------- */

static struct sim *sim;
static struct loop loop;
static struct log messages;
static struct journal journal;
static struct model memory;
static uint64_t walked[ROOMS]; /* the walk that is past this room */
static uint64_t walk;
static int walk_room;
static int walk_line; /* in that room; -1: its beginning */
static size_t text_bytes;
static uint64_t seed_state;
static int confirmed; /* changes */
static int answered; /* the last answer of journal_confirm */

static unsigned pick(unsigned bound)
{
    seed_state = seed_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(seed_state >> 33) % bound;
}

/* The text is `number` and padding. */
static struct record record_of(int room, int number, char *text)
{
    static const char *const names[ROOMS] = {"#a", "#b", "#c", "#d"};
    struct record record = {.room = names[room], .room_bytes = 2, .text = text};
    record.type = number < 0 ? RECORD_END : RECORD_LINE;
    if (number >= 0) {
        (void)snprintf(text, 16, "%d ", number);
        memset(text + strlen(text), 'x', text_bytes);
        record.text_bytes = text_bytes;
    }
    return record;
}

static char scratch[8192];

static void change(void)
{
    int room = (int)pick(ROOMS);
    int number = pick(50) == 0 ? -1 : change_count;
    changes[change_count++] = number < 0 ? -1 - room : number * ROOMS + room;
    model_apply(&memory, room, number);
    struct record record = record_of(room, number, scratch);
    bool is_walked = walked[room] == walk || (walk_room == room && number < 0 && walk_line >= 0);
    journal_add(&journal, &record, is_walked);
    if (number < 0 && walk_room == room)
        walk_line = -1;
}

static void walk_begin(struct journal_source *source)
{
    (void)source;
    walk++;
    walk_room = 0;
    walk_line = -1;
}

/* One line, or the end of a room. */
static bool walk_next(struct journal_source *source, struct journal *to)
{
    (void)source;
    if (walk_room == ROOMS)
        return false;
    int first = memory.rooms[walk_room].first;
    if (walk_line < first)
        walk_line = first;
    if (walk_line < memory.rooms[walk_room].count) {
        struct record record =
            record_of(walk_room, memory.rooms[walk_room].lines[walk_line++], scratch);
        journal_put(to, &record);
        return true;
    }
    walked[walk_room++] = walk;
    walk_line = -1;
    return walk_room < ROOMS;
}

static struct journal_source source = {.begin = walk_begin, .next = walk_next};

/* Makes changes and has them confirmed, over and over. */
static struct speaker {
    struct task task;
    struct frame frame;
    int rc;
    int changes;
    uint64_t number;
    int64_t pause_ns;
    struct task_group group;
} speaker;

static int speaker_step(struct task *task)
{
    struct speaker *const self = container_of(task, struct speaker, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "journal", GROUP_CONTAIN);
    journal_start(&journal, &self->group, &source);
    while (self->rc != -ECANCELED && change_count < CHANGES_MAX - 20) {
        for (int i = (int)pick(10); i >= 0; i--)
            change();
        self->changes = change_count;
        self->number = journal.added;
        TASK_AWAIT(self->rc, journal_confirm(task, &journal, self->number));
        answered = self->rc;
        if (self->rc == 0)
            confirmed = self->changes;
        self->pause_ns = self->rc == 0 ? (int64_t)pick(3) * NS_PER_MS : NS_PER_SECOND / 2;
        TASK_AWAIT(self->rc, task_sleep(task, self->pause_ns));
    }
    task_group_cancel(&self->group, TIME_NEVER);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_END();
}

static struct model read_back;
static uint64_t records_back;

static int recover(void *context, const struct record *record)
{
    (void)context;
    records_back++;
    if (record->type == RECORD_SYNCED)
        return 0;
    int room = record->room[1] - 'a';
    model_apply(&read_back, room,
                record->type == RECORD_END ? -1 : (int)strtol(record->text, NULL, 10));
    return 0;
}

static char notes[JOURNAL_NOTES_TEXT];

static int open_journal(enum config_journal_sync policy)
{
    cr_assert_eq(loop_init(&loop, sim_door(sim)), 0);
    log_init(&messages, sim_door(sim), 2, LOG_LEVEL_INFO);
    journal_init(&journal, &loop, &messages);
    memset(&read_back, 0, sizeof(read_back));
    return journal_open(&journal, PATH, policy, recover, NULL, notes);
}

static void close_journal(void)
{
    journal_close(&journal);
    loop_release(&loop);
}

static struct root root;

static void start(uint64_t seed, enum config_journal_sync policy)
{
    memset(&memory, 0, sizeof(memory));
    memset(walked, 0, sizeof(walked));
    memset(&speaker, 0, sizeof(speaker));
    change_count = confirmed = 0;
    walk = 0;
    seed_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    sim = sim_create(&(struct sim_options){.seed = seed, .sync_ns = 3 * NS_PER_MS});
    cr_assert_eq(open_journal(policy), 0);
    root_start(&root, &loop, &speaker.task, "speaker", speaker_step);
}

static void run_turns(int turns)
{
    while (turns-- > 0 && !task_ended(&speaker.task))
        cr_assert_eq(loop_run_once(&loop), 0);
}

/* What is read back is the state after `confirmed` changes or more. */
static void check_read_back(uint64_t seed)
{
    static struct model at;
    memset(&at, 0, sizeof(at));
    for (int i = 0; i <= change_count; i++) {
        if (i >= confirmed && same_model(&at, &read_back))
            return;
        if (i < change_count && changes[i] < 0)
            model_apply(&at, -1 - changes[i], -1);
        else if (i < change_count)
            model_apply(&at, changes[i] % ROOMS, changes[i] / ROOMS);
    }
    cr_assert_fail("seed %ju: %d changes, %d confirmed, %ju records read back are none of them",
                   (uintmax_t)seed, change_count, confirmed, (uintmax_t)records_back);
}

/* Starts again on what a crash has left. */
static void restart_and_check(uint64_t seed, enum config_journal_sync policy)
{
    int rc = open_journal(policy);
    cr_assert_eq(rc, 0, "seed %ju: %s", (uintmax_t)seed, strerror(-rc));
    check_read_back(seed);
    close_journal();
    cr_assert_eq(sim_live_blocks(sim), 0, "seed %ju", (uintmax_t)seed);
    sim_free(sim);
}

Test(journal, a_program_that_is_killed_loses_nothing_confirmed)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        text_bytes = 20 + seed % 3 * 1500;
        start(seed, seed % 2 ? CONFIG_SYNC_SECOND : CONFIG_SYNC_OFF);
        run_turns((int)pick(3000));
        sim_kill(sim);
        restart_and_check(seed, CONFIG_SYNC_SECOND);
    }
}

Test(journal, what_always_confirms_survives_a_power_failure)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        text_bytes = 20 + seed % 3 * 1500;
        start(seed, CONFIG_SYNC_ALWAYS);
        run_turns((int)pick(3000));
        sim_cut_power(sim);
        restart_and_check(seed, CONFIG_SYNC_ALWAYS);
    }
}

/* A disk that is full for a while, syncs and renames that fail. */
Test(journal, what_fails_for_a_while_costs_nothing_confirmed)
{
    static const int bad[] = {-EIO};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        enum config_journal_sync policy = seed % 2 ? CONFIG_SYNC_ALWAYS : CONFIG_SYNC_SECOND;
        static const enum sim_call calls[] = {SIM_SYNC_RESULT, SIM_RENAME, SIM_SYNC_START,
                                              SIM_OPEN_UPDATE, SIM_WRITE,  SIM_TRUNCATE};
        text_bytes = 1500;
        start(seed, policy);
        for (int i = 0; i < 6; i++) {
            run_turns((int)pick(400));
            if (pick(3) == 0)
                sim_disk_limit(sim, pick(100000));
            else
                sim_answer(sim, calls[pick(6)], bad, 1);
            run_turns((int)pick(400));
            if (pick(2) == 0)
                sim_disk_limit(sim, SIZE_MAX);
        }
        sim_disk_limit(sim, SIZE_MAX);
        for (int i = 0; i < 6; i++)
            sim_answer(sim, calls[i], NULL, 0);
        if (policy == CONFIG_SYNC_ALWAYS)
            sim_cut_power(sim);
        else
            sim_kill(sim);
        restart_and_check(seed, policy);
    }
}

Test(journal, after_a_full_disk_it_is_written_anew_and_confirms_again)
{
    text_bytes = 100;
    start(1, CONFIG_SYNC_SECOND);
    run_turns(50);
    cr_assert_eq(answered, 0);
    sim_disk_limit(sim, 250);
    run_turns(50);
    cr_assert_eq(answered, -EIO);
    cr_assert_not_null(strstr(sim_output(sim, 2), "cannot be written: No space left on device"));
    sim_disk_limit(sim, SIZE_MAX);
    int before = confirmed;
    for (int i = 0; i < 3000 && confirmed == before; i++)
        run_turns(1);
    cr_assert_gt(confirmed, before);
    cr_assert_not_null(strstr(sim_output(sim, 2), "is written again"));
    sim_kill(sim);
    restart_and_check(1, CONFIG_SYNC_SECOND);
}

Test(journal, an_orderly_end_syncs_everything_and_leaves_one_file)
{
    text_bytes = 1500;
    for (uint64_t seed = 0; seed < 20; seed++) {
        start(seed, CONFIG_SYNC_SECOND);
        run_turns(200 + (int)pick(1500));
        task_cancel(&speaker.task, TIME_NEVER);
        for (int i = 0; i < 1000 && !task_ended(&speaker.task); i++)
            run_turns(1);
        cr_assert(task_ended(&speaker.task));
        confirmed = change_count;
        close_journal();
        cr_assert_null(sim_file_text(sim, PATH ".new"));
        sim_cut_power(sim);
        restart_and_check(seed, CONFIG_SYNC_SECOND);
    }
}

/* --- the start ---------------------------------------------------------------------------- */

static void write_bytes(const char *path, const char *bytes, size_t size)
{
    struct sys *sys = sim_door(sim);
    int fd = sys->open_write(sys, path);
    cr_assert_eq(sys->write(sys, fd, bytes, size), (ssize_t)size);
    sys->close(sys, fd);
}

/* A journal of `count` records; returns its size. */
static size_t write_journal(char *bytes, int count)
{
    size_t size = RECORD_HEADER_BYTES;
    memcpy(bytes, RECORD_HEADER, size);
    text_bytes = 10;
    for (int i = 0; i < count; i++) {
        struct record record = record_of(0, i, scratch);
        record_write(&record, bytes + size);
        size += record_size(&record);
    }
    return size;
}

static char file[4096];

Test(journal, a_torn_tail_is_cut_and_said)
{
    sim = sim_create(NULL);
    size_t size = write_journal(file, 3);
    write_bytes(PATH, file, size - 5);
    cr_assert_eq(open_journal(CONFIG_SYNC_SECOND), 0);
    cr_assert_eq(read_back.rooms[0].count, 2);
    cr_assert_str_eq(notes, "cut 26 bytes of a record that was not finished");
    cr_assert_eq(sim_file_bytes(sim, PATH), size - 31);
    close_journal();
    sim_free(sim);
}

Test(journal, a_damaged_middle_is_skipped_and_the_file_kept_aside)
{
    sim = sim_create(NULL);
    size_t size = write_journal(file, 3);
    file[RECORD_HEADER_BYTES + 40]++;
    write_bytes(PATH, file, size);
    cr_assert_eq(open_journal(CONFIG_SYNC_SECOND), 0);
    cr_assert_eq(read_back.rooms[0].count, 2);
    cr_assert_str_eq(notes,
                     "skipped 31 damaged bytes in its middle and kept it as " PATH ".damaged");
    cr_assert_eq(memcmp(sim_file_text(sim, PATH ".damaged"), file, size), 0);
    cr_assert(journal.outdated.set, "it is to be written anew");
    close_journal();
    sim_free(sim);
}

Test(journal, a_start_that_fails_names_its_cause_and_leaves_nothing_open)
{
    static const int not_permitted[] = {-EPERM};
    sim = sim_create(NULL);
    write_bytes(PATH, "root:x:0:0:", 11);
    cr_assert_eq(open_journal(CONFIG_SYNC_SECOND), -EBADMSG);
    close_journal();
    cr_assert_str_eq(sim_file_text(sim, PATH), "root:x:0:0:");
    write_bytes(PATH, "", 0);
    sim_lock_file(sim, PATH, true);
    cr_assert_eq(open_journal(CONFIG_SYNC_SECOND), -EWOULDBLOCK);
    close_journal();
    sim_lock_file(sim, PATH, false);
    sim_answer(sim, SIM_SYNC_OPEN, not_permitted, 1);
    cr_assert_eq(open_journal(CONFIG_SYNC_ALWAYS), -EOPNOTSUPP);
    close_journal();
    cr_assert_eq(sim_open_descriptors(sim), 0);
    cr_assert_eq(sim_live_blocks(sim), 0);
    sim_free(sim);
}

Test(journal, without_syncs_second_is_off_and_says_so)
{
    static const int not_permitted[] = {-EPERM};
    sim = sim_create(NULL);
    sim_answer(sim, SIM_SYNC_OPEN, not_permitted, 1);
    cr_assert_eq(open_journal(CONFIG_SYNC_SECOND), 0);
    cr_assert_eq(journal.policy, CONFIG_SYNC_OFF);
    cr_assert_not_null(strstr(notes, "cannot be synced without blocking"));
    close_journal();
    sim_free(sim);
}

/* Every call of a start fails once: it is refused, or succeeds, and leaves nothing behind. */
Test(journal, every_call_of_a_start_may_fail)
{
    for (unsigned which = 0; which < 2; which++) {
        const char *failed = "";
        for (uint64_t nth = 1; failed; nth++) {
            sim = sim_create(NULL);
            size_t size = write_journal(file, 3);
            file[RECORD_HEADER_BYTES + 40]++;
            write_bytes(PATH, file, size - 5);
            cr_assert_eq(loop_init(&loop, sim_door(sim)), 0);
            log_init(&messages, sim_door(sim), 2, LOG_LEVEL_INFO);
            journal_init(&journal, &loop, &messages);
            sim_fail_nth(sim, nth, which);
            int rc = journal_open(&journal, PATH, CONFIG_SYNC_ALWAYS, recover, NULL, notes);
            failed = sim_failed_call(sim);
            cr_assert(failed || rc == 0);
            close_journal();
            cr_assert_eq(sim_open_descriptors(sim), 0, "%s", failed);
            cr_assert_eq(sim_live_blocks(sim), 0, "%s", failed);
            sim_free(sim);
        }
    }
}

Test(journal, check_reports_what_is_good_and_what_is_not)
{
    char report[JOURNAL_NOTES_TEXT];
    sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    size_t size = write_journal(file, 3);
    write_bytes(PATH, file, size);
    cr_assert(journal_check(sys, PATH, report));
    cr_assert_str_eq(report, PATH ": 3 good records in 109 bytes");
    file[RECORD_HEADER_BYTES + 40]++;
    write_bytes(PATH, file, size - 1);
    cr_assert(!journal_check(sys, PATH, report));
    cr_assert_str_eq(report,
                     PATH ": 1 good records in 47 bytes; 61 bytes at the end are no record");
    cr_assert(!journal_check(sys, "/nowhere", report));
    cr_assert_str_eq(report, "/nowhere: No such file or directory");
    write_bytes(PATH, "root", 4);
    cr_assert(!journal_check(sys, PATH, report));
    cr_assert_str_eq(report, PATH ": is not a journal");
    sim_free(sim);
}
