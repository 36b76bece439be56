# The images, built from the Dockerfile. Sourced by scripts/test-docker.

native=$(dpkg --print-architecture)
base() { sed -n "s/^FROM .*\b\($1:[^ ]*\).*/docker.io\/library\/\1/p" Dockerfile; }
[ -n "$binary" ] && rust=debian || rust=rust
stand_in "$(base rust)" "$kept/stand-ins/$rust"
stand_in "$(base node)" "$kept/stand-ins/node"

# build TARGET PLATFORM IMAGE [OPTION…]
build() { buildah bud --quiet --layers --pull-never --format docker --target "$1" --platform "linux/$2" -t "$3" "${@:4}" .; }
in_image() { podman image mount "$1"; }
# is EXPECTED FOUND
is() { [ "$2" = "$1" ] || { echo "it is $2, not $1"; return 1; }; }
field() { podman image inspect --format "$2" "$1"; }

printf 'FROM scratch\nCOPY . /\n' >"$work/context"
check 'the build is sent its sources' \
    buildah bud --quiet --pull-never --ignorefile .dockerignore -f "$work/context" -t context .
check '... and nothing of servers/, .git or target/' \
    is 'Cargo.lock Cargo.toml README.md scripts src tests' "$(ls "$(in_image context)" | xargs)"

# As buildx would, but on a base image of this machine's own platform: there is no other.
for_platform() { build toolchain "$native" toolchain --build-arg "TARGETARCH=$1" --build-arg "TARGETVARIANT=$2"; }
mapped() { for_platform "$1" "$2" && is "$3" "$(cat "$(in_image toolchain)/target")"; }
check 'linux/amd64 is compiled for x86_64' mapped amd64 '' x86_64-unknown-linux-musl
check 'linux/arm64 is compiled for aarch64' mapped arm64 v8 aarch64-unknown-linux-musl
check 'linux/arm/v7 is compiled for armv7' mapped arm v7 armv7-unknown-linux-musleabihf
check 'another platform is refused by name' says 'no binary is made for riscv64' refused for_platform riscv64 ''

if [ -n "$binary" ]; then
    mkdir -p "$work/binary/empty"
    cp "$binary" "$work/binary/mcp-proxy"
    ready=(--build-context "binary=$work/binary")
else
    ready=(--build-arg QUICK=1)
fi
for target in runtimes proxy; do
    check "the image $target is built" build $target "$native" "mcp-proxy:$target" "${ready[@]}"
    check '... for a user without rights' is 1000:1000 "$(field "mcp-proxy:$target" '{{.Config.User}}')"
    check '... that asks itself whether it is well' \
        is '[/mcp-proxy healthcheck]' "$(field "mcp-proxy:$target" '{{.HealthCheck.Test}}' | sed 's/CMD //')"
done
contents() { (cd "$(in_image mcp-proxy:proxy)" && find . -mindepth 1 | sort | xargs); }
check 'proxy holds the binary and nothing else' is './etc ./etc/mcp-proxy ./mcp-proxy ./servers ./state' "$(contents)"
runs() { podman run --rm --network none --read-only --entrypoint "$1" mcp-proxy:runtimes --version; }
for program in node npm npx python3 uv uvx git; do check "runtimes has $program" runs $program; done
# What is compiled here is compiled quickly, and no measure of what is released.
if [ -n "$binary" ]; then
    check 'proxy is of a size for a small machine' [ "$(field mcp-proxy:proxy '{{.Size}}')" -lt 12000000 ]
    for arm in arm64 arm/v7; do
        check "proxy is put together for linux/$arm" build proxy "$arm" "proxy-${arm%/*}" "${ready[@]}" --no-cache
        check '... and says so' is "linux/${arm%/*}" "$(field "proxy-${arm%/*}" '{{.Os}}/{{.Architecture}}')"
    done
fi
