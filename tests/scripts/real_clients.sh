#!/bin/bash
# The clients that people use, against a real server: Debian's telnet, nc (OpenBSD's) with and
# without -N, ncat and socat. Each connects, is heard, hears, gets no byte that isn't text, and
# leaves. One that is missing is a failure that says what to install. Prints TAP; CHATD names the
# server.
#
# The one they talk to, walt, is bash itself (/dev/tcp): he depends on none of them.
set -u

limit=10 # seconds until something expected counts as missing
chatd=${CHATD:-build/chatd}
directory=$(mktemp -d /tmp/chatd-clients-XXXXXX)
number=0
server=
walt=

clean_up()
{
    [ -n "$walt" ] && kill "$walt" 2>/dev/null
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
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

holds() # FILE LINE: the file has a line that is LINE, its CR LF aside
{
    tr -d '\r' <"$1" | grep -qxF -e "$2"
}

ended() # PID
{
    ! kill -0 "$1" 2>/dev/null
}

# Everything is printable text in lines that end with CR LF: no telnet command, no escape, no NUL.
clean_text() # FILE
{
    [ -s "$1" ] && [ "$(LC_ALL=C tr -d '\040-\176\r\n' <"$1" | wc -c)" = 0 ] &&
        [ "$(wc -l <"$1")" = "$(LC_ALL=C grep -c $'\r$' "$1")" ] &&
        [ "$(tail -c 1 "$1" | wc -l)" = 1 ]
}

greeted() # FILE: its first line is the greeting
{
    head -n 1 "$1" | grep -q '^\* Welcome to chatd\. You are guest[0-9]* in #lobby\.'
}

walt_says() # TEXT
{
    printf '%s\r\n' "$1" >&3
}

walt_hears() # LINE
{
    eventually holds "$directory/walt" "$1"
}

start_server()
{
    : >"$directory/ready"
    "$chatd" -l 127.0.0.1:0 -l '[::1]:0' -l "unix:$directory/socket" --rate 0 \
        >"$directory/ready" 2>"$directory/log" &
    server=$!
    eventually grep -q '^ready$' "$directory/ready" || return 1
    port=$(sed -n 's/^listening on 127.0.0.1://p' "$directory/ready")
    port6=$(sed -n 's/^listening on \[::1\]://p' "$directory/ready")
}

start_walt()
{
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    : >"$directory/walt"
    cat <&3 >"$directory/walt" &
    walt=$!
    walt_says '/nick walt'
    walt_says '/ping ready'
    walt_hears '* pong ready'
}

# A client that is typed at: it talks both ways and leaves with /quit.
converse() # NAME COMMAND...
{
    local name=$1 seen=$directory/$1 pid
    shift
    mkfifo "$seen.keys"
    "$@" <"$seen.keys" >"$seen" 2>"$seen.errors" 3>&- &
    pid=$!
    exec 4>"$seen.keys"
    printf '/nick %s\nhello from %s\n' "$name" "$name" >&4
    walt_hears "#lobby <$name> hello from $name"
    report $? "$name is heard"
    walt_says "hello $name"
    eventually holds "$seen" "#lobby <walt> hello $name"
    report $? "$name hears"
    printf '/quit bye from %s\n' "$name" >&4
    walt_hears "#lobby -- $name left (quit: bye from $name)"
    report $? "$name leaves with /quit"
    exec 4>&- # nc and ncat notice only when they have something to send
    eventually ended "$pid"
    report $? "$name ends with its connection"
    kill "$pid" 2>/dev/null
    greeted "$seen" && clean_text "$seen"
    report $? "$name is shown nothing but text"
}

# A client whose input is a pipe that ends: its line counts, and it ends when the server is done.
pipe_in() # NAME COMMAND...
{
    local name=$1 seen=$directory/$1.piped
    shift
    printf '/nick %s\nhi from %s' "$name-p" "$name" |
        timeout "$limit" "$@" >"$seen" 2>"$seen.errors" 3>&-
    report $? "$name ends by itself when its input does"
    walt_hears "#lobby <$name-p> hi from $name"
    report $? "$name is heard though its last line has no newline"
    greeted "$seen" && clean_text "$seen"
    report $? "$name is shown everything before the end"
}

# Without -N nc says nothing of the end of its input: the connection stays, and shows what comes.
nc_stays() # COMMAND...
{
    local seen=$directory/nc.stays pid
    printf '/nick stayer\nI listen\n' >"$seen.keys"
    "$@" <"$seen.keys" >"$seen" 3>&- &
    pid=$!
    walt_hears '#lobby <stayer> I listen' && walt_says 'are you there?' &&
        eventually holds "$seen" '#lobby <walt> are you there?'
    report $? "nc without -N goes on listening after the end of its input"
    kill "$pid"
    walt_hears '#lobby -- stayer left (connection closed)'
    report $? "nc without -N is gone when it is interrupted"
}

# telnet in a terminal, which script(1) provides.
open_terminal() # NAME HOST PORT
{
    seen=$directory/$1
    mkfifo "$seen.keys"
    script -q -f -c "exec telnet $2 $3" /dev/null <"$seen.keys" >"$seen" 2>&1 3>&- &
    terminal=$!
    exec 4>"$seen.keys"
    shows 1 'You are guest'
}

# The terminal shows TEXT behind the first FROM - 1 bytes.
shows() # FROM TEXT
{
    eventually shown "$@" || {
        echo "# telnet never showed: $2"
        return 1
    }
}

shown() # FROM TEXT
{
    tail -c "+$1" "$seen" | grep -qF -e "$2"
}

# Types KEYS (as of printf) and waits for TEXT, shown since.
type_keys() # KEYS TEXT
{
    local from=$(($(wc -c <"$seen") + 1))
    # shellcheck disable=SC2059 # the keys are a format
    printf "$1" >&4
    shows "$from" "$2"
}

close_terminal()
{
    eventually ended "$terminal" && exec 4>&-
}

# Ctrl-C and Ctrl-] are telnet's own. After Ctrl-C it shows nothing until the server has answered
# its DO TIMING-MARK.
telnet_terminal() # NAME HOST PORT
{
    open_terminal "$@" &&
        type_keys "/nick $1\r/ping greeted\r" '* pong greeted' &&
        type_keys "hello from $1\r/ping said\r" '* pong said' &&
        type_keys '\003' '/quit' &&
        type_keys '/ping interrupted\r' '* pong interrupted' &&
        walt_says "and now, $1?" && shows 1 "#lobby <walt> and now, $1?" &&
        type_keys 'still here\r/ping done\r' '* pong done' &&
        type_keys '\035' 'telnet>' &&
        type_keys 'quit\r' 'Connection closed.' && close_terminal
}

telnet_quits() # HOST PORT
{
    open_terminal tess "$@" &&
        type_keys '/nick tess\rhello\r/quit good night\r' 'closed by foreign host' && close_terminal
}

# What telnet sends and shows where no terminal is in between.
telnet_clean()
{
    local seen=$directory/telnet.clean
    mkfifo "$seen.keys"
    telnet 127.0.0.1 "$port" <"$seen.keys" >"$seen" 2>/dev/null 3>&- &
    exec 4>"$seen.keys"
    printf '/nick tom\n/ping clean\n/quit\n' >&4
    eventually grep -q 'pong clean' "$seen"
    exec 4>&-
    wait $!
    sed -i '/^Trying\|^Connected\|^Escape\|^Connection closed/d' "$seen"
    greeted "$seen" && [ "$(LC_ALL=C tr -d '\040-\176\r\n' <"$seen" | wc -c)" = 0 ]
    report $? "telnet is shown nothing but text"
}

test_telnet()
{
    telnet_terminal tina 127.0.0.1 "$port"
    report $? "telnet in a terminal: Ctrl-C says how to leave, output goes on, Ctrl-] leaves"
    walt_hears '#lobby <tina> hello from tina' && walt_hears '#lobby <tina> still here' &&
        walt_hears '#lobby -- tina left (connection closed)'
    report $? "telnet is heard before and after Ctrl-C"
    telnet_terminal tim6 ::1 "$port6"
    report $? "telnet does the same over IPv6"
    telnet_quits 127.0.0.1 "$port" && walt_hears '#lobby -- tess left (quit: good night)'
    report $? "telnet leaves with /quit"
    telnet_clean
}

test_nc()
{
    nc -h 2>&1 | grep -q OpenBSD
    report $? "nc is OpenBSD's (or: apt-get install netcat-openbsd)" || return
    converse nc nc 127.0.0.1 "$port"
    converse nc-N nc -N 127.0.0.1 "$port"
    converse nc6 nc -N ::1 "$port6"
    converse nc-unix nc -N -U "$directory/socket"
    pipe_in nc nc -N 127.0.0.1 "$port"
    nc_stays nc 127.0.0.1 "$port"
}

test_ncat()
{
    converse ncat ncat 127.0.0.1 "$port"
    converse ncat6 ncat -6 ::1 "$port6"
    pipe_in ncat ncat 127.0.0.1 "$port"
}

test_socat()
{
    converse socat socat - "TCP:127.0.0.1:$port"
    converse socat6 socat - "TCP6:[::1]:$port6"
    converse socat-unix socat - "UNIX-CONNECT:$directory/socket"
    pipe_in socat socat -t "$limit" - "TCP:127.0.0.1:$port"
}

# Runs the checks of a client that is installed; a missing one fails with what to do.
with() # PROGRAM PACKAGE FUNCTION
{
    if command -v "$1" >/dev/null; then
        "$3"
    else
        report 1 "$1 is missing: apt-get install $2 (make setup does)"
    fi
}

start_server
report $? "the server gets ready" || exit 1
start_walt
report $? "walt is in the lobby" || exit 1
with telnet telnet test_telnet
with nc netcat-openbsd test_nc
with ncat ncat test_ncat
with socat socat test_socat
kill "$server"
exec 3>&-
wait "$server"
report $? "the server ends with status 0"
server=
echo "1..$number"
