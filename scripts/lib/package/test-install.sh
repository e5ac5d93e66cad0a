# Sourced by scripts/package: scripts/install into a directory, and out of it again.
# shellcheck shell=bash disable=SC2154

test_install() {
    local to=$scratch/machine configuration
    configuration=$to/etc/gatherd/gatherd.yaml
    export GATHERD=$gatherd DESTDIR=$to
    ok "it is installed" scripts/install
    ok "the program starts" "$to/usr/local/bin/gatherd" check "$configuration"
    ok "the unit names it" grep -qx 'ExecStart=/usr/local/bin/gatherd serve .*' "$to/usr/local/lib/systemd/system/gatherd.service"
    echo "# changed here" >>"$configuration"
    cp "$configuration" "$scratch/changed.yaml"
    ok "it is installed again" scripts/install
    ok "a changed configuration is kept" cmp "$scratch/changed.yaml" "$configuration"
    ok "with the new one next to it" cmp config/gatherd.yaml "$configuration.new"
    ok "it is taken away" scripts/install --uninstall
    ok "but for the configuration" cmp "$scratch/changed.yaml" "$configuration"
    ok "it is installed once more" scripts/install
    ok "and taken away with all" scripts/install --uninstall --purge
    ok "nothing is left" test -z "$(find "$to" -type f)"
    unset DESTDIR
}
