#!/bin/bash
# The simulator: recorded seeds, a few seconds of fresh ones, and that it does what its options say.
# Prints TAP; BUILD names where it is.
set -u

sim=${BUILD:-build}/sim
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
number=0

report() # STATUS NAME: the result of a check
{
    number=$((number + 1))
    [ "$1" = 0 ] && echo "ok $number - $2" || echo "not ok $number - $2"
}

"$sim" --recorded tests/sim/seeds --jobs 2 >"$directory/out" 2>&1
report $? 'seeds that once failed do so no more' || sed 's/^/# /' "$directory/out"

"$sim" --seconds 5 --jobs 2 >"$directory/out" 2>&1
status=$?
[ $status = 0 ] || sed 's/^/# /' "$directory/out"
report $status 'fresh seeds find nothing'

# The same seed is the same story.
"$sim" --seed 7 --runs 1 --story --story | sed '$d' >"$directory/one"
"$sim" --seed 7 --runs 1 --story --story | sed '$d' >"$directory/two"
[ -s "$directory/one" ] && cmp -s "$directory/one" "$directory/two"
report $? 'a seed tells the same story twice'

"$sim" --seed 7 --runs 1 --people 0x1 --faults 0 --acts 3 --story >"$directory/out"
[ "$(grep -c ' sends: ' "$directory/out")" -le 5 ] && ! grep -q 'person 1,' "$directory/out"
report $? 'masks leave out people and acts'

"$sim" --seed x >"$directory/out" 2>"$directory/err"
[ $? = 2 ] && grep -q -- '--seed x' "$directory/err"
report $? 'what is no number is a usage error'

echo "1..$number"
