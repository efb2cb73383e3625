/*
 * chatload_live: a line that tells how the run is going.
 *
 * On a terminal it is written over itself and stays when its phase is over;
 * elsewhere it is a plain line, written once a second and at the end of the
 * phase.
 */
#ifndef TOOLS_CHATLOAD_LIVE_H
#define TOOLS_CHATLOAD_LIVE_H

#include <stdio.h>

#include "tools/chatload/meter.h"

/* Without a terminal: how often. */
#define LIVE_PLAIN_NS NS_PER_SECOND

bool live_on_terminal(FILE *out);

/* Shows the latest look at the run; `last`: the phase is over, so that the line stays. */
void live_show(struct meter *meter, bool last);

#endif
