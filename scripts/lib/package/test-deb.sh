# Sourced by scripts/package: the package in a new Debian.
# shellcheck shell=bash disable=SC2154

# new_root: a minimal Debian of this release, or of RELEASE, in $scratch/root, with what gatherd depends on; kept for the next time.
new_root() {
    # shellcheck disable=SC1091
    local archive release
    release=${RELEASE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
    archive=$out/root-$release.tar
    if [[ ! -f $archive ]]; then
        echo "making a root file system of $release" >&2
        mmdebstrap --quiet --format=tar --variant=minbase --include=libcurl4,libssl3,libstdc++6,ca-certificates,systemd "$release" "$archive.new"
        mv "$archive.new" "$archive"
    fi
    mkdir "$scratch/root"
    tar -C "$scratch/root" -xf "$archive" --exclude='./dev/*'
    mkdir -p "$scratch/root/dev" "$scratch/root/proc"
    systemd=$(chroot "$scratch/root" systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
}

# inside COMMAND...: in that root, which has /dev and /proc for so long, and variables of inside_environment.
inside_environment=()
inside() {
    # shellcheck disable=SC2016
    unshare --mount -- sh -c 'root=$1; shift
        mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" && exec chroot "$root" "$@"' \
        sh "$scratch/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
        "${inside_environment[@]}" "$@"
}

# files: all that there is in that root but dpkg's own.
files() {
    find "$scratch/root"/{etc,usr,var,opt,srv,home,root} \
        ! -path '*/var/lib/dpkg/*' ! -path '*/var/log/*' ! -path '*/var/cache/*' | sort
}

test_deb() {
    local new old configuration service pid port=${PORT:-25000} unit=lib/systemd/system/gatherd.service
    ((EUID == 0)) || fail "the test makes a root file system and mounts: it needs root"
    need_command mmdebstrap mmdebstrap
    install_missing
    new_root
    # The previous version: another number, and a configuration that has since changed.
    make_deb "$version-1"
    new=$deb
    (echo "# As an earlier version had it." && cat config/gatherd.yaml) >"$scratch/earlier.yaml"
    make_deb "$version~earlier-1" "$scratch/earlier.yaml"
    old=$deb
    cp "$old" "$scratch/root/old.deb"
    cp "$new" "$scratch/root/new.deb"
    configuration=$scratch/root/etc/gatherd/gatherd.yaml
    files >"$scratch/before"

    ok "the earlier version is installed" inside dpkg -i /old.deb
    ok "the service is enabled" test -L "$scratch/root/etc/systemd/system/multi-user.target.wants/gatherd.service"
    ok "the socket is not" test ! -e "$scratch/root/etc/systemd/system/sockets.target.wants/gatherd.socket"
    ok "systemd finds nothing wrong with the units" inside systemd-analyze verify --man=no gatherd.service gatherd.socket
    ok "and has nothing to say of them" test ! -s "$scratch/output"
    ok "the service's exposure is below 1.5" inside bash -c "systemd-analyze security --offline=yes --threshold=14 /$unit"
    tail -1 "$scratch/output"
    ok "the configuration is right" inside gatherd check /etc/gatherd/gatherd.yaml
    ok "credentials are root's" test "$(stat -c %a:%u "$scratch/root/etc/gatherd/credentials")" = 700:0
    ok "manual, completions and schema are there" bash -c "
        cd $scratch/root/usr/share && test -s gatherd/gatherd.schema.json -a -s man/man1/gatherd-serve.1.gz -a -s bash-completion/completions/gatherd \
        -a -s zsh/vendor-completions/_gatherd -a -s fish/vendor_completions.d/gatherd.fish"

    inside_environment=("GATHERD_LISTEN=$port" "GATHERD_ADMIN=$((port + 1))" "GATHERD_SHOP=127.0.0.1:$((port + 2))")
    inside setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
        gatherd serve /etc/gatherd/gatherd.yaml --log-format json 2>"$scratch/gatherd.log" &
    service=$!
    ok "it gathers, as a user without rights" answers "http://127.0.0.1:$port/v1/customers/1/dashboard"
    pid=$(listener_of "$port")
    started+=("$pid")
    ok "SIGTERM ends it" kill -TERM "$pid"
    ok "with status 0" wait "$service"

    ok "an upgrade replaces an unchanged configuration" inside dpkg -i /new.deb
    ok "by the new one" cmp config/gatherd.yaml "$configuration"
    ok "the earlier version comes back" inside dpkg -i /old.deb
    echo "# changed here" >>"$configuration"
    cp "$configuration" "$scratch/changed.yaml"
    ok "an upgrade with a changed configuration" inside dpkg --force-confold -i /new.deb
    ok "keeps it" cmp "$scratch/changed.yaml" "$configuration"
    ok "and puts the new one next to it" cmp config/gatherd.yaml "$configuration.dpkg-dist"
    ok "the new version is there" bash -c "chroot $scratch/root dpkg-query -W -f '\${Version}' gatherd | grep -qx '$version-1'"

    ok "it is removed" inside dpkg --remove gatherd
    ok "without its program and units" bash -c "! test -e $scratch/root/usr/bin/gatherd && ! test -e $scratch/root/$unit"
    ok "but with the configuration" cmp "$scratch/changed.yaml" "$configuration"
    ok "it is purged" inside dpkg --purge gatherd
    files >"$scratch/after"
    ok "and nothing is left" diff "$scratch/before" "$scratch/after"
}
