/*
 * line_kind: tells the lines of a room apart by their form. Pure.
 *
 * The rule that leaves lines out for a reader (ignore.h, /quiet) sees a line as
 * it is sent, and the author's tag. What a line is follows from its first words,
 * because a room's name and people's names hold no blank, comma or bracket:
 *
 *      #tea <ann> hi                               speech
 *      #tea * ann waves                            speech: an emote
 *      #tea -- ann, bob and 3 others joined        presence: joined, left, renamed
 *      #tea -- ann left (kicked: spam)             an event
 *      #tea -- ann set the topic: she left         an event
 */
#ifndef CHAT_PEOPLE_LINE_KIND_H
#define CHAT_PEOPLE_LINE_KIND_H

#include <stddef.h>

enum line_kind {
    LINE_SPEECH, /* speech or an emote: what /ignore leaves out */
    LINE_PRESENCE, /* joins, leaves and renames: what /quiet leaves out */
    LINE_EVENT /* any other event: shown to everybody */
};

/* The kind of a line that a room was sent; `line` begins with the room's name. */
enum line_kind line_kind(const char *line, size_t length);

#endif
