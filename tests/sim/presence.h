/*
 * presence: who is in a room, as its events say.
 *
 * From the witness's view alone: nobody speaks, is renamed or leaves who was not
 * announced, and nobody is announced twice. A line names five and counts the
 * rest, so there is an account of those who came unnamed, and of those who left.
 */
#ifndef TESTS_SIM_PRESENCE_H
#define TESTS_SIM_PRESENCE_H

#include "tests/sim/run.h"

/* Takes the room's next line, and fails the run where it can't be. */
void presence_note(struct run *run, int room, const char *line);

#endif
