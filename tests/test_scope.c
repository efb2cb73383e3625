#include "reactor/scope.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/list.h"

/* Something acquired, which writes its letter down when it is released. */
struct thing {
    struct defer defer;
    char letter;
    struct scope *scope; /* where its release defers another thing; NULL: it doesn't */
    struct thing *other;
};

static char released[16];

static void release_thing(struct defer *defer)
{
    struct thing *thing = container_of(defer, struct thing, defer);
    released[strlen(released)] = thing->letter;
    if (thing->other)
        scope_defer(thing->scope, &thing->other->defer, release_thing);
}

Test(scope, releases_run_in_reverse)
{
    struct scope scope = {0};
    struct thing a = {.letter = 'a'}, b = {.letter = 'b'}, c = {.letter = 'c'};

    scope_defer(&scope, &a.defer, release_thing);
    scope_defer(&scope, &b.defer, release_thing);
    scope_defer(&scope, &c.defer, release_thing);
    cr_assert_str_eq(released, "");
    scope_close(&scope);
    cr_assert_str_eq(released, "cba");
}

Test(scope, a_closed_scope_is_empty_and_can_be_used_again)
{
    struct scope scope = {0};
    struct thing a = {.letter = 'a'}, b = {.letter = 'b'};

    scope_close(&scope);
    scope_defer(&scope, &a.defer, release_thing);
    scope_close(&scope);
    scope_close(&scope);
    scope_defer(&scope, &b.defer, release_thing);
    scope_close(&scope);
    cr_assert_str_eq(released, "ab");
}

static void free_thing(struct defer *defer)
{
    release_thing(defer);
    free(container_of(defer, struct thing, defer));
}

Test(scope, a_release_may_free_the_memory_its_record_is_in)
{
    struct scope scope = {0};

    for (char letter = 'a'; letter <= 'c'; letter++) {
        struct thing *thing = calloc(1, sizeof(*thing));
        cr_assert_not_null(thing);
        thing->letter = letter;
        scope_defer(&scope, &thing->defer, free_thing);
    }
    scope_close(&scope);
    cr_assert_str_eq(released, "cba");
}

Test(scope, what_a_release_defers_is_released_before_all_that_was_there)
{
    struct scope scope = {0};
    struct thing a = {.letter = 'a'}, late = {.letter = 'l'};
    struct thing b = {.letter = 'b', .scope = &scope, .other = &late};

    scope_defer(&scope, &a.defer, release_thing);
    scope_defer(&scope, &b.defer, release_thing);
    scope_close(&scope);
    cr_assert_str_eq(released, "bla");
}
