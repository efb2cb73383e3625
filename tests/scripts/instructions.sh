#!/bin/sh
# What a pattern costs where nobody has to wait, in instructions, which callgrind
# counts and which are the same on a machine that is busy. Those of the release
# build are counted, whatever BUILD is tested: the library is compiled anew, with
# the flags the Makefile has for it. Prints TAP.
set -u

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# Says why nothing can be counted.
stop() # REASON [FILE]
{
    echo "not ok - $1"
    [ $# = 1 ] || sed 's/^/# /' "$2"
    exit 1
}

cheap() # FUNCTION LIMIT: at most so many instructions a call, with all that it calls
{
    times=$(valgrind --tool=callgrind --callgrind-out-file="$directory/out" \
        --toggle-collect="$1" "$directory/patterns" "$1" 2>"$directory/log")
    total=$(sed -n 's/.*Collected : //p' "$directory/log")
    each=$((${total:-0} / ${times:-1}))
    if [ "$each" -gt 0 ] && [ "$each" -le "$2" ]; then
        echo "ok - $1 takes $each instructions, $2 at most"
    else
        echo "not ok - $1 takes $each instructions, $2 at most"
        sed 's/^/# /' "$directory/log"
    fi
}

command -v valgrind >/dev/null || stop 'valgrind is missing; make setup installs it'
flags=$(sed -n 's/^CFLAGS ?= //p' Makefile)
[ -n "$flags" ] || stop 'the Makefile has flags for the release build'
# Without debug information: valgrind can't always read clang's.
# shellcheck disable=SC2086 # one word a flag
${CC:-cc} -std=gnu11 $flags -I. -o "$directory/patterns" tests/instructions/patterns.c \
    $(find reactor/*/ -name "*.c" ! -path "*/examples/*") -Wl,--strip-debug \
    2>"$directory/errors" ||
    stop 'the program that is counted compiles' "$directory/errors"
cheap breaker_enter 100
cheap breaker_leave 100
cheap once_get 100
cheap pool_lease 100
cheap pool_release 100
