#!/bin/bash
# What the pages say holds: the programs in README.md are those in reactor/examples, they compile
# against the library alone and do what they say; links lead somewhere; the options, the commands
# and the tests that are named exist. Prints TAP; CHATD names the server, BUILD the directory of
# the library.
set -u

limit=10 # seconds until something expected counts as missing
build=${BUILD:-build}
chatd=${CHATD:-$build/chatd}
directory=$(mktemp -d /tmp/chatd-readme-XXXXXX)
number=0
running=

stop()
{
    [ -z "$running" ] || { kill "$running" && wait "$running"; } 2>/dev/null
    running=
}
trap 'stop; rm -rf "$directory"' EXIT
trap 'exit 1' INT TERM

report() # STATUS NAME: the result of a check
{
    number=$((number + 1))
    [ "$1" = 0 ] && echo "ok $number - $2" || echo "not ok $number - $2"
    return "$1"
}

same() # NAME FILE FILE
{
    diff "$2" "$3" >"$directory/difference"
    report $? "$1" || sed 's/^/# /' "$directory/difference"
}

# The lines of the code block that begins with a line.
block() # PAGE FIRST-LINE
{
    awk -v first="$2" '/^```/ { inside = !inside; shown = 0; next }
        inside && !seen && index($0, first) == 1 { shown = seen = 1 }
        shown' "$1"
}

# Runs a command until it succeeds, for $limit seconds at most.
eventually() # COMMAND...
{
    local end=$((SECONDS + limit))
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# Starts a program in the background and waits for the line that tells its port.
start() # PATTERN COMMAND...
{
    local pattern=$1
    shift
    : >"$directory/out"
    "$@" >"$directory/out" 2>&1 &
    running=$!
    eventually grep -q "$pattern" "$directory/out" &&
        port=$(sed -n "s/.*$pattern.*127\.0\.0\.1:\([0-9]*\)\$/\1/p" "$directory/out")
}

# Says what is on the standard input and prints what comes back, COUNT lines of it.
talk() # COUNT
{
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    cat >&3
    for ((i = 0; i < $1; i++)); do
        IFS= read -r -t "$limit" line <&3 || break
        printf '%s\n' "${line%$'\r'}"
    done
    exec 3>&-
}

# The program that README.md shows is the one in reactor/examples, and compiles by itself.
check_program() # NAME LINES
{
    local name=$1 lines=$2
    block README.md "/* $name: " >"$directory/$name.c"
    same "the $name in README.md is reactor/examples/$name.c" "$directory/$name.c" \
        "reactor/examples/$name.c"
    [ "$(wc -l <"$directory/$name.c")" -lt "$lines" ]
    report $? "$name has less than $lines lines"
    # An instrumented library needs the flags it was made with.
    grep -o -e '-fsanitize=[a-z,]*' "$build/flags" >"$directory/flags"
    # shellcheck disable=SC2046 # one word a flag
    ${CC:-cc} -I. $(cat "$directory/flags") -o "$directory/$name" "$directory/$name.c" \
        "$build/libreactor.a" 2>"$directory/errors"
    report $? "$name compiles with the library alone" || sed 's/^/# /' "$directory/errors"
    start "$name on" "$directory/$name"
    report $? "$name says where it listens"
}

check_echo()
{
    check_program echo 40 || return
    seq 2000 >"$directory/said"
    talk 2000 <"$directory/said" >"$directory/heard"
    same 'echo sends every line back, in order' "$directory/said" "$directory/heard"
    printf 'a line that ends with CR LF\r\n' | talk 1 >"$directory/heard"
    [ "$(cat "$directory/heard")" = 'a line that ends with CR LF' ]
    report $? 'echo serves the next one'
    stop
}

# Reads a line from a descriptor: is it this one?
hears() # DESCRIPTOR LINE
{
    local line
    IFS= read -r -t "$limit" line <&"$1" && [ "$line" = "$2" ]
}

# Two guests. That nobody hears himself shows in each one's next line being another's.
check_chat()
{
    check_program chat 60 || return
    exec 4<>"/dev/tcp/127.0.0.1/$port"
    exec 5<>"/dev/tcp/127.0.0.1/$port"
    hears 4 'guest 2: (comes in)'
    report $? 'a guest of chat hears who comes in'
    echo 'hello, two' >&4
    hears 5 'guest 1: hello, two' && echo 'hello, one' >&5 && hears 4 'guest 2: hello, one'
    report $? 'two guests of chat hear each other, and not themselves'
    exec 5>&-
    hears 4 'guest 2: (leaves)'
    report $? 'a guest of chat hears who leaves'
    exec 4>&-
    stop
}

# Every link to a file, seen from where its page lies.
check_links() # PAGE
{
    local page=$1 missing=''
    for link in $(grep -o ']([^)]*)' "$page" | tr -d '](){}' | grep -v '^http\|^#' | sort -u); do
        [ -e "$(dirname "$page")/${link%%#*}" ] || missing="$missing $link"
    done
    [ -z "$missing" ]
    report $? "the links of $page lead to files" || echo "#$missing"
}

# `[name](#place)` and `(page#place)`: there is a heading that becomes this place.
check_places() # PAGE
{
    local page=$1 missing='' target heading
    for link in $(grep -o ']([^)]*#[^)]*)' "$page" | tr -d '](){}' | sort -u); do
        target=$page
        [ -z "${link%%#*}" ] || target=$(dirname "$page")/${link%%#*}
        heading=$(sed -n 's/^##* //p' "$target" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n-')
        echo "$heading" | grep -qxF -e "${link#*#}" || missing="$missing $link"
    done
    [ -z "$missing" ]
    report $? "the links of $page lead to headings" || echo "#$missing"
}

book() { cat reactor/README.md reactor/book/*.md; }

# The book names tests as solutions: `name` in [file](../file).
# shellcheck disable=SC2016 # quotes of the page, not of the shell
check_solutions()
{
    local wrong='' count=0
    while read -r name file; do
        count=$((count + 1))
        grep -q "^Test([a-z_]*, $name)\|^Test([a-z_]*, $name," "$file" || wrong="$wrong $name"
    done < <(book | tr '\n' ' ' | grep -o '`[a-z0-9_]*` in \[tests/[a-z_./]*\]' |
        sed 's/`\(.*\)` in \[\(.*\)\]/\1 \2/')
    [ -z "$wrong" ] && [ "$count" = "$(book | grep -c '^\*\*Exercise')" ]
    report $? 'every exercise of the book has its solution in the tests' || echo "#$wrong"
}

# Each chapter asks three questions, 1 to 3, and sets an exercise, in this order, at its end.
check_questions()
{
    local wrong
    wrong=$(awk '
        function judge() { if (chapter && asked != "123E") print "#" chapter ": " asked }
        /^#+ [0-9]+\. / { judge(); chapter = $0; asked = ""; asking = 0 }
        /^(## |\*\*)Questions/ { asking = 1 }
        asking && /^[0-9]\. / { asked = asked substr($0, 1, 1) }
        /^\*\*Exercise/ { asked = asked "E" }
        END { judge() }' reactor/README.md reactor/book/*.md)
    [ -z "$wrong" ]
    report $? 'every chapter of the book ends with three questions and an exercise' ||
        echo "$wrong"
}

# A reading list of six files that all exist (check_links looks for them).
check_reading_order()
{
    [ "$(grep -c '^[1-9]\. \[[a-z_/]*\.[ch]\](' README.md)" = 6 ]
    report $? 'README.md leads to understanding in six files'
}

check_diagrams() # PAGE
{
    awk '/^```/ { inside = !inside; language = $0; next }
        inside && language == "```" && length > 80 { wide = 1; print "# " FNR ": " $0 }
        END { exit wide }' "$1"
    report $? "the diagrams of $1 fit a terminal"
}

check_options()
{
    block chat/README.md 'usage: chatd' >"$directory/told"
    "$chatd" --help >"$directory/help"
    same 'chat/README.md shows the options of --help' "$directory/told" "$directory/help"
    block tools/chatload/README.md 'usage: chatload' >"$directory/told"
    "$build/chatload" --help >"$directory/help"
    same 'tools/chatload/README.md shows those of chatload' "$directory/told" "$directory/help"
}

check_commands()
{
    block chat/README.md '/help [COMMAND]' >"$directory/told"
    start 'listening on' "$chatd" -l 127.0.0.1:0 --rate 0 --history 0
    report $? 'the server gets ready' || return
    printf '/help\n' | talk "$((2 + $(wc -l <"$directory/told")))" >"$directory/heard"
    sed -i '1,2d; s/^\* //' "$directory/heard" # the greeting
    same 'chat/README.md shows the commands of /help' "$directory/told" "$directory/heard"
    stop
}

check_echo
check_chat
for page in README.md chat/README.md reactor/README.md reactor/book/*.md tools/*/README.md; do
    check_links "$page"
    check_places "$page"
    check_diagrams "$page"
done
check_reading_order
check_solutions
check_questions
check_options
check_commands
echo "1..$number"
