# Sourced by scripts/package: makes the package and the image's root file system.
# shellcheck shell=bash disable=SC2154

# make_deb VERSION [CONFIGURATION]: builds the package, with another configuration than the tree's if one is named.
make_deb() {
    local version=$1 work=$out/gatherd-$1
    rm -rf "$work"
    mkdir -p "$work/debian/source"
    stage "$work/tree" /usr
    if [[ -n ${2:-} ]]; then install -m644 "$2" "$work/tree/etc/gatherd/gatherd.yaml"; fi
    cp config/debian/* "$work/debian/"
    sed -i "s/@MAINTAINER@/$maintainer/" "$work/debian/control"
    chmod 755 "$work/debian/rules"
    echo '3.0 (quilt)' >"$work/debian/source/format"
    unit_for gatherd.service /usr "$systemd" >"$work/debian/gatherd.service"
    unit_for gatherd.socket /usr "$systemd" >"$work/debian/gatherd.socket"
    printf 'gatherd (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' \
        "$version" "$maintainer" "$(git log -1 --format=%cD)" >"$work/debian/changelog"
    (cd "$work" && dpkg-buildpackage --build=binary --unsigned-changes --unsigned-buildinfo) >"$out/build.log" 2>&1 ||
        fail "the package was not built: $(tail -20 "$out/build.log")"
    deb=$out/gatherd_${version}_$(dpkg --print-architecture).deb
}

prepare_deb() {
    command -v dpkg >/dev/null || fail "a Debian package is built on Debian or Ubuntu"
    need_command dpkg-buildpackage dpkg-dev
    need_command dh debhelper
    need_command lintian lintian
    need_package build-essential
    install_missing
    choose_gatherd
    mkdir -p "$out"
    maintainer="${DEBFULLNAME:-gatherd developers} <${DEBEMAIL:-gatherd@example.org}>"
    version=$("$gatherd" --version)
    # That of the machine that it is for.
    systemd=$(systemd_version)
}

# Sets image: the root file system of config/Containerfile, by the script that makes it there.
make_image() {
    image=$out/image
    rm -rf "$image"
    mkdir -p "$out"
    scripts/lib/package/root-file-system.sh "$gatherd" "$image"
}
