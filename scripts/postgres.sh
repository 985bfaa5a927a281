#!/usr/bin/env bash
# Runs a command with a PostgreSQL of its own, made for it and gone after it.
#
#   scripts/postgres.sh with-postgres COMMAND [ARGUMENT...]
#
# The command finds the address in PROVOST_TEST_POSTGRES. The server listens on a Unix socket in a temporary
# folder only, never runs as root, and is stopped by its process id however the command ends.
set -euo pipefail

folder=""
as_server=()

fail() {
    echo "postgres.sh: $*" >&2
    exit 1
}

# Prints the folder of the newest server binaries, or nothing.
find_binaries() {
    local newest
    newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t / -k 5 -V | tail -n 1 || true)
    if [ -n "$newest" ] && [ -x "$newest/initdb" ] && [ -x "$newest/postgres" ]; then
        echo "$newest"
    elif command -v initdb >/dev/null && command -v postgres >/dev/null; then
        dirname "$(command -v initdb)"
    fi
}

install_server() {
    [ "$(id -u)" -eq 0 ] || fail "no PostgreSQL server found and not root: install the package 'postgresql'"
    command -v apt-get >/dev/null || fail "no PostgreSQL server found and no apt-get to install it with"
    echo "installing the package postgresql" >&2
    # The package would otherwise create and start a cluster of its own.
    mkdir -p /etc/postgresql-common
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
}

# The server refuses to run as root: choose an ordinary user for it.
choose_user() {
    [ "$(id -u)" -eq 0 ] || return 0
    local user=nobody
    if getent passwd postgres >/dev/null; then
        user=postgres
    fi
    local group
    group=$(id -gn "$user")
    if command -v setpriv >/dev/null; then
        as_server=(setpriv --reuid="$user" --regid="$group" --clear-groups --)
    elif command -v runuser >/dev/null; then
        as_server=(runuser -u "$user" --)
    else
        fail "root needs setpriv or runuser (package util-linux) to start the server as $user"
    fi
    chown "$user:$group" "$folder"
}

server_pid() {
    head -n 1 "$folder/data/postmaster.pid" 2>/dev/null || true
}

wait_gone() {
    local tries=$2
    while kill -0 "$1" 2>/dev/null && [ "$tries" -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    ! kill -0 "$1" 2>/dev/null
}

stop() {
    local code=$?
    trap - EXIT INT TERM HUP
    local pid
    pid=$(server_pid)
    if [ -n "$pid" ]; then
        kill -INT "$pid" 2>/dev/null || true
        wait_gone "$pid" 200 || { kill -QUIT "$pid" 2>/dev/null || true; wait_gone "$pid" 50 || true; }
    fi
    if [ "$code" -ne 0 ] && [ -s "$folder/log" ]; then
        grep -E 'FATAL|PANIC' "$folder/log" | tail -n 5 >&2 || true
    fi
    [ -z "$folder" ] || rm -rf "$folder"
    exit "$code"
}

start() {
    local binaries
    binaries=$(find_binaries)
    if [ -z "$binaries" ]; then
        install_server
        binaries=$(find_binaries)
        [ -n "$binaries" ] || fail "the package postgresql brought no server binaries"
    fi
    # A short path: a Unix socket address holds about 100 bytes.
    folder=$(mktemp -d /tmp/provost-pg.XXXXXX)
    trap stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    choose_user
    # The server's user may not be allowed into the folder this was called from.
    (cd "$folder" && "${as_server[@]}" "$binaries/initdb" --pgdata="$folder/data" --username=provost --auth=trust \
        --encoding=UTF8 --locale=C --no-instructions >"$folder/log" 2>&1) || { cat "$folder/log" >&2; fail "initdb failed"; }
    # Outside this script's process group, so that an interrupt from the terminal reaches the tests first.
    (cd "$folder" && exec setsid "${as_server[@]}" "$binaries/postgres" -D "$folder/data" -k "$folder" \
        -c listen_addresses= -c max_connections=200 -c fsync=on -c shared_buffers=64MB \
        >>"$folder/log" 2>&1 </dev/null) &
    local tries=300
    until "${as_server[@]}" "$binaries/pg_isready" -q -h "$folder" -d postgres -U provost; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ] || ! kill -0 $! 2>/dev/null; then
            cat "$folder/log" >&2
            fail "the server did not start"
        fi
        sleep 0.1
    done
    "${as_server[@]}" "$binaries/createdb" -h "$folder" -U provost provost
    export PROVOST_TEST_POSTGRES="postgresql://provost@/provost?host=$folder"
}

if [ "${1:-}" != with-postgres ] || [ $# -lt 2 ]; then
    echo "usage: $0 with-postgres COMMAND [ARGUMENT...]" >&2
    exit 2
fi
shift
start
"$@"
