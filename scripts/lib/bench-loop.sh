# Sourced by scripts/bench: the event loop's operations, compared with those of other loops.
# shellcheck shell=bash

rounds=${1:-5}
[[ $rounds =~ ^[1-9][0-9]*$ ]] || fail "expected the number of rounds; see --help"

peers="$root/.build/loop-peers"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
mkdir -p "$peers"

# prepare_peer NAME COMMAND…: notes the peer as one to measure, or that it cannot be.
measured=(ours)
prepare_peer() {
    local name=$1
    shift
    if "$@" >"$peers/$name.log" 2>&1; then
        measured+=("$name")
    else
        echo "$name is left out: $(grep -iE 'error|not found|no module' "$peers/$name.log" | tail -1)" >&2
    fi
}

prepare_uvloop() {
    [[ -x $peers/venv/bin/python ]] || python3 -m venv "$peers/venv" || return 1
    "$peers/venv/bin/python" -c 'import uvloop' 2>/dev/null || "$peers/venv/bin/pip" install --quiet uvloop
}

prepare_nio() {
    swift build -c release --static-swift-stdlib --package-path scripts/lib/loop-peers/nio --scratch-path "$peers/nio"
}

run_peer() {
    case $1 in
    ours) .build/release/LoopBenchmark ;;
    asyncio) python3 scripts/lib/loop-peers/asyncio_loop.py asyncio ;;
    uvloop) "$peers/venv/bin/python" scripts/lib/loop-peers/asyncio_loop.py uvloop ;;
    nio) "$peers/nio/release/NIOLoop" ;;
    esac
}

prepare_build
swift build -c release --static-swift-stdlib --product LoopBenchmark >&2
prepare_peer asyncio python3 -c 'import asyncio'
prepare_peer uvloop prepare_uvloop
prepare_peer nio prepare_nio

# In turns, so that what else the machine does falls on all of them.
for ((round = 1; round <= rounds; round++)); do
    for peer in "${measured[@]}"; do
        echo "round $round of $rounds: $peer" >&2
        run_peer "$peer" >"$results/$peer.$round" || fail "$peer ended with an error"
        sed "s/^/$peer\t/" "$results/$peer.$round" >>"$results/all"
    done
done

awk -F '\t' -v rounds="$rounds" '
    !(($1, $2) in count) && $1 == "ours" { order[++rows] = $2 }
    { value[$1, $2, ++count[$1, $2]] = $3 }
    function median(peer, row,    n, i, j, kept, sorted) {
        n = count[peer, row]
        if (!n) return "-"
        for (i = 1; i <= n; i++) {
            kept = value[peer, row, i] + 0
            for (j = i - 1; j >= 1 && sorted[j] > kept; j--) sorted[j + 1] = sorted[j]
            sorted[j + 1] = kept
        }
        return written(sorted[int((n + 1) / 2)])
    }
    function written(ns) {
        if (ns < 10000) return sprintf("%d ns", ns)
        if (ns < 10000000) return sprintf("%.1f µs", ns / 1000)
        return sprintf("%.2f s", ns / 1000000000)
    }
    # mawk counts bytes: the two of "µ" are one column.
    function cell(text) { return sprintf(text ~ /µ/ && length("µ") == 2 ? " %12s" : " %11s", text) }
    END {
        printf "%-30s %11s %11s %11s %11s\n", "median of " rounds, "gatherd", "asyncio", "uvloop", "SwiftNIO"
        for (i = 1; i <= rows; i++) {
            row = order[i]
            printf "%-30s%s%s%s%s\n", row, cell(median("ours", row)), cell(median("asyncio", row)),
                cell(median("uvloop", row)), cell(median("nio", row))
        }
    }' "$results/all"
cat <<'NOTES'

spawn and join    a task that does nothing, awaited; NIO: a submitted callback and its future
gather of 8       eight of them side by side
hop               a task suspends and another wakes it, for each; NIO: a callback that schedules the next
yield             to the other runnable tasks: Task.yield, asyncio.sleep(0)
sleep             of 10,000 tasks that sleep 1 ms side by side, each; NIO: 10,000 scheduled callbacks
timer             started and cancelled; then among a million pending; then one of the million cancelled, a new one started
readiness         a byte is written to a pipe, and the task that waits for it goes on; NIO: no such thing below channels
thread round trip to the loop of another thread and back
day, sleeps       simulated time: the whole day, the whole gather. asyncio and uvloop have none; NIO: EmbeddedEventLoop

Where it is not fair: asyncio and uvloop run Python, whose interpreter is most of what they cost. SwiftNIO's figures are
callbacks, without a task's suspension, cancellation and isolation, so it has less to do. asyncio and uvloop forget a
cancelled timer later, in bulk; NIO looks for it among all that are pending.
NOTES
