#!/bin/sh
# What a pattern costs where nobody has to wait, in instructions, which callgrind
# counts and which are the same on a machine that is busy. Prints TAP; BUILD is
# the directory of the library. Left out where valgrind is missing, and for an
# instrumented library, whose instructions are mostly not its own.
set -u

build=${BUILD:-build}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

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

if grep -q fsanitize "$build/flags" || ! command -v valgrind >/dev/null; then
    echo 'ok - what patterns cost # SKIP no valgrind, or an instrumented library'
    exit 0
fi
# Without debug information: valgrind can't always read clang's.
if ! ${CC:-cc} -std=gnu11 -O2 -I. -o "$directory/patterns" tests/instructions/patterns.c \
    "$build/libreactor.a" -Wl,--strip-debug 2>"$directory/errors"; then
    echo 'not ok - the program that is counted compiles'
    sed 's/^/# /' "$directory/errors"
    exit 1
fi
cheap breaker_enter 100
cheap breaker_leave 100
cheap once_get 100
cheap pool_lease 100
