#!/bin/sh
# Each small program of reactor/examples prints what its head comment says that
# it prints: the lines behind `It prints`, up to the comment's end. One that
# promises nothing, a server say, has a test of its own.
set -u

promised() # FILE
{
    awk '/^ \*\// { exit }
         promise && /^ \*     / { print substr($0, 8) }
         /It prints$/ { promise = 1 }' "$1"
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
