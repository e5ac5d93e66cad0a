# Sourced by scripts/package: the image's root file system as a container would run it, between real upstreams.
# shellcheck shell=bash disable=SC2154

# contained COMMAND...: as process 1 of its own, as the image's user and without a capability, with the image as a root that
# cannot be written, and config/compose/gatherd.yaml for its configuration. The network is this machine's.
contained() {
    # shellcheck disable=SC2016
    exec unshare --mount --pid --fork --kill-child -- sh -c 'image=$1; configuration=$2; shift 2
        mount --bind "$image" "$image" && mount --bind "$configuration" "$image/etc/gatherd/gatherd.yaml" &&
        mount -t proc proc "$image/proc" && mount -o remount,bind,ro "$image" &&
        exec setpriv --no-new-privs chroot --userspec=65532:65532 "$image" "$@"' \
        sh "$image" "$root/config/compose/gatherd.yaml" "$@"
}

test_image() {
    local port=${PORT:-25000} service pid nginx orders megabytes environment
    ((EUID == 0)) || fail "the test mounts and changes its user: it needs root"
    PATH=$PATH:/usr/sbin
    need_command nginx nginx-light
    need_command strip binutils
    install_missing
    make_image
    megabytes=$(du -sm "$image" | cut -f1)
    ok "the image has $megabytes MB, which is below 60" test "$megabytes" -lt 60
    ok "it has no shell" test -z "$(find "$image" -name sh -o -name bash -o -name busybox)"

    # The upstreams of compose.yaml, by Debian's nginx and this Python.
    printf 'daemon off; pid %s/nginx.pid; error_log stderr; events {} http { access_log off; client_body_temp_path %s/body;
        server { listen 127.0.0.1:%d; root %s/config/compose/customers; } }' "$scratch" "$scratch" $((port + 3)) "$root" \
        >"$scratch/nginx.conf"
    nginx -c "$scratch/nginx.conf" -e stderr 2>"$scratch/nginx.log" &
    nginx=$!
    python3 -m http.server --bind 127.0.0.1 --directory config/compose/orders $((port + 4)) >/dev/null 2>&1 &
    orders=$!
    started+=("$nginx" "$orders")
    ok "nginx has the customers" answers "http://127.0.0.1:$((port + 3))/1.json"
    ok "Python has the orders" answers "http://127.0.0.1:$((port + 4))/a-1001.json"

    environment=(GATHERD_LISTEN=":$port" GATHERD_ADMIN="127.0.0.1:$((port + 1))" CUSTOMERS="http://127.0.0.1:$((port + 3))"
        ORDERS="http://127.0.0.1:$((port + 4))")
    env -i PATH="$PATH" "${environment[@]}" bash -c "$(declare -f contained); image=$image root=$root contained /usr/bin/gatherd serve \
        /etc/gatherd/gatherd.yaml --log-format json" 2>"$scratch/gatherd.log" &
    service=$!
    ok "it gathers from both" answers "http://127.0.0.1:$port/customers/1"
    ok "and answers with both" grep -q '"customer":{"id": 1.*"orders":\[{"order": 1001' "$scratch/answer"
    ok "on every address" answers "http://127.0.0.2:$port/customers/1"
    pid=$(listener_of "$port")
    started+=("$pid")
    ok "as user 65532" grep -q '^Uid:[[:space:]]65532[[:space:]]65532' "/proc/$pid/status"
    ok "without a capability" grep -q '^CapPrm:[[:space:]]0000000000000000' "/proc/$pid/status"
    ok "or a way to one" grep -q '^NoNewPrivs:[[:space:]]1' "/proc/$pid/status"
    ok "as process 1" grep -q '^NSpid:.*[[:space:]]1$' "/proc/$pid/status"
    ok "on a root that cannot be written" bash -c "! touch /proc/$pid/root/etc/x"
    ok "it is healthy" "$image/usr/bin/gatherd" healthcheck "127.0.0.1:$((port + 1))"
    kill -TERM "$orders"
    wait "$orders" || true
    ok "without the orders it answers" answers "http://127.0.0.1:$port/customers/1"
    ok "with the fallback" grep -q '"orders":\[\]}' "$scratch/answer"
    ok "SIGTERM ends it" kill -TERM "$pid"
    ok "with status 0" wait "$service"
    ok "then it is not healthy" bash -c "! $image/usr/bin/gatherd healthcheck 127.0.0.1:$((port + 1))"
}
