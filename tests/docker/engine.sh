# An engine for images and containers out of Debian's packages: buildah builds, podman runs and speaks Docker's API to
# the real `docker compose`. Sourced by scripts/test-docker.

# buildah and podman keep everything in the folder $1, and need no systemd. Images stay there for the next run.
configure_engine() {
    local files
    files=$(ulimit -Hn)
    [ "$files" != unlimited ] || files=1048576
    mkdir -p "$1"
    cat >"$1/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$1/images"
runroot = "$1/run"
END
    cat >"$1/containers.conf" <<END
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=4096:4096"]
[network]
network_backend = "netavark"
network_config_dir = "$1/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "$1/tmp"
volume_path = "$1/volumes"
END
    export CONTAINERS_STORAGE_CONF=$1/storage.conf CONTAINERS_CONF=$1/containers.conf
    export BUILDAH_ISOLATION=chroot
}

# The engine answers on $DOCKER_HOST from now on; its process is $engine.
start_engine() {
    export DOCKER_HOST=unix://$work/engine.sock
    podman system service --time=0 "$DOCKER_HOST" >"$work/engine.log" 2>&1 &
    engine=$!
    until [ -S "$work/engine.sock" ]; do
        kill -0 "$engine" || { cat "$work/engine.log"; return 1; }
        sleep 0.1
    done
}

# stand_in IMAGE FOLDER [VARIABLE=VALUE…]: an image out of a root folder. It trusts whom this machine trusts, as a build
# at home trusts whom its own base image does.
stand_in() {
    podman image exists "$1" && return
    local image=$1 folder=$2 container variables=()
    for variable in "${@:3}" {PIP_CERT,SSL_CERT_FILE,NODE_EXTRA_CA_CERTS,CARGO_HTTP_CAINFO}=/etc/ssl/machine.pem; do
        variables+=(--env "$variable")
    done
    container=$(buildah from scratch)
    buildah add -q "$container" "$folder" / >/dev/null
    buildah add -q "$container" /etc/ssl/certs/ca-certificates.crt /etc/ssl/machine.pem >/dev/null
    buildah config "${variables[@]}" "$container"
    buildah commit -q --rm "$container" "$image" >/dev/null
}
