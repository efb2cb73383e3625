/*
 * reactor: the whole library in one include.
 *
 * The headers below are the public interface, in the order of the layers: each
 * folder includes only the folders above it in this list. `make install` copies
 * these headers and no others. reactor/README.md walks through them.
 */
#ifndef REACTOR_REACTOR_H
#define REACTOR_REACTOR_H

/* Data structures, and the door to the kernel. */
#include "reactor/base/buffer.h"
#include "reactor/base/clock.h"
#include "reactor/base/list.h"
#include "reactor/base/random.h"
#include "reactor/base/sys.h"
#include "reactor/base/wheel.h"

/* One turn of the loop. */
#include "reactor/loop/debug.h"
#include "reactor/loop/loop.h"
#include "reactor/loop/signals.h"

/* Tasks, who owns them, and what they wait for. */
#include "reactor/task/cleanup.h"
#include "reactor/task/file_sync.h"
#include "reactor/task/queue.h"
#include "reactor/task/root.h"
#include "reactor/task/sync.h"
#include "reactor/task/task.h"
#include "reactor/task/task_group.h"

/* One to many. */
#include "reactor/broadcast/broadcast.h"
#include "reactor/broadcast/chunklog.h"
#include "reactor/broadcast/fanout.h"
#include "reactor/broadcast/outbox.h"

/* Connections. */
#include "reactor/net/connect.h"
#include "reactor/net/listener.h"
#include "reactor/net/service.h"
#include "reactor/net/stream.h"
#include "reactor/net/wakeup.h"
#include "reactor/net/watch.h"

/* What programs build from tasks. */
#include "reactor/patterns/batch.h"
#include "reactor/patterns/breaker.h"
#include "reactor/patterns/iterate.h"
#include "reactor/patterns/once.h"
#include "reactor/patterns/pool.h"
#include "reactor/patterns/retry.h"
#include "reactor/patterns/workers.h"

/* A simulated kernel, and tests in virtual time. */
#include "reactor/sim/sim.h"
#include "reactor/sim/testing.h"

#endif
