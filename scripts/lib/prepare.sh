# Sourced by the scripts: where the project is, and how to install what the machine lacks.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Paths in arguments are the caller's.
# shellcheck disable=SC2034
caller=$PWD
cd "$root" || exit 1

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# Prints the comment at the head of the script, which is its manual.
show_help() {
    sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p;}' "$1"
    exit 0
}

missing=()

# need_command COMMAND PACKAGE: notes the package if there is no such command.
need_command() {
    command -v "$1" >/dev/null || missing+=("$2")
}

# need_package PACKAGE: notes the package if it is not installed; other systems than Debian's are not asked.
need_package() {
    command -v dpkg >/dev/null || return 0
    [[ $(dpkg -s "$1" 2>/dev/null) =~ Status:\ [^$'\n']*\ installed ]] || missing+=("$1")
}

# Installs what was noted, by apt. Where nothing is missing, apt is not called.
install_missing() {
    local as_root=()
    ((${#missing[@]} > 0)) || return 0
    command -v apt-get >/dev/null || fail "install these packages first: ${missing[*]}"
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "install these packages first: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    echo "installing ${missing[*]}" >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "${missing[@]}" </dev/null >&2
    missing=()
}

# What every build needs in addition to Swift.
prepare_build() {
    command -v swift >/dev/null || fail "Swift 6.3 is needed: https://www.swift.org/install/linux/"
    need_command git git
    need_command pkg-config pkg-config
    need_package ca-certificates
    need_package libc6-dev
    need_package libcurl4-openssl-dev
    need_package libssl-dev
    need_package libyaml-dev
    need_package zlib1g-dev
    # Swift links against the C++ library of the system's compiler, of whatever version that is.
    compgen -G '/usr/lib/gcc/*/*/libstdc++.so' >/dev/null || missing+=(g++)
    install_missing
}

# Builds the program that is measured and deployed. The Swift runtime is linked in: it is faster, and one file to copy.
build_release() {
    prepare_build
    swift build -c release --static-swift-stdlib --product gatherd
    # shellcheck disable=SC2034
    gatherd="$root/.build/release/gatherd"
}

# program NAME: the absolute path of a program that the caller named.
program() {
    local path
    path=$(cd "$caller" && realpath -- "$1")
    [[ -f $path && -x $path ]] || fail "$1 is no program"
    echo "$path"
}

# Sets gatherd: the program that GATHERD names, or a new build.
choose_gatherd() {
    install_missing
    if [[ -n ${GATHERD:-} ]]; then gatherd=$(program "$GATHERD"); else build_release >&2; fi
}
