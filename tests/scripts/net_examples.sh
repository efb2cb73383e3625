#!/bin/bash
# The three network programs of reactor/examples, driven with nc: proxy passes on each end by
# itself, kv stores and publishes, scan finds the open ports. Prints TAP; BUILD is the directory of
# the programs.
set -u

limit=10 # seconds until something expected counts as missing
examples=${BUILD:-build}/reactor/examples
directory=$(mktemp -d)
number=0
running=

clean_up()
{
    # shellcheck disable=SC2086 # one word for each process
    [ -z "$running" ] || kill $running 2>/dev/null
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

# Starts an example; $port is where it listens.
start() # NAME ARGUMENT...
{
    local name=$1 log
    log=$(mktemp -p "$directory")
    shift
    "$examples/$name" "$@" 2>"$log" &
    running="$running $!"
    eventually grep -q "$name on" "$log" && port=$(sed -n "s/$name on .*://p" "$log")
}

same() # EXPECTED FILE
{
    [ "$(cat "$2")" = "$1" ] || { sed 's/^/# /' "$2"; false; }
}

talk() # sends its input to $port, then its end, and prints what comes
{
    nc -N -w "$limit" 127.0.0.1 "$port"
}

# --- kv ---

start kv
report $? 'kv says where it listens' || exit
kv=$port
printf 'get a\nset a one two\nget a\nset a 3\nget a\ndel a\nget a\nhello\n' | talk >"$directory/kv"
none='-no such key or command'
usage='-try: set, get, del, sub or pub'
same "$(printf '%s\n' "$none" +ok '=one two' +ok =3 +ok "$none" "$usage")" "$directory/kv"
report $? 'kv stores, replaces and forgets'
{ printf 'set long '; printf '%02000d' 0; printf '\nget long\n'; } | talk >"$directory/kv"
same "$(printf -- '-too long\n-no such key or command')" "$directory/kv"
report $? 'a command that is too long is refused, and the next one is answered'
mkfifo "$directory/ann"
talk <"$directory/ann" >"$directory/heard" &
running="$running $!"
exec 4>"$directory/ann"
echo 'sub tea' >&4
eventually grep -q '+ok' "$directory/heard"
printf 'pub coffee black\npub tea green and hot\n' | talk >"$directory/kv"
same "$(printf '+0\n+1')" "$directory/kv" &&
    eventually grep -qx '#tea green and hot' "$directory/heard"
report $? 'what is published reaches those who listen'
exec 4>&-
nobody() { [ "$(echo 'pub tea cold' | talk)" = +0 ]; }
eventually nobody
report $? 'whoever left is no subscriber any more'
for i in $(seq 9); do echo "sub channel$i"; done | talk >"$directory/kv"
[ "$(grep -c '+ok' "$directory/kv")" = 8 ] && grep -q 'no room' "$directory/kv"
report $? 'one client listens to a limited number of channels'

# --- proxy, in front of kv ---

start proxy 0 localhost "$kv"
report $? 'proxy says where it listens' || exit
proxy=$port
printf 'set b through\nget b\n' | talk >"$directory/proxied"
same "$(printf '+ok\n=through')" "$directory/proxied"
report $? 'after the end of its input a client still gets its answers'

# A server that speaks first and ends, while the client goes on.
exec 5< <(nc -v -N -l 127.0.0.1 0 2>&1 <<<'goodbye')
read -r -t "$limit" _ _ _ backend <&5
start proxy 0 127.0.0.1 "${backend:-0}"
# shellcheck disable=SC2094 # it waits for what it was sent
{ eventually grep -q goodbye "$directory/first"; echo 'last words'; } | talk >"$directory/first" &
speaker=$!
running="$running $speaker"
{ cat <&5 >"$directory/backend"; } &
running="$running $!"
eventually grep -q 'last words' "$directory/backend"
report $? 'a server that has ended still hears the client'
wait "$speaker"
same goodbye "$directory/first"
report $? 'and the client has heard the server'

# More than the kernels of all three hold, through two proxies.
lines=2000
for ((i = 0; i < lines; i++)); do printf 'pub nobody %0900d\n' "$i"; done >"$directory/much"
port=$proxy
start proxy 0 127.0.0.1 "$proxy"
talk <"$directory/much" >"$directory/answers"
[ "$(grep -cx '+0' "$directory/answers")" = "$lines" ]
report $? 'much passes through, and nothing is lost'

# Nobody listens behind this one: the client is cut off, and the proxy lives.
start proxy 0 127.0.0.1 1
before=$SECONDS
for i in 1 2; do talk </dev/null; done >"$directory/nothing" 2>/dev/null
[ $SECONDS -lt $((before + limit)) ] && same '' "$directory/nothing" && kill -0 "$!"
report $? 'without a server behind it a client is let go at once'

# --- scan ---

first=$((kv < proxy ? kv : proxy))
last=$((kv < proxy ? proxy : kv))
"$examples/scan" 127.0.0.1 "$first" "$last" >"$directory/open"
report $? 'scan ends'
grep -qx "$kv open" "$directory/open" && grep -qx "$proxy open" "$directory/open"
report $? 'and has found the ports that are open'
"$examples/scan" 127.0.0.1 2>/dev/null
[ $? = 2 ]
report $? 'wrong arguments are refused'
"$examples/scan" no-such-host.invalid 1 2 2>"$directory/error"
[ $? = 1 ] && grep -q '^scan: no-such-host.invalid: ' "$directory/error"
report $? 'an address that is none is said so'
