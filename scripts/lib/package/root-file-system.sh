#!/usr/bin/env bash
# root-file-system.sh PROGRAM DIRECTORY: lays out what gatherd needs to run from that directory as its root. Used by
# config/Containerfile and by scripts/package image.
set -euo pipefail
program=$1
to=$2
mkdir -p "$to"/{dev,etc/gatherd,etc/ssl/certs,proc,sys,tmp,usr/bin}
install -m755 "$program" "$to/usr/bin/gatherd"
strip "$to/usr/bin/gatherd"

# The libraries that the loader finds, under the names that it finds them by; the loader itself is the line without an arrow.
ldd "$program" | awk '/=> \// { print $3 } /^\t\// { print $1 }' | while IFS= read -r library; do
    install -Dm755 "$(realpath "$library")" "$to$library"
done

install -m644 /etc/ssl/certs/ca-certificates.crt "$to/etc/ssl/certs/"
install -m644 config/gatherd.yaml "$to/etc/gatherd/"
echo 'gatherd:x:65532:65532::/:/usr/bin/gatherd' >"$to/etc/passwd"
echo 'gatherd:x:65532:' >"$to/etc/group"
# Without it the C library would ask for no name in /etc/hosts.
echo 'hosts: files dns' >"$to/etc/nsswitch.conf"
