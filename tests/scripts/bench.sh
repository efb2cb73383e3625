#!/bin/bash
# The benchmark runs, judges as it says, and writes what it found. Prints TAP; CHATD and BUILD name
# what is measured. How fast anything is, is nobody's business here.
set -u

build=${BUILD:-build}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
number=0

report() # STATUS NAME: the result of a check
{
    number=$((number + 1))
    [ "$1" = 0 ] && echo "ok $number - $2" || echo "not ok $number - $2"
}

told() # FILE TEXT
{
    grep -qF -- "$2" "$directory/$1"
}

tools/bench/bench nonsense >"$directory/out" 2>"$directory/err"
[ $? = 2 ] && told err 'no such group: nonsense'
report $? 'a group that there is not is a usage error'

# What is measured has a directory of its own, into which the reports go.
ln -s "$(realpath "$build")"/{chatd,chatload,tools} "$directory"
BUILD=$directory ROUNDS=1 tools/bench/bench two >"$directory/out" 2>&1
report $? 'a group runs' || sed 's/^/# /' "$directory/out"
told out 'two clients, one in flight: median round us'
report $? 'and prints its figure'
told bench.json '{"figure": "two clients, one in flight: median round us", "value": '
report $? 'and writes it for programs'
told bench.html '<tr><td>two clients, one in flight: median round us<td>'
report $? 'and for eyes'

cat >"$directory/rows" <<'END'
a < b & "c"|1.5|2|0.75|3.1%|<= 1.0|yes
alone|7|-|-|-|-|-
END
printf '%s\n' '2 1.5 1.4' '100 0.09 0.08' '10000 0.07 0.2' >"$directory/plot"
tools/bench/bench_report "$directory/rows" "$directory/plot" "$directory" '5 rounds' \
    >"$directory/out"
report $? 'figures that were measured are reported'
told bench.json '{"figure": "a < b & \"c\"", "value": 1.5, "yardstick": 2, "ratio": 0.75, '
report $? 'as numbers'
told bench.json '"spread_percent": null, "limit": null, "reached": null}'
report $? 'or as nothing'
told bench.html '<tr><td>a &lt; b &amp; "c"<td>1.5<td>2<td>0.75<td>3.1%<td>&lt;= 1.0<td>yes'
report $? 'as a row of the table'
told bench.svg '<polyline class="chatd" points="60.0,' && told bench.html '<polyline class="chatd"'
report $? 'and as a plot, alone and in the page'
! grep -qE 'https?://[^w]|src=|url\(|@import' "$directory/bench.html"
report $? 'and the page fetches nothing'
echo "1..$number"
