/* chatload's starts that fail, and the files of its reports. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/load.h"

Test(chatload_starts, a_refused_connection_is_one_line_with_address_and_cause)
{
    load_run("127.0.0.1:1", "--clients", "50");
    expect_status(1);
    expect_complaint("127.0.0.1:1: client ");
    expect_complaint("Connection refused");
    cr_expect_str_empty(run.out, "nothing else is said");
    load_release_run();
}

Test(chatload_starts, a_full_server_is_one_line_with_its_own_words)
{
    load_run("--spawn", chatd("--max-clients 5"), "--clients", "6", "--senders", "1");
    expect_status(1);
    expect_complaint("server full");
    load_release_run();
}

Test(chatload_starts, a_stalled_client_that_is_turned_away_is_one_line_with_the_servers_words)
{
    load_run("--spawn", chatd("--max-clients 5"), "--clients", "5", "--stalled", "1");
    expect_status(1);
    expect_complaint("stalled client: server full");
    load_release_run();
}

Test(chatload_starts, a_command_that_does_not_start_is_one_line)
{
    load_run("--spawn", "exit 3;");
    expect_status(1);
    expect_complaint("it ended before it was listening");
    load_release_run();
}

Test(chatload_starts, a_server_that_names_no_address_is_one_line)
{
    load_run("--spawn", "echo listening on nowhere; exec sleep 600 #");
    expect_status(1);
    expect_complaint("'listening on nowhere' names no address");
    load_release_run();
}

Test(chatload_starts, a_process_to_watch_that_is_none_is_one_line)
{
    char number[16];
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    cr_assert_eq(waitpid(gone, NULL, 0), gone);
    snprintf(number, sizeof(number), "%d", (int)gone);
    load_run("127.0.0.1:1", "--server-pid", number);
    expect_status(1);
    expect_complaint("--server-pid ");
    expect_complaint(": there is no such process");
    load_release_run();
}

Test(chatload_starts, too_few_descriptors_are_one_line)
{
    load_limit_descriptors(64);
    load_run("127.0.0.1:1", "--clients", "100");
    expect_status(1);
    expect_complaint("132 descriptors are needed and 64 are allowed");
    load_release_run();
}

static void expect_content(const char *path, const char *content)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    (void)fread(text, 1, sizeof(text) - 1, file); /* the comparison tells */
    (void)fclose(file); /* it was only read */
    cr_expect_str_eq(text, content);
}

Test(chatload_starts, a_run_that_cannot_start_leaves_the_old_report)
{
    char *path = scratch_write("old.html", "old");
    load_run("127.0.0.1:1", "--clients", "2", "--senders", "1", "--html", path);
    expect_status(1);
    expect_complaint("Connection refused");
    expect_content(path, "old");
    free(path);
    load_release_run();
}

Test(chatload_starts, a_report_replaces_the_old_one_and_keeps_its_mode_and_links)
{
    struct stat file;
    char *path = scratch_write("old.html", "old");
    char *link_path = scratch_path("link.html");
    cr_assert_eq(chmod(path, 0640), 0);
    cr_assert_eq(symlink(path, link_path), 0);
    load_run("--spawn", chatd("--rate 0"), "--clients", "5", "--duration", "100ms", "--html",
             link_path);
    expect_status(0);
    cr_assert_eq(lstat(path, &file), 0);
    cr_expect_eq(file.st_mode, S_IFREG | 0640);
    cr_expect_gt(file.st_size, 1000);
    cr_assert_eq(lstat(link_path, &file), 0);
    cr_expect(S_ISLNK(file.st_mode));
    free(link_path);
    free(path);
    load_release_run();
}

Test(chatload_starts, a_report_on_stdout_is_all_there_is)
{
    load_run("--spawn", chatd("--rate 0"), "--clients", "5", "--duration", "100ms", "--html", "-");
    expect_status(0);
    cr_expect_eq(strncmp(run.out, "<!DOCTYPE html>", strlen("<!DOCTYPE html>")), 0);
    cr_expect_str_eq(strrchr(run.out, '<'), "</html>\n");
    cr_expect_not_null(strstr(run.err, "measuring "), "%s", run.err);
    cr_expect_not_null(strstr(run.err, "0 lost, 0 duplicated, 0 reordered"), "%s", run.err);
    load_release_run();
}

Test(chatload_starts, a_directory_is_no_report)
{
    load_run("127.0.0.1:1", "--html", "/");
    expect_status(1);
    expect_complaint("/: Is a directory");
    load_release_run();
}

Test(chatload_starts, a_report_that_cannot_be_written_is_told_before_the_run)
{
    load_run("127.0.0.1:1", "--html", "/nowhere/at/all.html");
    expect_status(1);
    expect_complaint("/nowhere/at/all.html: No such file");
    load_release_run();
}

Test(chatload_starts, a_usage_error_is_one_line_and_status_2)
{
    load_run("--clients", "none");
    expect_status(2);
    expect_complaint("--clients: 'none' is not accepted");
    cr_expect_str_empty(run.out);
    load_release_run();
}
