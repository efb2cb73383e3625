/*
 * room_journal: what rooms put into the journal, and how they come back.
 *
 * A room journals its speech and emotes, its topic, its key, and its end. After
 * a restart the rooms of the journal stand there as they were, empty of people
 * and without a creator; one that nobody has joined after ten minutes ends.
 *
 * When the journal is written anew it walks through all rooms, some lines per
 * turn. A change in a room that the walk is past, or in the middle of, goes to
 * both files.
 */
#ifndef CHAT_PEOPLE_ROOM_JOURNAL_H
#define CHAT_PEOPLE_ROOM_JOURNAL_H

#include "chat/people/room.h"

/* How long a room of the journal waits for somebody to join. */
#define ROOM_WAITS_NS (600 * NS_PER_SECOND)

/* Prepares the walk; `journal_start` is given &chat->walk.source. */
void room_journal_init(struct chat *chat);

/* A recovery_visit with the chat as its context: makes a room what a record says. */
int room_journal_restore(void *context, const struct record *record);

/* After the last record: each room that nobody is in begins to wait for somebody. */
void room_journal_restored(struct chat *chat);

/* These journal a change. `text` is the line as it was sent, or the topic. Nothing happens without
 * a journal. */
void room_journal_line(struct room *room, int64_t stamp_ns, const char *text, size_t length);
void room_journal_topic(struct room *room);
void room_journal_key(struct room *room);
void room_journal_end(struct room *room);

/* The room goes: the walk, if it stands there, goes on to the next. */
void room_journal_forget(struct room *room);

#endif
