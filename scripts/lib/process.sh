# Sourced by the scripts that start a service: start, stop, and what the kernel knows of a process.
# shellcheck shell=bash

started=()
scratch=

# Stops what this script started, and removes its files.
stop_started() {
    local pid
    for pid in "${started[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    started=()
    if [[ -n $scratch ]]; then rm -rf "$scratch"; fi
}

make_scratch() {
    scratch=$(mktemp -d)
    trap stop_started EXIT
    trap 'exit 130' INT TERM
}

# wait_for_port PORT PID: until the port takes connections; fails if the process ends, or after ten seconds.
wait_for_port() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 "$2" 2>/dev/null || return 1
        if (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    return 1
}

port_is_free() {
    ! (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# start_service CONFIG: gatherd on ports that the kernel chooses; sets service (its process) and address.
start_service() {
    local tries
    : >"$scratch/gatherd.log"
    "$gatherd" serve --config "$1" --listen 127.0.0.1:0 --admin 127.0.0.1:0 2>"$scratch/gatherd.log" &
    service=$!
    started+=("$service")
    for ((tries = 0; tries < 100; tries++)); do
        address=$(sed -n 's/.* serving .* listen=\([^ ]*\).*/\1/p' "$scratch/gatherd.log")
        if [[ -n $address ]]; then return 0; fi
        kill -0 "$service" 2>/dev/null || break
        sleep 0.1
    done
    fail "gatherd did not start: $(cat "$scratch/gatherd.log")"
}

# listener_of PORT: the gatherd process that listens there.
listener_of() {
    local port inode directory
    port=$(printf '%04X' "$1")
    # The tables of /proc/net: 0A is LISTEN, the tenth column the socket's inode.
    inode=$(awk -v port=":$port\$" '$2 ~ port && $4 == "0A" { print $10; exit }' /proc/net/tcp /proc/net/tcp6)
    [[ -n $inode ]] || return 1
    for directory in /proc/[0-9]*; do
        [[ $(cat "$directory/comm" 2>/dev/null) == gatherd ]] || continue
        if [[ -n $(find "$directory/fd" -lname "socket:\[$inode\]" -print -quit 2>/dev/null) ]]; then
            echo "${directory#/proc/}"
            return 0
        fi
    done
    return 1
}
