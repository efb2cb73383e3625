#!/bin/sh
# The parsers of a port meet the corpora of the fuzz targets, and noise. Prints TAP; PORT names the
# folder the port was built in.
set -u
start=${0%/*}/start
output=$(mktemp)
trap 'rm -f "$output"' EXIT

for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    # shellcheck disable=SC2046 # no name in a corpus has blanks
    if "$start" "tests/fuzz/$target.replay" $(find "tests/fuzz/corpus/$target" -type f) \
        >"$output" 2>&1; then
        echo "ok - $target: $(cat "$output")"
    else
        echo "not ok - $target"
        sed 's/^/# /' "$output"
    fi
done
