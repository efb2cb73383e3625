/*
 * ignore: whom and what a client is not shown.
 *
 * People are ignored by tag, so that a new name doesn't help. What was said
 * before the /ignore is still shown and what was said during it never is, also
 * to a reader that is far behind: each entry holds from where on and, once it is
 * lifted, up to where, in the order of all lines. A lifted entry is forgotten
 * when its client has been shown everything up to there.
 */
#ifndef CHAT_PEOPLE_IGNORE_H
#define CHAT_PEOPLE_IGNORE_H

#include "chat/people/client.h"

/* Begins to ignore `tag`. Returns 0, also where it is ignored already; -ENOSPC at CHAT_IGNORED_MAX,
 * -ENOMEM. */
int ignore_add(struct client *client, uint64_t tag);

/* Stops ignoring. Returns 0, or -ENOENT where `tag` isn't ignored. */
int ignore_remove(struct client *client, uint64_t tag);

/* True while `client` ignores `tag`. */
bool ignore_holds(const struct client *client, uint64_t tag);

/* How many it ignores. */
size_t ignore_count(const struct client *client);

/* The tag of the next person that it ignores, in the order of tags; 0 if there is none. */
uint64_t ignore_next(const struct client *client, uint64_t after);

/* Hides joins, leaves and renames from it, or shows them. */
void ignore_set_quiet(struct client *client, bool quiet);

/* Forgets the entries of those who are not in the chat any more. */
void ignore_forget_gone(struct client *client);

/* The fanout's rule: true if a line was said while its author was ignored, or tells of joins,
 * leaves or a rename and the client is quiet. */
bool ignore_skips(const struct outbox *outbox, const struct line_record *record);

/* Frees the entries. */
void ignore_release(struct client *client);

#endif
