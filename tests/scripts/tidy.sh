#!/bin/sh
# A checker that finds nothing is trusted without reason: here every rule of
# tools/tidy meets a tree that breaks it, and one that doesn't.
set -u
tidy=$PWD/tools/tidy
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

fresh_tree()
{
    rm -rf "$tree"
    mkdir -p "$tree/tests" "$tree/tools" "$tree/reactor/examples"
    for folder in base loop task sim; do mkdir -p "$tree/reactor/$folder"; done
    for folder in text people server; do mkdir -p "$tree/chat/$folder"; done
    mkdir -p "$tree/tests/reactor/base"
}

verdict() # STATUS NAME
{
    if [ "$1" = 0 ]; then
        echo "ok - $2"
    else
        echo "not ok - $2"
        echo "$output" | sed 's/^/# /'
    fi
}

# Checks a tree that holds FILE alone.
check() # FILE TEXT: in the form of printf(1)
{
    fresh_tree
    # shellcheck disable=SC2059 # the text is a format
    printf "$2" >"$tree/$1"
    output=$("$tidy" "$tree")
}

# Expects one finding, at LINE of FILE.
finds() # FILE LINE WORDS TEXT
{
    check "$1" "$4"
    status=$?
    [ $status = 1 ] && [ "$(echo "$output" | grep -vc ^tidy:)" = 1 ] &&
        echo "$output" | grep -q "^$1:$2: .*$3"
    verdict $? "$1:$2: $3"
}

# Expects none.
accepts() # FILE WHAT TEXT
{
    check "$1" "$3"
    verdict $? "accepts $2"
}

repeated() # COUNT LINE
{
    line=$2 awk -v n="$1" 'BEGIN { while (n--) printf "%s", ENVIRON["line"] }'
}

task_macros() # COUNT
{
    printf '/* task: x. */\n#ifndef REACTOR_TASK_TASK_H\n'
    repeated "$1" '#define TASK_X() 1\n'
}

# One line a rule: the file and line that are named, a piece of the finding, the file's text.
finds reactor/base/wheel.c 1 'from a layer above' '#include "reactor/loop/loop.h"\n'
finds reactor/base/clock.c 1 'includes itself' '#include "reactor/base/clock.c"\n'
finds reactor/loop/loop.c 1 'from a layer above' '#include "chat/text/text.h"\n'
finds chat/text/text.c 1 'from a layer above' '#include "chat/people/room.h"\n'
finds chat/text/text.c 1 'has no layer' '#include "tests/support/harness.h"\n'
finds reactor/examples/x.c 1 'may not' '#include "chat/text/text.h"\n'
finds chat/novelty.c 1 'without a layer' 'int novelty;\n'
finds reactor/loop/loop.c 1 'for the inside' '#include "reactor/base/sys_internal.h"\n'
finds tools/report.c 1 'may not' '#include "tests/support/harness.h"\n'
finds notes.txt 1 'has no place' 'x\n'

finds reactor/loop/loop.c 1 'calls epoll_wait' 'x = epoll_wait(1);\n'
finds chat/server/server.c 2 'calls clock_gettime' '\nx = clock_gettime(1);\n'
finds chat/server/server.c 1 'calls malloc' 'x = malloc(1);\n'
finds reactor/sim/sim.c 1 'calls read' 'x = read(1);\n'
finds tests/test_x.c 1 'calls strcpy' 'strcpy(a, b);\n'
finds tests/test_x.c 1 'calls usleep' 'usleep(1);\n'

finds reactor/base/list.c 1 'columns' '%0101d\n'
finds reactor/base/list.c 1 'has a tab' '\tint x;\n'
finds reactor/base/list.c 2 'ends in blanks' 'int x;\nint y; \n'
finds reactor/base/list.c 2 'without a newline' 'int x;\nint y;'
finds reactor/base/list.c 601 'split the file' "$(repeated 600 'int x;\n')int y;\n"
finds reactor/base/list.c 74 '71 lines' "int main(void)\n{\n$(repeated 71 ' x();\n')}\n"
finds reactor/base/list.c 1 'f() has no caller but tests' 'int f(void)\n{\n    return 0;\n}\n'
finds reactor/base/list.h 1 'no comment' '#ifndef REACTOR_BASE_LIST_H\n'
finds reactor/base/list.h 2 'guard' '/* list: a ring. */\n#ifndef LIST_H\n'
finds reactor/base/list.c 1 'typedef' 'typedef struct list list;\n'
finds reactor/base/list.c 1 'for tests' '#ifdef TESTING\n'
finds reactor/base/list.c 1 'a note' '/* TO''DO: finish */\n'
finds tests/x.md 1 'one machine' 'see /ho''me/ann/chatd\n'
finds reactor/task/task.h 9 'seventh' "$(task_macros 7)"

accepts reactor/loop/loop.c 'lower layers and its own' \
    '#include "reactor/loop/loop.h"\n#include "reactor/loop/debug.h"\n'
accepts tests/reactor/base/test_x.c 'everything in a test' \
    '#include "chat/text/text.h"\n#include "tests/support/harness.h"\n'
accepts reactor/loop/loop.c 'a call through the door' \
    'x = sys->read(1) + sys.send(2) + thread(3);\n'
accepts reactor/loop/loop.c 'a call in a comment or a text' \
    '/* read(1);\n read(2) */ x = "read(3)";\n'
accepts reactor/base/sys.c 'calls in the real door' 'x = read(1);\ny = malloc(2);\n'
accepts reactor/sim/sim_poll.c 'memory in the simulated door' 'x = malloc(1);\n'
accepts reactor/sim/sim_poll.c 'a private header of the folder' \
    '#include "reactor/sim/sim_internal.h"\n'
accepts reactor/base/list.h 'a header as it should be' \
    '/* list: a ring. */\n#ifndef REACTOR_BASE_LIST_H\n#define REACTOR_BASE_LIST_H\n#endif\n'
accepts reactor/base/list.c '70 lines, 100 columns' \
    "%0100d\nint main(void)\n{\n$(repeated 70 ' x();\n')}\n"
accepts reactor/base/list.c 'functions with a caller and checks for tests' \
    'int f(void)\n{\n    return f();\n}\nint list_check(void)\n{\n    return 0;\n}\n'
accepts reactor/base/list.c '600 lines' "$(repeated 600 'int x;\n')"
accepts reactor/base/list.c 'code points, not bytes' "/* $(repeated 90 'é') */\n"
accepts reactor/task/task.h 'six macros' "$(task_macros 6)"
