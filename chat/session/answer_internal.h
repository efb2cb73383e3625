/* answer_internal: an answer under way, for the files of answer.h. */
#ifndef CHAT_SESSION_ANSWER_INTERNAL_H
#define CHAT_SESSION_ANSWER_INTERNAL_H

#include "chat/session/answer.h"
#include "chat/session/call.h"

/* The first member of every answer. Rooms are kept by name and looked up for each line: a room may
 * end while somebody reads. */
struct answer {
    struct answer *next; /* composed after this one */
    enum answer_step (*compose)(struct answer *answer, struct client *client);
    bool (*tell)(struct client *client, size_t index); /* of answer_lines */
    struct motd *motd; /* of answer_motd: held; NULL in others */
    char *text; /* what is searched for: owned; NULL: nothing */
    uint64_t position; /* what comes next, in the list that is gone through */
    uint64_t end;
    uint32_t named;
    bool counted; /* those who aren't named, or that there is nothing */
    bool since; /* nothing was said in the time that was asked for */
    char room[NAMES_ROOM_MAX + 1];
};

/* Queues a zeroed answer of `size` bytes, which begins with a struct answer, after those under way.
 * NULL without memory, and the client was told. */
struct answer *answer_start(struct client *client, size_t size,
                            enum answer_step (*compose)(struct answer *answer,
                                                        struct client *client));

/* Has the answer search for a copy of `text`. False without memory: the answer then ends at once,
 * and the client was told. */
bool answer_search_for(struct answer *answer, struct client *client, struct word text);

/* True if `what` occurs in the first `length` bytes of `text`, whatever the case of ASCII. */
bool answer_contains(const char *text, size_t length, const char *what);

#endif
