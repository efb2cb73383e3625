#!/usr/bin/env bash
# Starts that a supervisor gets wrong: standard descriptors closed, a disk that is full, a reader
# that is gone. Prints TAP; CHATD names the server, chatload is in BUILD.
set -u
chatd=${CHATD:-build/chatd}
chatload=${BUILD:-build}/chatload
work=$(mktemp -d)
server=
finish() { [ -z "$server" ] || kill -KILL "$server" 2>/dev/null; rm -rf "$work"; }
trap finish EXIT
count=0

check() # NAME COMMAND...: whether the command succeeds
{
    local name=$1
    shift
    count=$((count + 1))
    if "$@"; then echo "ok $count - $name"; else echo "not ok $count - $name"; fi
}

wait_until() # CONDITION...: at most ten seconds; a shell can only look again
{
    local looks=0
    until "$@" || [ $((looks += 1)) -gt 500 ]; do sleep 0.02; done
    "$@"
}

wait_for_socket() { wait_until test -S "$work/chat"; }

# Somebody comes, is answered and goes.
visit() { printf '/ping there\n' | timeout 10 nc -N -U "$work/chat" | grep -q '^\* pong there'; }

end_server()
{
    kill -TERM "$server" && wait "$server"
    local status=$?
    server=
    [ "$status" = 0 ]
}

"$chatd" -l "unix:$work/chat" --log-level debug <&- >&- 2>&- &
server=$!
check 'it starts with every standard descriptor closed' wait_for_socket
check 'and serves' visit
check 'and ends with status 0' end_server

"$chatd" -l "unix:$work/chat" 0<&- >&- 2>"$work/log" &
server=$!
check 'it starts with stdin and stdout closed' wait_for_socket
check 'and serves all the same' visit
check 'and ends with status 0 as well' end_server
check 'the log says that stdout is closed' grep -q 'stdout .* Bad file descriptor$' "$work/log"

"$chatd" -l "unix:$work/chat" >/dev/full 2>"$work/log" &
server=$!
check 'it starts where stdout is a full disk' wait_for_socket
check 'and serves there' visit
check 'and ends with status 0 there' end_server
check 'the log tells that' grep -q "can't tell on stdout" "$work/log"

# A reader that has stopped: the pipe is open, and soon it is full. USR1 has much to say and waits
# for the reader; what HUP has to say is lost then.
mkfifo "$work/fifo"
exec 3<>"$work/fifo"
"$chatd" -l "unix:$work/chat" 2>"$work/fifo" >/dev/null 3>&- &
server=$!
check 'it starts where nobody reads the log' wait_for_socket
dump_much() # more than a pipe holds; each visit waits until the dump before it is over
{
    local dumps
    visit || return 1 # it listens before it has opened its signals
    for ((dumps = 0; dumps < 150; dumps++)); do
        kill -USR1 "$server" && visit && kill -HUP "$server" && visit || return 1
    done
}
check 'and serves while much is logged' dump_much
cat <"$work/fifo" >"$work/log" 3>&- &
reader=$!
exec 3>&-
check 'somebody reads again' wait_until test -s "$work/log"
kill -USR1 "$server"
check 'and it serves then' visit
check 'and ends with status 0 then' end_server
wait "$reader"
check 'the log says that lines are lost' grep -q 'of the log are lost' "$work/log"

check 'help that cannot be written is a failure' [ "$("$chatd" --help 2>&1 >/dev/full)" = \
    'chatd: No space left on device' ]
check 'and of chatload' [ "$("$chatload" --help 2>&1 >/dev/full)" = \
    'chatload: stdout: No space left on device' ]

short_load()
{
    "$chatload" --spawn "$chatd --rate 0" --clients 5 --duration 100ms "$@" 2>/dev/null
}

# A report is one object from the first byte to the last, and nothing was written into it.
whole_report() { [ "$(sed -n '1p;$p' "$work/json" | tr -d '\n')" = '{}' ]; }

short_load --json "$work/json" <&- >&-
check 'chatload runs with every standard descriptor closed' [ $? = 0 ]
check 'and its report is its own' whole_report
rm -f "$work/json"
short_load --json "$work/json" | true
check 'chatload says so where nobody reads what it tells' [ "${PIPESTATUS[0]}" = 1 ]
check 'and its report is written all the same' whole_report
echo "1..$count"
