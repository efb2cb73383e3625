#!/bin/bash
# `make install` as a packager and a reader use it: blanks in its folders, and a program that is
# built on what was installed, with pkg-config.
set -u
build=${BUILD:-build}
cc=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

check() # NAME COMMAND...
{
    local name=$1 output
    shift
    count=$((count + 1))
    if output=$("$@" 2>&1); then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        echo "$output" | sed 's/^/# /'
    fi
}

# With the flags of what is built already, or all of it would be built again.
options=()
grep -q -e -Werror "$build/flags" && options=(WERROR=-Werror)
install_to() { make -s BUILD="$build" CC="$cc" "${options[@]}" install "$@"; }

prefix="$work/my prefix"
check 'installs below a PREFIX with a blank' install_to DESTDIR= PREFIX="$prefix"
check 'and below a DESTDIR with one' install_to DESTDIR="$work/a root" PREFIX='/usr/my local'
check 'chatd is there' test -x "$work/a root/usr/my local/bin/chatd"
check 'and chatload' test -x "$prefix/bin/chatload"
check 'and the library' test -f "$prefix/lib/libreactor.a"
check 'and the public headers' test -f "$prefix/include/reactor/task/task.h"
private_headers()
{
    find "$prefix/include" -name '*_internal.h' -o -name 'sim_*.h' -o -name send_plan.h | grep .
}
check 'but no private ones' eval '! private_headers'

flags() { PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config "$@" reactor; }
check 'pkg-config knows it' flags --exists --print-errors
check 'and asks for warnings' eval 'flags --cflags | grep -q -e -Wall'
check 'its version is that of chatd' \
    test "chatd $(flags --modversion)" = "$("$prefix/bin/chatd" --version)"
sanitizers=()
grep -q -e -fsanitize "$build/flags" && sanitizers=(-fsanitize=address,undefined)
build_program() # SOURCE: away from the sources of the library
{
    local cflags libs
    eval "cflags=($(flags --cflags)) libs=($(flags --libs))"
    (cd "$work" && $cc "${cflags[@]}" -Werror "${sanitizers[@]}" -o program "$1" "${libs[@]}")
}
cp reactor/examples/echo.c "$work/echo.c"
check 'a program is built against it, without a warning' build_program echo.c

manuals=$prefix/share/man
page_is_clean() { [ -z "$(groff -man -ww -z -T utf8 "$1" 2>&1 | tee /dev/stderr)" ]; }
for page in man1/chatd.1 man1/chatload.1 man3/reactor.3; do
    check "$page is a manual page without a mistake" page_is_clean "$manuals/$page"
done
sed -n '/^\.EX/,/^\.EE/{/^\./d;s/\\e/\\/g;p}' "$manuals/man3/reactor.3" >"$work/example.c"
check 'the example of reactor.3 is built, too' build_program example.c
every_header_is_named()
{
    local header missing=0
    for header in "$prefix"/include/reactor/*/*.h; do
        grep -q "\<$(basename "$header")" "$manuals/man3/reactor.3" && continue
        echo "$header"
        missing=1
    done
    return $missing
}
check 'reactor.3 names every header' every_header_is_named

# `-l, --listen ADDR` of the help, and the head of the same entry in the manual.
options_of_help() { "$prefix/bin/$1" --help | sed -n 's/^  *\(-[A-Za-z], \)*\(--[a-z-]*\).*/\2/p'; }
options_of_page()
{
    grep -A1 '^\.TP' "$manuals/man1/$1.1" | sed 's/\\//g' |
        sed -n 's/^\.[BIR]* \(-[A-Za-z] ", " \)*\(--[a-z-]*\).*/\2/p'
}
same_options() { diff <(options_of_help "$1" | sort) <(options_of_page "$1" | sort); }
for program in chatd chatload; do
    check "the manual of $program has the options of its help" same_options $program
done

# systemd-analyze looks for the program that the unit names, too. Of a wrong key it only warns.
unit=$prefix/lib/systemd/system/chatd.service
verify()
{
    local output status
    output=$(systemd-analyze verify --man=no "$1" 2>&1)
    status=$?
    echo "$output"
    [ "$status" = 0 ] && ! echo "$output" | grep -q chatd
}
check 'the unit is one that systemd understands' verify "$unit"
is_hardened() { systemd-analyze security --offline=true --threshold=20 "$unit"; }
check 'and it is hardened: an exposure of 2.0 at most' is_hardened
echo "1..$count"
