# Sourced by scripts/package: what its tests share.
# shellcheck shell=bash disable=SC2154

# ok WHAT COMMAND...: says what holds; fails if the command does.
ok() {
    local what=$1
    shift
    "$@" >"$scratch/output" 2>&1 || fail "$what: no: $(cat "$scratch/output" "$scratch/gatherd.log" 2>/dev/null | tail -5)"
    echo "ok  $what"
}

# answers URL: until it does, for ten seconds; the answer's body is in $scratch/answer.
answers() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        if curl -fs --max-time 5 -o "$scratch/answer" "$1"; then return 0; fi
        sleep 0.1
    done
    return 1
}
