#!/bin/sh
# The traps of reactor/task/task.h and iterate.h, each as a snippet that must not compile,
# beside some that must. Every compiler that is installed has to agree.
#
# The first line of tests/must_not_compile/NAME.c names what is to be said:
#
#     /* error: duplicate case value */             this text
#     /* error: break statement | 'break' */        behind |: the compilers differ
#     /* gcc error: jump skips */                   only this compiler can tell
#
# A snippet that fails for any other reason fails the test.
set -u
flags='-std=gnu11 -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror'

compile() # COMPILER FILE; -O2 and code, for some warnings need the analysis
{
    extra=
    [ "$1" = gcc ] && extra=-Wjump-misses-init
    # shellcheck disable=SC2086 # one word a flag
    LC_ALL=C "$1" $flags $extra -I. -c -o /dev/null "$2" 2>&1
}

must_compile() # COMPILER FILE
{
    if output=$(compile "$1" "$2"); then
        echo "ok - $1 accepts $2"
    else
        echo "not ok - $1 accepts $2"
        echo "$output" | sed 's/^/# /'
    fi
}

must_not_compile() # COMPILER FILE
{
    expected=$(sed -n "1s#^/\* \($1 \)\{0,1\}error: \(.*\) \*/\$#\2#p" "$2")
    if [ -z "$expected" ]; then
        grep -q '^/\* [a-z]* *error: .* \*/$' "$2" || echo "not ok - $2 names its error"
        return
    fi
    output=$(compile "$1" "$2")
    status=$?
    echo "$expected" | sed 's/ | /\n/g' >"$texts"
    if [ $status != 0 ] && echo "$output" | grep 'error:' | grep -q -F -f "$texts"; then
        echo "ok - $1 refuses $2"
    else
        echo "not ok - $1 refuses $2, saying: $expected"
        echo "$output" | sed 's/^/# /'
    fi
}

texts=$(mktemp)
trap 'rm -f "$texts"' EXIT
for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    for file in tests/must_compile/*.c; do
        [ ! -e "$file" ] || must_compile $compiler "$file"
    done
    for file in tests/must_not_compile/*.c; do
        [ ! -e "$file" ] || must_not_compile $compiler "$file"
    done
done
