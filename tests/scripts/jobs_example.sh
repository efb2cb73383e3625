#!/bin/bash
# reactor/examples/jobs, driven with nc: a job arrives, one is tried again until somebody listens,
# one becomes a dead letter, and on TERM what was taken is finished. Prints TAP; BUILD is the
# directory of the programs.
set -u

limit=10 # seconds until something expected counts as missing
jobs=${BUILD:-build}/reactor/examples/jobs
directory=$(mktemp -d /tmp/chatd-jobs-XXXXXX)
number=0
running=

clean_up()
{
    # shellcheck disable=SC2086 # one word a process; one that stands still is to hear it, too
    [ -z "$running" ] || { kill $running; kill -CONT $running; } 2>/dev/null
    rm -rf "$directory"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

report() # STATUS NAME: the result of a check
{
    number=$((number + 1))
    [ "$1" = 0 ] && echo "ok $number - $2" || echo "not ok $number - $2"
    return "$1"
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

holds() # FILE PATTERN: the file has a line that is PATTERN
{
    grep -qx -e "$2" "$1"
}

# A job processor that writes to a file; $server and $port are where it is.
start() # FILE
{
    : >"$1" # or an earlier one's address could be found before this one opens it
    "$jobs" >>"$1" 2>&1 &
    server=$!
    running="$running $server"
    eventually grep -q 'jobs on' "$1" && port=$(sed -n 's/jobs on .*://p' "$1")
}

# Says a line to the server and prints what it answers, until a line that begins like END.
ask() # LINE END
{
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    echo "$1" >&3
    while IFS= read -r -t "$limit" answer <&3; do
        echo "$answer"
        case $answer in "$2"*) break ;; esac
    done
    exec 3>&-
}

# Takes one connection at $where and writes what it says to a file.
receive() # FILE
{
    nc -N -l 127.0.0.1 "$where" >"$1" </dev/null &
    running="$running $!"
}

# A port at which nobody listens: below those that the kernel gives out, or a connection to it might
# come from it and so be one to itself.
read -r lowest _ </proc/sys/net/ipv4/ip_local_port_range
[ "$lowest" -gt 20000 ] || lowest=32768
where=$((lowest - 10000 + RANDOM % 10000))

start "$directory/gone" && kill "$server" && wait "$server"
report $? 'without a job it ends at once on TERM'
start "$directory/out"
report $? 'it says where it listens' || exit

# After its first attempt the server stands still, so that there is time to listen for the next.
# A job of which none is left by then was too quick for this machine: another one.
job=0
until
    job=$((job + 1))
    ask "deliver $where first" "* job $job" >"$directory/answer"
    eventually holds "$directory/out" "job $job: attempt 1: Connection refused"
    kill -STOP "$server"
    eventually grep -q '^State:.T' "/proc/$server/status"
    ! holds "$directory/out" "job $job: dead letter: first"
do
    kill -CONT "$server"
done
holds "$directory/answer" "\* job $job: queued: first"
report $? 'a job is accepted'
receive "$directory/first"
eventually grep -q "$(printf ':%04X 00000000:0000 0A' "$where")" /proc/net/tcp
kill -CONT "$server"
eventually holds "$directory/out" "job $job: attempt [2-5]: done"
report $? 'a job that fails is tried again until it is done'
eventually holds "$directory/first" first
report $? 'its text has arrived'

ask "deliver $where second" '* job' >"$directory/answer"
eventually holds "$directory/out" 'job .*: dead letter: second'
report $? 'one that failed too often is a dead letter'
job=$((job + 1))
holds "$directory/out" "job $job: attempt 5: Connection refused"
report $? 'and that was five times'
ask dead '* no more' >"$directory/answer"
holds "$directory/answer" "\* job $job: Connection refused: second"
report $? 'and it is in the list of them'
for line in 'do something' 'deliver 0 nowhere' 'deliver 65536 nowhere' 'deliver 80'; do
    ask "$line" '* refused'
done >"$directory/answer"
[ "$(grep -c '\* refused' "$directory/answer")" = 4 ]
report $? 'what is no job is refused'
ask "deliver $where $(printf '%0300d' 0)" '* ' >"$directory/answer"
holds "$directory/answer" '\* refused'
report $? 'and so is one that is too long'

# More than the crew of 3 and the queue of 4 hold; the last answer comes when there was room.
for i in $(seq 9); do echo "deliver $where $i"; done | nc -N 127.0.0.1 "$port" >"$directory/many"
[ "$(grep -c ': queued: ' "$directory/many")" = 9 ]
report $? 'who submits too much waits'
kill -TERM "$server"
wait "$server"
report $? 'TERM ends it'
letters=$((job + 8)) # one of these was delivered, and nine came after them
holds "$directory/out" "1 delivered, $letters dead letters" &&
    [ "$(grep -c 'attempt 5: Connection refused' "$directory/out")" = "$letters" ]
report $? 'and what was taken is done before'

start "$directory/out" && kill -INT "$server" && wait "$server"
report $? 'Ctrl-C ends it, too'

start "$directory/out"
ask "deliver $where late" '* job 1' >"$directory/answer"
eventually holds "$directory/out" 'job 1: attempt 1: Connection refused'
kill -TERM "$server"
eventually holds "$directory/out" draining
kill -TERM "$server"
wait "$server"
holds "$directory/out" '0 delivered, 1 dead letters'
report $? 'a second TERM waits for nothing'
echo "1..$number"
