#!/bin/bash
# The static chatd, alone in an empty folder: it starts there with chroot, serves and ends. As root,
# or with a user namespace in its stead. Prints TAP; PORT names the folder it was built in.
set -u
cage=$(mktemp -d)
server=
finish() { [ -z "$server" ] || kill -KILL "$server" 2>/dev/null; rm -rf "$cage"; }
trap finish EXIT
count=0

check() # NAME COMMAND...
{
    local name=$1
    shift
    count=$((count + 1))
    if "$@"; then echo "ok $count - $name"; else echo "not ok $count - $name"; fi
}

needs_no_file() { ! readelf -l "$PORT/chatd" | grep -q INTERP; }

is_ready() # at most ten seconds; a shell can only look again
{
    local looks=0
    until grep -q '^ready' "$cage/out" || [ $((looks += 1)) -gt 500 ]; do sleep 0.02; done
    grep -q '^ready' "$cage/out"
}

# What the server answers to one who pings it, by way of the connection nc makes.
visit() # NC-ARGUMENTS...
{
    printf '/ping there\n' | timeout 10 nc -N "$@" | tr -d '\r' | grep -q '^\* pong there$'
}
port() { sed -n 's/^listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$cage/out"; }
visit_port() { visit 127.0.0.1 "$(port)"; }

end_server()
{
    local status
    kill -TERM "$server"
    wait "$server"
    status=$?
    server=
    return $status
}

run=(chroot)
[ "$(id -u)" = 0 ] || run=(unshare -r chroot)
check 'the program asks for no interpreter' needs_no_file
cp "$PORT/chatd" "$cage/chatd"
"${run[@]}" "$cage" /chatd -l 127.0.0.1:0 -l unix:/chat --journal /journal \
    >"$cage/out" 2>"$cage/log" &
server=$!
check 'it starts in an empty folder' is_ready
check 'and serves on a port' visit_port
check 'and on a unix socket' visit -U "$cage/chat"
check 'and keeps its journal there' test -s "$cage/journal"
check 'and ends with status 0' end_server
sed 's/^/# /' "$cage/log"
echo "1..$count"
