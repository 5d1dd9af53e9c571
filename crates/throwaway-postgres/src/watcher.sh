# Owns one PostgreSQL server for the process at the other end of the pipe on standard input.
#
#   sh -c "$(cat watcher.sh)" watcher BIN [WRAPPER..]
#
# BIN is the folder of initdb and postgres; WRAPPER is put before both, for root, which may run
# neither. Commands come in on standard input, a line each, and each is answered by one line on
# standard output. The server is a child of this shell and of nobody else, so however its owner
# ends (returns, panics, Ctrl-C, kill -9), the kernel closes the pipe, `read` sees the end of
# file, and the server and its folder go. Work that is under way then (initdb) is finished first:
# nothing is ever left half done with nobody to clean it up.

bin=$1
shift

# The owner's Ctrl-C is for the owner. A closed standard output (PIPE) must not end us either.
trap '' INT TERM HUP PIPE
umask 077
cd / || exit 1

folder=
server=

# A server that may lose its data has it in memory, where there is room and TMPDIR does not name a place. CREATE DATABASE
# and DROP DATABASE, which every test runs, write and remove 300 files: a fifth of the time that they take on a disk.
memory() {
    df -Pk /dev/shm 2>/dev/null | awk '$1 == "tmpfs" && $4 >= 2 * 1024 * 1024 { print "/dev/shm" }'
}

# The name of a Unix socket has about 100 bytes: a long TMPDIR is passed over.
make_folder() {
    # shellcheck disable=SC2046 # one word or none
    for parent in $([ -n "$DURABLE$TMPDIR" ] || memory) "${TMPDIR:-/tmp}" /tmp; do
        [ "${#parent}" -le 70 ] || continue
        folder=$(mktemp -d "$parent/pg-XXXXXXXX" 2>&1) && return
    done
    problem=$folder
    folder=
    return 1
}

initdb() {
    for locale in C.UTF-8 C; do
        rm -rf "$folder/data"
        "$@" "$bin/initdb" --pgdata="$folder/data" --username=postgres --auth=trust \
            --encoding=UTF8 --locale="$locale" --no-sync </dev/null >"$folder/log" 2>&1 && return
    done
    return 1
}

# A file left by a killed server says ready too, so the id in it must be ours.
ready() {
    [ "$(sed -n '1p;8p' "$folder/data/postmaster.pid" 2>/dev/null | tr -d ' \n')" = "${server}ready" ]
}

start() {
    "$@" "$bin/postgres" -D "$folder/data" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    attempts=0
    until ready; do
        attempts=$((attempts + 1))
        if [ "$attempts" -gt 6000 ] || ! kill -0 "$server" 2>/dev/null; then
            kill9
            return 1
        fi
        sleep 0.01
    done
}

# Asks the server to end with signal $1, and waits. Signals can be missed by a server that has
# not set up its handlers yet: after ten seconds it is killed.
end() {
    kill -"$1" "$server" 2>/dev/null
    attempts=0
    while kill -0 "$server" 2>/dev/null; do
        attempts=$((attempts + 1))
        if [ "$attempts" -gt 1000 ]; then
            kill9
            return
        fi
        sleep 0.01
    done
    wait "$server" 2>/dev/null
    server=
}

# An orphan that nobody reaps (a container without an init) stays a zombie: it is gone too.
gone() {
    kill -0 "$1" 2>/dev/null || return 0
    state=$(cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null || ps -o stat= -p "$1")
    case $state in Z* | '') return 0 ;; esac
    return 1
}

# Kills the server and all its children at once, as a power cut would. It is stopped first, so
# that no child is born after the list of children is read.
kill9() {
    kill -STOP "$server" 2>/dev/null
    children=$(cat "/proc/$server/task/$server/children" 2>/dev/null ||
        ps -A -o pid= -o ppid= | awk -v server="$server" '$2 == server { print $1 }')
    # shellcheck disable=SC2086 # a list of ids
    kill -KILL "$server" $children 2>/dev/null
    wait "$server" 2>/dev/null
    server=
    for child in $children; do
        attempts=0
        until gone "$child" || [ "$attempts" -gt 500 ]; do
            attempts=$((attempts + 1))
            sleep 0.01
        done
    done
}

# What a killed server leaves outside its folder: one small segment of shared memory, whose id
# is the second word of the seventh line.
remove_shared_memory() {
    segment=$(sed -n '7p' "$folder/data/postmaster.pid" 2>/dev/null | awk '{ print $2 }')
    [ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
}

if make_folder; then
    echo "ok $folder"
else
    echo "failed $problem"
    exit 1
fi

while read -r command; do
    case $command in
    initdb) initdb "$@" ;;
    start) start "$@" ;;
    stop) [ -z "$server" ] || end INT ;;
    kill9) [ -z "$server" ] || kill9 ;;
    *) false ;;
    esac && echo "ok $server" || echo "failed"
done

[ -z "$server" ] || end QUIT
remove_shared_memory
rm -rf "$folder"
