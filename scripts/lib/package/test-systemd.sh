# Sourced by scripts/package: the package on a machine that systemd has booted, in a container of its own (systemd-nspawn).
# shellcheck shell=bash disable=SC2154,SC2317

# What runs inside, by a unit of its own: a line for each thing that holds, and `ended` last.
inside_systemd() {
    set -u
    get() {
        exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
        printf 'GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n' "$2" >&3
        timeout 10 cat <&3
    }
    property() { systemctl show --property="$1" --value gatherd; }
    until_true() {
        local tries
        for ((tries = 0; tries < 300; tries++)); do
            if "$@" >/dev/null 2>&1; then return 0; fi
            sleep 0.1
        done
        return 1
    }
    check() {
        local what=$1
        shift
        if "$@" >/tmp/output 2>&1; then echo "ok  $what"; else echo "FAILED  $what: $(tail -3 /tmp/output)"; fi
    }
    dashboard() { get_200 /v1/customers/1/dashboard; }
    get_200() { get 8080 "$1" | grep '^HTTP/1.1 200 '; }
    replaced() { [[ $(property MainPID) != "$1" && ! -e /proc/$1 && $(property ActiveState) == active ]]; }
    restarted() { [[ $(property NRestarts) != 0 && $(property ActiveState) == active && $(property MainPID) != "$1" ]]; }
    # Several starts in a minute are what StartLimitBurst= is against.
    restart() { systemctl reset-failed gatherd; systemctl restart gatherd; }
    watchdog() {
        printf '[Service]\nWatchdogSec=%s\n' "$1" >/etc/systemd/system/gatherd.service.d/test.conf
        systemctl daemon-reload
        restart
    }
    # under_load NAME TIMES COMMAND: RATE requests a second meanwhile; how each ended is looked at outside.
    under_load() {
        local load number
        /generate 127.0.0.1 8080 128 300000 "$RATE" 10000 </kinds >"/records-$1" &
        load=$!
        sleep 1
        for ((number = 1; number <= $2; number++)); do
            if ! $3 >/tmp/output 2>&1; then echo "FAILED  $1, $number: $(tail -3 /tmp/output)"; fi
        done
        sleep 1
        kill -INT $load
        wait $load
        echo "ok  $1, $2 times under load"
    }
    hand_over() {
        local before
        before=$(property MainPID)
        systemctl kill --signal=USR2 --kill-whom=main gatherd
        until_true replaced "$before"
    }
    reload_changed() {
        sed -i "s|/v1/customers/{id}/changed[0-9]*|/v1/customers/{id}/changed$RANDOM|" /etc/gatherd/gatherd.yaml
        systemctl reload gatherd
    }
    # The journal has a line a moment after it was written.
    journal() { until_true bash -c "journalctl -u gatherd -o cat | grep -q -- '$1'"; }

    check "it runs after the boot" until_true systemctl is-active gatherd
    check "and gathers" until_true dashboard
    pid=$(property MainPID)
    check "as a user that exists meanwhile" awk '/^Uid:/ { exit !($2 >= 61184 && $2 <= 65519) }' "/proc/$pid/status"
    check "with a credential that only root reads elsewhere" bash -c "
        grep -qz '^CREDENTIALS_DIRECTORY=' /proc/$pid/environ && test -s /run/credentials/gatherd.service/secret_token"
    check "with system calls filtered" grep -q '^Seccomp:[[:space:]]2' "/proc/$pid/status"
    check "the journal has its lines as JSON" journal '"message":"serving 6 endpoints"'
    check "with the priorities of their levels" until_true bash -c "journalctl -u gatherd -o cat -p notice..notice | grep -q '\"serving'"

    sed -i 's|/v1/customers/{id}/summary|/v1/customers/{id}/changed|' /etc/gatherd/gatherd.yaml
    check "it is reloaded" systemctl reload gatherd
    check "and serves the new file" until_true get_200 /v1/customers/1/changed
    check "in the same process" test "$(property MainPID)" = "$pid"
    cp /etc/gatherd/gatherd.yaml /tmp/changed.yaml
    echo 'rubbish: 1' >>/etc/gatherd/gatherd.yaml
    systemctl reload gatherd || true
    check "a wrong file changes nothing" get_200 /v1/customers/1/changed
    check "and the journal says what is wrong" journal rubbish
    cp /tmp/changed.yaml /etc/gatherd/gatherd.yaml

    systemctl kill --signal=USR2 --kill-whom=main gatherd
    check "another process takes its place" until_true replaced "$pid"
    check "and gathers" dashboard
    check "without a restart" test "$(property NRestarts)" = 0
    pid=$(property MainPID)

    mkdir -p /etc/systemd/system/gatherd.service.d
    watchdog 2
    pid=$(property MainPID)
    check "it feeds its watchdog" bash -c 'sleep 5; test "$(systemctl show --property=NRestarts --value gatherd)" = 0'
    kill -STOP "$pid"
    check "stuck, it is started again" until_true restarted "$pid"
    check "because of the watchdog" journal Watchdog
    watchdog 600ms
    pid=$(property MainPID)
    # The demonstration has tasks that compute, and hold the loop on which they do.
    get 8080 '/tasks?compute=1s' >/dev/null &
    check "with a single loop that is blocked, it is started again" until_true restarted "$pid"
    watchdog 30
    pid=$(property MainPID)

    kill -KILL "$pid"
    check "killed, it is started again" until_true restarted "$pid"
    check "and gathers again" until_true dashboard

    cp /etc/gatherd/gatherd.yaml /tmp/good.yaml
    echo 'nonsense: 1' >>/etc/gatherd/gatherd.yaml
    systemctl reset-failed gatherd
    check "with a wrong configuration it does not start" bash -c '! systemctl restart gatherd'
    check "and the journal says why" journal nonsense
    cp /tmp/good.yaml /etc/gatherd/gatherd.yaml
    check "with the right one it does" restart
    check "and gathers once more" until_true dashboard
    systemctl stop gatherd
    check "its socket is opened" systemctl start gatherd.socket
    dashboard >/tmp/waited 2>&1 &
    check "which the connection starts" until_true systemctl is-active gatherd
    wait $!
    check "and is served" grep -q '^HTTP/1.1 200 ' /tmp/waited

    printf 'version: 1\nserver: { admin: "off" }\ndemo: {}\n' >/tmp/activated.yaml
    systemd-socket-activate -l 127.0.0.1:8089 --fdname=listen gatherd serve /tmp/activated.yaml 2>/tmp/activated.log &
    check "systemd-socket-activate starts it for a connection" until_true bash -c "$(declare -f get); get 8089 /hello | grep '^HTTP/1.1 200 '"
    kill $!

    sed -i -e 's|^server:|server:\n  timeouts: { lame_duck: 1s, shutdown: 4s }\n  limits: { lag: 10s }|' -e 's/deadline: 500ms/deadline: 10s/' \
        -e 's/timeout: [0-9]*ms/timeout: 9s/' /etc/gatherd/gatherd.yaml
    restart
    under_load reload 50 reload_changed
    under_load hand-over 20 hand_over
    under_load restart 20 restart

    check "it stops" systemctl stop gatherd.socket gatherd
    check "by itself" test "$(property Result):$(property ExecMainStatus)" = success:0
    check "its exposure is low" systemd-analyze security --threshold=14 gatherd
    echo ended
}

test_systemd() {
    local machine library libraries load
    need_command systemd-nspawn systemd-container
    need_command mmdebstrap mmdebstrap
    install_missing
    ((EUID == 0)) || fail "the test boots a container: it needs root"
    # shellcheck source=scripts/lib/package/test-deb.sh
    source scripts/lib/package/test-deb.sh
    need_command cc gcc
    need_package libc6-dev
    install_missing
    rm -rf "$scratch/root"
    new_root
    echo "systemd $systemd"
    make_deb "$version-1"
    machine=$scratch/root
    cc -O2 -o "$machine/generate" scripts/lib/bench/generate.c
    printf '60 /hello\n20 /v1/customers/1/settled\n10 /v1/customers/2/dashboard\n10 /tasks?sleep=1ms,2ms\n' >"$machine/kinds"
    cp "$deb" "$machine/new.deb"
    ok "the package is installed" inside dpkg -i /new.deb
    echo secret >"$machine/etc/gatherd/credentials/token"
    {
        echo '#!/bin/bash'
        echo "RATE=${RATE:-3000}"
        declare -f inside_systemd
        echo 'inside_systemd >/result 2>&1'
        echo 'systemctl poweroff --force'
    } >"$machine/test.sh"
    chmod 755 "$machine/test.sh"
    printf '[Unit]\nAfter=gatherd.service\n[Service]\nType=exec\nExecStart=/test.sh\nTimeoutStartSec=180\n' \
        >"$machine/etc/systemd/system/test.service"
    mkdir -p "$machine/etc/systemd/system/multi-user.target.wants"
    ln -s ../test.service "$machine/etc/systemd/system/multi-user.target.wants/test.service"
    # A program that is not for release needs Swift's libraries where it was linked.
    libraries=()
    if library=$(ldd "$gatherd" | grep -o '/[^ ]*libswiftCore.so'); then libraries=(--bind-ro="${library%/*}"); fi
    timeout 600 systemd-nspawn --quiet --register=no --keep-unit --private-network "${libraries[@]}" --directory="$machine" --boot \
        </dev/null >"$scratch/console" 2>&1 || true
    cat "$machine/result" || fail "systemd did not boot: $(tail -5 "$scratch/console")"
    ok "all of that holds" bash -c "grep -q '^ended' $machine/result && ! grep -q FAILED $machine/result"
    for load in reload hand-over restart; do
        echo "$load: $(python3 scripts/lib/bench/generator.py "$machine/kinds" "$machine/records-$load")"
    done | tee "$scratch/loads"
    ok "no request failed meanwhile" test "$(grep -c 'failed: none$' "$scratch/loads")" = 3
}
