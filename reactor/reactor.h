/*
 * reactor: the whole library in one include.
 *
 * Read it from the ground up: list, clock, wheel, sys, buffer, chunklog and sim
 * are data structures and the two doors to the kernel; debug, loop and signals
 * the turn; task to root the coroutines and who owns them; hub to service bytes,
 * lines and one to many; retry to once what programs build from tasks.
 * reactor/README.md walks through them.
 */
#ifndef REACTOR_REACTOR_H
#define REACTOR_REACTOR_H

#include "reactor/batch.h"
#include "reactor/breaker.h"
#include "reactor/connect.h"
#include "reactor/iterate.h"
#include "reactor/listener.h"
#include "reactor/once.h"
#include "reactor/pool.h"
#include "reactor/queue.h"
#include "reactor/retry.h"
#include "reactor/root.h"
#include "reactor/scope.h"
#include "reactor/service.h"
#include "reactor/signals.h"
#include "reactor/stream.h"
#include "reactor/sync.h"
#include "reactor/workers.h"

#endif
