#include "reactor/base/list.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

struct item {
    int number;
    struct list node;
};

static struct item *item_of(struct list *node)
{
    return container_of(node, struct item, node);
}

/* Fails unless `head` lists exactly the numbers whose digits `expected` has, both ways round. */
static void expect_list(const struct list *head, const char *expected)
{
    size_t count = strlen(expected);
    struct list *node = head->next;

    for (size_t i = 0; i < count; i++, node = node->next) {
        cr_assert_neq(node, head, "only %zu of %s are listed", i, expected);
        cr_assert_eq(item_of(node)->number, expected[i] - '0');
    }
    cr_assert_eq(node, head, "more than %s are listed", expected);
    node = head->prev;
    for (size_t i = count; i-- > 0; node = node->prev)
        cr_assert_eq(item_of(node)->number, expected[i] - '0');
    cr_assert_eq(node, head);
}

/* Makes `items` number 0, 1, 2 ... and appends them all to the new head `head`. */
static void fill(struct list *head, struct item *items, int count)
{
    list_init(head);
    for (int i = 0; i < count; i++) {
        items[i].number = i;
        list_append(&items[i].node, head);
    }
}

Test(list, a_new_head_is_empty)
{
    struct list head;
    list_init(&head);
    cr_assert(list_empty(&head));
    cr_assert_null(list_pop(&head));
    expect_list(&head, "");
}

Test(list, a_node_is_linked_only_while_it_is_on_a_list)
{
    struct list head;
    struct item item = {.number = 1};

    list_init(&head);
    cr_assert_not(list_linked(&item.node), "zeroed");
    list_append(&item.node, &head);
    cr_assert(list_linked(&item.node));
    cr_assert_not(list_empty(&head));
    list_remove(&item.node);
    cr_assert_not(list_linked(&item.node), "removed");
    list_init(&item.node);
    cr_assert_not(list_linked(&item.node), "initialised");
}

Test(list, append_links_last_and_prepend_first)
{
    struct list head;
    struct item items[5];

    fill(&head, items, 3);
    expect_list(&head, "012");
    items[3].number = 3;
    list_prepend(&items[3].node, &head);
    expect_list(&head, "3012");
    items[4].number = 4;
    list_append(&items[4].node, &head);
    expect_list(&head, "30124");
}

Test(list, removing_keeps_the_others_in_order)
{
    struct list head;
    struct item items[4];

    fill(&head, items, 4);
    list_remove(&items[1].node);
    expect_list(&head, "023");
    list_remove(&items[0].node);
    expect_list(&head, "23");
    list_remove(&items[3].node);
    expect_list(&head, "2");
    list_remove(&items[2].node);
    expect_list(&head, "");
}

Test(list, removing_what_is_on_no_list_is_harmless)
{
    struct list head;
    struct item items[2];
    struct item zeroed = {.number = 7};

    fill(&head, items, 2);
    list_remove(&zeroed.node);
    list_remove(&items[0].node);
    list_remove(&items[0].node);
    expect_list(&head, "1");
}

Test(list, a_removed_node_can_be_linked_again)
{
    struct list head;
    struct item items[3];

    fill(&head, items, 3);
    list_remove(&items[0].node);
    list_append(&items[0].node, &head);
    expect_list(&head, "120");
}

Test(list, pop_takes_the_first_and_leaves_it_unlinked)
{
    struct list head;
    struct item items[3];

    fill(&head, items, 3);
    for (int i = 0; i < 3; i++) {
        struct list *node = list_pop(&head);
        cr_assert_eq(item_of(node), &items[i]);
        cr_assert_not(list_linked(node));
    }
    cr_assert_null(list_pop(&head));
}

Test(list, a_walk_goes_from_first_to_last)
{
    struct list head;
    struct item items[4];
    int number = 0;

    fill(&head, items, 4);
    list_for_each(node, &head)
        cr_assert_eq(item_of(node)->number, number++);
    cr_assert_eq(number, 4);
}

Test(list, a_walk_over_an_empty_list_does_nothing)
{
    struct list head;

    list_init(&head);
    list_for_each(node, &head)
        cr_assert_fail("there is no %p", (void *)node);
    list_for_each_safe(node, &head)
        cr_assert_fail("there is no %p", (void *)node);
}

/* Every choice of nodes to take out while walking over them. */
Test(list, a_safe_walk_may_remove_the_node_it_is_at)
{
    for (unsigned removed = 0; removed < 1 << 4; removed++) {
        struct list head;
        struct item items[4];
        char kept[5] = "";
        int visited = 0;

        fill(&head, items, 4);
        list_for_each_safe(node, &head) {
            int number = item_of(node)->number;
            cr_assert_eq(number, visited++);
            if (removed >> number & 1) {
                list_remove(node);
                memset(item_of(node), 0x5a, sizeof(struct item));
            } else {
                kept[strlen(kept)] = (char)('0' + number);
            }
        }
        cr_assert_eq(visited, 4);
        expect_list(&head, kept);
    }
}

Test(list, splice_moves_all_to_the_end_in_order)
{
    struct list from;
    struct list to;
    struct item items[3];
    struct item others[2];

    fill(&to, items, 3);
    fill(&from, others, 2);
    list_splice(&from, &to);
    expect_list(&to, "01201");
    cr_assert(list_empty(&from));
}

Test(list, splice_works_with_either_side_empty)
{
    struct list from;
    struct list to;
    struct item items[2];

    list_init(&to);
    fill(&from, items, 2);
    list_splice(&from, &to);
    expect_list(&to, "01");
    expect_list(&from, "");
    list_splice(&from, &to);
    expect_list(&to, "01");
    expect_list(&from, "");
}

Test(list, container_of_finds_the_struct_around_its_member)
{
    struct item item = {.number = 42};
    cr_assert_eq(container_of(&item.node, struct item, node), &item);
}
