#!/bin/bash
# reactor/examples/crawler, sent to servers that answer one request and are gone: replies of all
# kinds, some of which are none, and links of all kinds. Prints TAP; BUILD is the directory of the
# programs. What it does without arguments is in tests/scripts/examples.sh.
set -u

limit=10 # seconds until a server that doesn't listen counts as missing
crawler=${BUILD:-build}/reactor/examples/crawler
directory=$(mktemp -d /tmp/chatd-crawler-XXXXXX)
number=0
server=

stop()
{
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
    server=
}
trap 'stop; rm -rf "$directory"' EXIT
trap 'exit 1' INT TERM

report() # STATUS NAME: the result of a check
{
    number=$((number + 1))
    [ "$1" = 0 ] && echo "ok $number - $2" || echo "not ok $number - $2"
    return "$1"
}

# A port below those that the kernel gives to connections, so that none of them has it.
read -r lowest _ </proc/sys/net/ipv4/ip_local_port_range
[ "$lowest" -gt 20000 ] || lowest=32768
port=$((lowest - 10000 + RANDOM % 10000))

# Whether nobody was there: the first attempt was refused, and refusals are not tried again.
refused()
{
    grep -q '^ *0 *1 *1 /: Connection refused' "$directory/report"
}

# Crawls a server that answers one request with REPLY, a format of printf.
crawl() # REPLY DEPTH
{
    local end=$((SECONDS + limit))
    # shellcheck disable=SC2059 # it is a format
    printf "$1" >"$directory/reply"
    nc -N -l 127.0.0.1 "$port" <"$directory/reply" >"$directory/request" 2>"$directory/nc" &
    server=$!
    until "$crawler" "http://127.0.0.1:$port/" "$2" >"$directory/report" 2>&1; ! refused; do
        [ "$SECONDS" -lt "$end" ] || break
        sleep 0.02
    done
    stop
}

# The first page is reported as PAGE says, after ATTEMPTS.
finds() # NAME REPLY ATTEMPTS PAGE
{
    crawl "$2" 1
    grep -q "^ *0 *$3 *1 /: $4\$" "$directory/report"
    report $? "$1" || sed 's/^/# /' "$directory/report" "$directory/nc"
}

blanks() # COUNT
{
    printf "%$1s" ''
}

ok='HTTP/1.1 200 OK\r\n'
link='<a href="/next">Next</a>'

"$crawler" "http://127.0.0.1:$port/" >"$directory/report"
[ $? = 1 ] && refused
report $? 'where nobody listens it says so, and fails'
"$crawler" http://example.org/ 2>"$directory/report"
[ $? = 2 ] && grep -q '^usage: ' "$directory/report"
report $? 'another machine is left alone'

finds 'a body may have a length' "${ok}Content-Length: 24\r\n\r\n$link" 1 200
grep -q '/next' "$directory/report"
report $? 'and its links are followed'
finds 'it may end with the connection' "HTTP/1.0 200 OK\r\n\r\n$link" 1 200
grep -q '/next' "$directory/report"
report $? 'and its links are followed, too'
finds 'it may come in chunks' \
    "${ok}transfer-encoding: Chunked\r\n\r\n8;a=b\r\n<a href=\r\n0010 \r\n\"/next\">Next</a>\r\n\
0\r\nA: b\r\n\r\n" 1 200
grep -q '/next' "$directory/report"
report $? 'and so may its links'
finds 'no content has no length' 'HTTP/1.1 204 No Content\r\n\r\n' 1 204
finds 'a page that is not there is told' 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n' 1 404

# What was cut off is tried again; then there is nobody, or a server that ends just then.
lost='Connection re.*'
finds 'no reply is a reset' '' '[2-4]' "$lost"
finds 'half a head is one, too' "${ok}Content-Le" '[2-4]' "$lost"
finds 'and half a body' "${ok}Content-Length: 25\r\n\r\n$link" '[2-4]' "$lost"
finds 'and half a chunk' "${ok}Transfer-Encoding: chunked\r\n\r\n19\r\n$link" '[2-4]' "$lost"

finds 'what is no reply is not believed' 'What a day!\r\n\r\n' 1 'Protocol error'
finds 'nor is a status that is none' 'HTTP/1.1 99 No\r\n\r\n' 1 'Protocol error'
finds 'nor a length that is none' "${ok}Content-Length: long\r\n\r\n$link" 1 'Protocol error'
finds 'nor a chunk without a length' "${ok}Transfer-Encoding: chunked\r\n\r\n$link\r\n" 1 \
    'Protocol error'
finds 'nor one that is longer than it says' \
    "${ok}Transfer-Encoding: chunked\r\n\r\n8\r\n$link\r\n0\r\n\r\n" 1 'Protocol error'
finds 'nor an encoding that it does not know' "${ok}Transfer-Encoding: gzip\r\n\r\n$link" 1 \
    'Protocol error'
finds 'a negative length is too long' "${ok}Content-Length: -1\r\n\r\n$link" 1 'Message too long'
finds 'and so is a line of 2000 bytes' "${ok}A: $(blanks 2000)\r\n\r\n$link" 1 'Message too long'
finds 'and a body of 70000 bytes' "${ok}\r\n$(blanks 70000)" 1 'Message too long'

crawl "${ok}\r\n<a href=\"beside\"><a href=\"/root#top\"><a href=\"http://127.0.0.1:$port/root\">\
<a href=\"#top\"><a href=\"mailto:ann\"><a href=\"https://127.0.0.1/\"><a href=\"http://host/\">\
<a href=\"a b\"><a href=\"\"><a href=\"http://127.0.0.1:99999/\">\
<a href=\"http://127.0.0.1:${port}x\">\
<a href=\"/$(blanks 300 | tr ' ' x)\"><a href=\"/open" 1
sed -n 's/^ *1 .* \(.*\): Connection refused/\1/p' "$directory/report" >"$directory/links"
printf '/beside\n/root\n' | diff - "$directory/links" >"$directory/difference"
report $? 'only links that it can follow are, and each once' ||
    sed 's/^/# /' "$directory/difference"
crawl "${ok}\r\n$link" 0
grep -q '^1 pages' "$directory/report"
report $? 'it goes no deeper than it is told'
echo "1..$number"
