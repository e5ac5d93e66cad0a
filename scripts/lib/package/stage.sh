# Sourced by the scripts that put gatherd on a machine or into a package: what is installed, and where.
# shellcheck shell=bash

# build_manual DIRECTORY: manual pages of the program and its commands, by swift-argument-parser's own generator. Pages of
# commands are named with a hyphen, which is where `man gatherd serve` looks.
build_manual() {
    local checkout=$root/.build/checkouts/swift-argument-parser tool=$root/.build/manual/debug/generate-manual page name
    if [[ ! -x $tool ]]; then
        if ! command -v swift >/dev/null; then
            echo "without the manual, whose generator is in Swift" >&2
            return
        fi
        echo "building the generator of the manual" >&2
        [[ -d $checkout ]] || swift package -q resolve >&2
        swift build -q --package-path "$checkout" --scratch-path "$root/.build/manual" --product generate-manual \
            -Xswiftc -suppress-warnings >&2
    fi
    mkdir -p "$1"
    "$tool" "$gatherd" --multi-page --date "$(git log -1 --format=%cs 2>/dev/null || date +%F)" --output-directory "$1" >&2
    rm "$1/gatherd.help.1"
    for page in "$1"/gatherd.*.1; do
        name=${page##*/gatherd.}
        name=${name%.1}
        # What the page is called, and what is typed.
        sed -i -e "s/^\.Nm \"gatherd $name\"/.Nm gatherd-$name/; s/^\.Nm\$/.Nm \"gatherd $name\"/" \
            -e "s/^\.Ex -std/.Ex -std \"gatherd $name\"/; s/^\.Dt GATHERD\./.Dt GATHERD-/" "$page"
        mv "$page" "$1/gatherd-$name.1"
    done
    sed -i '/^\.Xr gatherd\.help/d; s/^\.Xr gatherd\./.Xr gatherd-/' "$1/gatherd.1"
    # An empty line of a help text is a paragraph in mdoc.
    sed -i 's/^$/.Pp/' "$1"/*.1
    chmod 644 "$1"/*.1
}

# unit_for UNIT PREFIX SYSTEMD_VERSION: the unit as that version of systemd reads it, on standard output.
unit_for() {
    local reload=
    if (($3 < 253)); then
        # shellcheck disable=SC2016
        reload='s/^Type=notify-reload$/Type=notify\nExecReload=\/bin\/sh -c "kill -HUP ${MAINPID}"/'
    fi
    sed -e "s|/usr/bin/gatherd|$2/bin/gatherd|" -e "$reload" "config/systemd/$1"
}

# systemd_version: of this machine; a recent one where there is none.
systemd_version() {
    local version
    version=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    echo "${version:-253}"
}

# stage DIRECTORY PREFIX: all files but the units, as they are to lie under the directory.
stage() {
    local to=$1 prefix=$2 share=$1$2/share zsh=vendor-completions shell
    [[ $prefix == /usr ]] || zsh=site-functions
    install -Dm755 "$gatherd" "$to$prefix/bin/gatherd"
    build_manual "$share/man/man1"
    install -d "$share/bash-completion/completions" "$share/zsh/$zsh" "$share/fish/vendor_completions.d"
    declare -A completions=(
        [bash]=bash-completion/completions/gatherd
        [zsh]=zsh/$zsh/_gatherd
        [fish]=fish/vendor_completions.d/gatherd.fish
    )
    for shell in "${!completions[@]}"; do
        # It is sourced, not run.
        "$gatherd" --generate-completion-script "$shell" | sed '1{/^#!/d}' >"$share/${completions[$shell]}"
        chmod 644 "$share/${completions[$shell]}"
    done
    install -d "$share/gatherd"
    "$gatherd" schema >"$share/gatherd/gatherd.schema.json"
    chmod 644 "$share/gatherd/gatherd.schema.json"
    install -Dm644 -t "$share/doc/gatherd" README.md CHANGELOG.md SECURITY.md
    install -Dm644 -t "$share/doc/gatherd/config" config/README.md config/SIMULATION.md
    install -d "$to/etc/gatherd"
    # Only root reads what systemd then passes on as credentials.
    install -dm700 "$to/etc/gatherd/credentials"
    install -Dm644 config/gatherd.yaml "$to/etc/gatherd/gatherd.yaml"
    install -Dm644 config/systemd/gatherd.default "$to/etc/default/gatherd"
}
