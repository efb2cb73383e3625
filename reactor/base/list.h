/*
 * list: an intrusive doubly linked ring. Pure.
 *
 * The node is a member of the thing that is listed; a head is a node that
 * belongs to nothing. A node that is on no list points at itself, so unlinking
 * twice is harmless, "is it linked?" needs no flag, and a zeroed node (NULL)
 * counts as unlinked until it is first linked. Nothing is allocated and nothing
 * fails. The owner of a node must unlink it before the memory goes away.
 *
 *      head <-> a <-> b <-> c <-> (head)
 */
#ifndef REACTOR_BASE_LIST_H
#define REACTOR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

/* The struct that `member` of `type` at `pointer` is part of. */
#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Walks from first to last. `position` must not be unlinked in the body; use list_pop for that. */
#define list_for_each(position, head) \
    for (struct list *position = (head)->next; position != (head); position = position->next)

/* The same, where the body may unlink (or free) the node it is at, and no other. */
#define list_for_each_safe(position, head)                                        \
    for (struct list *position = (head)->next, *position##_next = position->next; \
         position != (head); position = position##_next, position##_next = position->next)

/* Makes `list` an empty head, or a node that is on no list. */
static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

/* True for an empty head. */
static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* True while `node` is on a list; false for a zeroed one. */
static inline bool list_linked(const struct list *node)
{
    return node->next && node->next != node;
}

/* Links `node`, which must be on no list, as the last one before `head`. */
static inline void list_append(struct list *node, struct list *head)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Links `node`, which must be on no list, as the first one after `head`. */
static inline void list_prepend(struct list *node, struct list *head)
{
    list_append(node, head->next);
}

/* Takes `node` off its list; harmless where it is on none. */
static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The same for a node that is on a list, which leaves its own pointers as they were: for one whose
 * user knows otherwise whether it is linked. */
static inline void list_unlink(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
}

/* The first node, unlinked, or NULL where the list is empty. */
static inline struct list *list_pop(struct list *head)
{
    struct list *first = head->next;
    if (first == head)
        return NULL;
    head->next = first->next;
    first->next->prev = head;
    list_init(first);
    return first;
}

/* Moves all of `from`, in order, to the end of `to`; `from` is empty afterwards. */
static inline void list_splice(struct list *from, struct list *to)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
