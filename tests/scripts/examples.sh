#!/bin/sh
# Each small program of reactor/examples prints what it promises: the content of
# NAME.expected beside it or, where that is only a few lines, what stands behind
# `It prints` in its head comment, up to that comment's end. One that promises
# nothing, a server say, has a test of its own.
set -u

promised() # FILE
{
    if [ -e "${1%.c}.expected" ]; then
        cat "${1%.c}.expected"
    else
        awk '/^ \*\// { exit }
             promise && /^ \*     / { print substr($0, 8) }
             /It prints$/ { promise = 1 }' "$1"
    fi
}

for file in reactor/examples/*.c; do
    name=$(basename "$file" .c)
    expected=$(promised "$file")
    [ -n "$expected" ] || continue
    output=$("${BUILD:-build}/reactor/examples/$name" 2>&1)
    status=$?
    if [ $status = 0 ] && [ "$output" = "$expected" ]; then
        echo "ok - $name prints what it promises"
    else
        echo "not ok - $name prints what it promises (status $status)"
        echo "$output" | sed 's/^/# /'
    fi
done
