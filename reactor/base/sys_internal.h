/*
 * sys_internal: the parts of the real door. Private to base/.
 *
 *   sys.c       memory, clocks, readiness, signals, sockets, the process
 *   sys_file.c  files that last, and syncs that do not block
 *   sys_wakeup.c  wake-ups from other threads, inherited sockets, resets
 *   sys_address.c  addresses as text, and how hosts become addresses
 */
#ifndef REACTOR_BASE_SYS_INTERNAL_H
#define REACTOR_BASE_SYS_INTERNAL_H

#include "reactor/base/sys.h"

/* The table's calls on files that last: sys.h says what each does. */
int kernel_open_update(struct sys *sys, const char *path, bool fresh);
int kernel_open_directory(struct sys *sys, const char *path);
int kernel_lock(struct sys *sys, int fd);
int kernel_lock_directory(struct sys *sys, const char *path);
int kernel_truncate(struct sys *sys, int fd, int64_t size);
int kernel_rename(struct sys *sys, const char *from, const char *to);
int kernel_path_info(struct sys *sys, const char *path, struct sys_file_info *info);
int kernel_file_info(struct sys *sys, int fd, struct sys_file_info *info);
int kernel_sync_open(struct sys *sys, int fd);
int kernel_sync_start(struct sys *sys, int fd, int file);
int kernel_sync_result(struct sys *sys, int fd);

/* Ends what sync_open made on `fd`, if it did: before `fd` is closed. Waits for a sync that is
 * under way. */
void kernel_sync_close(int fd);

/* The table's calls on what other threads and other programs do. */
int kernel_reset_on_close(struct sys *sys, int fd);
int kernel_wakeup_open(struct sys *sys);
void kernel_wakeup_raise(struct sys *sys, int fd);
int kernel_wakeup_take(struct sys *sys, int fd);
int kernel_inherit(struct sys *sys, int fd);

/* The table's look-up of hosts. */
int sys_resolve(struct sys *sys, const char *host, uint16_t port, struct sys_address *addresses,
                int max);

#endif
