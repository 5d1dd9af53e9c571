# Owns one PostgreSQL server for the process at the other end of the pipe on standard input.
#
#   sh -c "$(cat watcher.sh)" watcher BIN [WRAPPER..]
#
# BIN is the folder of initdb and postgres. WRAPPER is a command prefix for both, for root, which
# may run neither. Each line on standard input is a command, and the answer is one line on
# standard output. The server is a child of this shell. When the owner ends in any way (returns,
# panics, Ctrl-C, kill -9), the kernel closes the pipe, `read` gets the end of file, and this
# shell stops the server and removes its folder. A running command (initdb) is finished first, so
# that nothing is left behind.

bin=$1
shift

# Ctrl-C of the owner must not end this shell, nor a closed standard output (PIPE).
trap '' INT TERM HUP PIPE
umask 077
cd / || exit 1

folder=
server=

# A server that is not durable has its data in memory, if there is room and TMPDIR is not set. CREATE DATABASE and
# DROP DATABASE, which every test runs, write and remove 300 files: in memory that takes a fifth of the time.
memory() {
    df -Pk /dev/shm 2>/dev/null | awk '$1 == "tmpfs" && $4 >= 2 * 1024 * 1024 { print "/dev/shm" }'
}

# The path of a Unix socket is limited to about 100 bytes: a long TMPDIR is skipped.
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

# A copy of the server at the address $PRIMARY, which follows that server until it is promoted. BIN may contain links to
# initdb and postgres alone.
basebackup() {
    programs=$(dirname "$(readlink -f "$bin/postgres")")
    "$@" "$programs/pg_basebackup" --pgdata="$folder/data" --dbname="$PRIMARY" --checkpoint=fast --write-recovery-conf \
        --no-sync </dev/null >"$folder/log" 2>&1
}

# The file of a killed server contains "ready" too, so the process id in it is compared.
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

# Sends signal $1 to end the server, and waits. A server that has not set up its handlers yet
# misses signals: after ten seconds it is killed.
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

# Whether a process has ended. An orphan in a container without an init stays a zombie, which counts as ended.
has_ended() {
    kill -0 "$1" 2>/dev/null || return 0
    state=$(cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null || ps -o stat= -p "$1")
    case $state in Z* | '') return 0 ;; esac
    return 1
}

# Kills the server and all its children at once, as a power failure would. Race: it is stopped first,
# so that it starts no child after the list of children is read.
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
        until has_ended "$child" || [ "$attempts" -gt 500 ]; do
            attempts=$((attempts + 1))
            sleep 0.01
        done
    done
}

# A killed server leaves a small segment of shared memory outside its folder. Its id is the second
# word of the seventh line.
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
    initdb) if [ -n "$PRIMARY" ]; then basebackup "$@"; else initdb "$@"; fi ;;
    start) start "$@" ;;
    stop) [ -z "$server" ] || end INT ;;
    kill9) [ -z "$server" ] || kill9 ;;
    *) false ;;
    esac && echo "ok $server" || echo "failed"
done

[ -z "$server" ] || end QUIT
remove_shared_memory
rm -rf "$folder"
