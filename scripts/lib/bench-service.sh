# Sourced by scripts/bench: the service on one processor, load and upstream on another.
# shellcheck shell=bash
# shellcheck source=scripts/lib/process.sh
source "$root/scripts/lib/process.sh"

seconds=${1:-5}
connections=${2:-32}
[[ $connections =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]] || fail "expected numbers; see --help"

need_command wrk wrk
need_command nginx nginx-light
build_release
make_scratch
upstream_port=${UPSTREAM_PORT:-9001}
export BENCH_UPSTREAM=http://127.0.0.1:$upstream_port
service_processor=(taskset -c 0)
load_processor=(taskset -c 1)
if (($(nproc) < 2)); then
    echo "one processor: load and service share it, and rates mean little" >&2
    load_processor=("${service_processor[@]}")
fi
start_upstream "$upstream_port" "${load_processor[@]}"
start_service config/bench.yaml "${service_processor[@]}"

printf '%-10s %12s %12s %10s %10s %8s\n' endpoint 'CPU µs/req' 'requests/s' 'p50 µs' 'p99 µs' errors
for path in /hello /gather1 /gather8 /gather32; do
    run_wrk "http://$address$path" "$connections" 1 "${load_processor[@]}"
    before=$(cpu_us "$service")
    run_wrk "http://$address$path" "$connections" "$seconds" "${load_processor[@]}"
    used=$(($(cpu_us "$service") - before))
    ((requests > 0)) || fail "$path: no answer"
    printf '%-10s %11s %12s %10s %10s %8s\n' "${path#/}" \
        "$(awk "BEGIN { printf \"%.1f\", $used / $requests }")" "$rate" "$p50_us" "$p99_us" "$errors"
done
echo "memory at the end: $(($(rss_kib "$service") / 1024)) MiB"
