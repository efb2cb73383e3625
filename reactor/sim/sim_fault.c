#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/random.h"
#include "reactor/sim/sim_internal.h"

#define ERRORS_MAX 5

/* What each call may fail with in reality, the commonest first, zero-terminated. A call without
 * errors never fails and is no step for sim_fail_nth. */
static const struct {
    const char *name;
    int errors[ERRORS_MAX + 1];
} kinds[SIM_CALLS] = {
    [SIM_ALLOCATE] = {"allocate", {ENOMEM}},
    [SIM_RESIZE] = {"resize", {ENOMEM}},
    [SIM_POLL_OPEN] = {"poll_open", {EMFILE, ENFILE, ENOMEM}},
    [SIM_POLL_ADD] = {"poll_add", {ENOSPC, ENOMEM}},
    [SIM_POLL_WAIT] = {"poll_wait", {0}},
    [SIM_SIGNALS_OPEN] = {"signals_open", {EMFILE, ENFILE, ENOMEM}},
    [SIM_SIGNALS_READ] = {"signals_read", {0}},
    [SIM_SOCKET] = {"socket", {EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT}},
    [SIM_BIND] = {"bind", {EADDRINUSE, EACCES, EADDRNOTAVAIL}},
    [SIM_BIND_PATH] = {"bind_path", {EADDRINUSE, EACCES, EROFS}},
    [SIM_LISTEN] = {"listen", {EADDRINUSE}},
    [SIM_ACCEPT] = {"accept", {EMFILE, ECONNABORTED, ENFILE, ENOBUFS, ENOMEM}},
    [SIM_CONNECT] = {"connect", {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, ETIMEDOUT}},
    [SIM_RECEIVE] = {"receive", {ECONNRESET, ETIMEDOUT}},
    [SIM_SEND] = {"send", {ECONNRESET, EPIPE, ENOBUFS, ETIMEDOUT}},
    [SIM_SEND_SEGMENTS] = {"send_segments", {ECONNRESET, EPIPE, ENOBUFS, ETIMEDOUT}},
    [SIM_SHUTDOWN_WRITE] = {"shutdown_write", {ENOTCONN}},
    [SIM_RESET_ON_CLOSE] = {"reset_on_close", {EINVAL}},
    [SIM_WAKEUP_OPEN] = {"wakeup_open", {EMFILE, ENFILE, ENOMEM}},
    [SIM_WAKEUP_RAISE] = {"wakeup_raise", {0}},
    [SIM_WAKEUP_TAKE] = {"wakeup_take", {0}},
    [SIM_INHERIT] = {"inherit", {EBADF}},
    [SIM_UNSENT] = {"unsent", {EINVAL}},
    [SIM_PEER_STATE] = {"peer_state", {EOPNOTSUPP}},
    [SIM_SET_OPTION] = {"set_option", {ENOPROTOOPT, ENOMEM}},
    [SIM_GET_OPTION] = {"get_option", {ENOPROTOOPT}},
    [SIM_LOCAL_ADDRESS] = {"local_address", {ENOBUFS}},
    [SIM_PEER_USER] = {"peer_user", {EOPNOTSUPP}},
    [SIM_OPEN_READ] = {"open_read", {EMFILE, EACCES, ENOENT, ENFILE, EIO}},
    [SIM_OPEN_WRITE] = {"open_write", {EMFILE, EACCES, ENOSPC, ENFILE, EROFS}},
    [SIM_READ] = {"read", {EIO, EISDIR}},
    [SIM_TAKES] = {"takes", {0}},
    [SIM_WRITE] = {"write", {ENOSPC, EIO}},
    [SIM_UNLINK] = {"unlink", {EACCES, EROFS}},
    [SIM_CLOSE] = {"close", {0}},
    [SIM_OPEN_UPDATE] = {"open_update", {EMFILE, EACCES, ENOSPC, ENFILE, EROFS}},
    [SIM_OPEN_DIRECTORY] = {"open_directory", {EMFILE, EACCES, ENFILE}},
    [SIM_LOCK] = {"lock", {ENOLCK, EINTR}},
    [SIM_LOCK_DIRECTORY] = {"lock_directory", {EMFILE, EBUSY, EACCES}},
    [SIM_TRUNCATE] = {"truncate", {EIO, EPERM}},
    [SIM_RENAME] = {"rename", {EACCES, ENOSPC, EROFS}},
    [SIM_PATH_INFO] = {"path_info", {EACCES, EIO}},
    [SIM_FILE_INFO] = {"file_info", {EIO}},
    [SIM_SYNC_OPEN] = {"sync_open", {EAGAIN, ENOSYS, EINVAL, EPERM}},
    [SIM_SYNC_START] = {"sync_start", {EAGAIN, EIO}},
    [SIM_SYNC_RESULT] = {"sync_result", {EIO, ENOSPC}},
    [SIM_DESCRIPTOR_LIMIT] = {"descriptor_limit", {EPERM}},
    [SIM_RANDOM_BYTES] = {"random", {ENOSYS}},
    [SIM_RESOLVE] = {"resolve", {ENOENT, EAGAIN, ENOMEM}},
};

uint64_t sim_random(struct sim *sim, uint64_t bound)
{
    return random_below(&sim->random, bound);
}

/* A rate of 0 draws no number, so that options which are off leave the others' course alone. */
bool sim_happens(struct sim *sim, unsigned ppm)
{
    return ppm && sim_random(sim, 1000000) < ppm;
}

/* How often `error` is to hit `call`. */
static unsigned rate_ppm(const struct sim *sim, enum sim_call call, int error)
{
    switch (error) {
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EPIPE:
        return sim->options.reset_ppm;
    case EMFILE:
    case ENFILE:
        return sim->options.no_descriptor_ppm;
    case ENOMEM:
        if (call == SIM_ALLOCATE || call == SIM_RESIZE)
            return sim->options.no_memory_ppm;
        return sim->options.no_buffer_ppm;
    case ENOBUFS:
        return sim->options.no_buffer_ppm;
    default:
        return 0;
    }
}

/* The name of an error, as strerrorname_np() of newer glibc has it; of those that are in use. */
static const char *error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
#define NAME(error) {error, #error}
        NAME(EACCES),      NAME(EADDRINUSE),  NAME(EADDRNOTAVAIL), NAME(EAFNOSUPPORT),
        NAME(EAGAIN),      NAME(EBUSY),       NAME(ECONNABORTED),  NAME(ECONNREFUSED),
        NAME(ECONNRESET),  NAME(EINVAL),      NAME(EIO),           NAME(EISDIR),
        NAME(EMFILE),      NAME(ENETUNREACH), NAME(ENFILE),        NAME(ENOBUFS),
        NAME(ENOENT),      NAME(ENOLCK),      NAME(EINTR),         NAME(ENOMEM),
        NAME(ENOPROTOOPT), NAME(ENOSPC),      NAME(ENOSYS),        NAME(ENOTCONN),
        NAME(EOPNOTSUPP),  NAME(EPERM),       NAME(EPIPE),         NAME(EPROTO),
        NAME(EROFS),       NAME(ETIMEDOUT),
#undef NAME
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].error == error)
            return names[i].name;
    return strerror(error);
}

static int fail(struct sim *sim, enum sim_call call, int error)
{
    snprintf(sim->failed, sizeof sim->failed, "%s: %s", kinds[call].name, error_name(error));
    return -error;
}

/* The error with which sim_fail_nth asked this call to fail, or 0. */
static int asked_error(const struct sim *sim, enum sim_call call)
{
    const int *error = kinds[call].errors;
    if (sim->calls != sim->fail_at)
        return 0;
    for (unsigned i = 0; i < sim->fail_which && *error; i++)
        error++;
    return *error;
}

/* The next of the answers that sim_answer laid down for this call. */
static int canned_answer(struct sim *sim, enum sim_call call)
{
    int answer = *sim->canned[call].answers++;
    sim->canned[call].left--;
    return answer < 0 ? fail(sim, call, -answer) : 0;
}

int sim_enter(struct sim *sim, enum sim_call call)
{
    const int *errors = kinds[call].errors;
    sim->counts[call]++;
    if (!errors[0])
        return 0;
    sim->calls++;
    if (sim->canned[call].left > 0)
        return canned_answer(sim, call);
    int asked = asked_error(sim, call);
    if (asked)
        return fail(sim, call, asked);
    for (int i = 0; errors[i]; i++) {
        if (sim_happens(sim, rate_ppm(sim, call, errors[i])))
            return fail(sim, call, errors[i]);
    }
    return 0;
}

void sim_fail_nth(struct sim *sim, uint64_t nth, unsigned which)
{
    sim->fail_at = nth ? sim->calls + nth : 0;
    sim->fail_which = which;
    sim->failed[0] = '\0';
}

void sim_answer(struct sim *sim, enum sim_call call, const int *answers, size_t count)
{
    if (!kinds[call].errors[0])
        sim_die(sim, "%s can't be told what to answer", kinds[call].name);
    for (size_t i = 0; i < count; i++) {
        if (answers[i] > 0)
            sim_die(sim, "%s is told to answer %d: 0 or -errno", kinds[call].name, answers[i]);
    }
    sim->canned[call].answers = answers;
    sim->canned[call].left = count;
}

const char *sim_failed_call(const struct sim *sim)
{
    return sim->failed[0] ? sim->failed : NULL;
}

uint64_t sim_calls(const struct sim *sim)
{
    return sim->calls;
}

uint64_t sim_count(const struct sim *sim, enum sim_call call)
{
    return sim->counts[call];
}

const char *sim_call_name(enum sim_call call)
{
    return kinds[call].name;
}
