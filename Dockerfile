# syntax=docker/dockerfile:1
# Two images: the last stage, `proxy`, is one static binary and nothing else, for servers that run elsewhere or are
# static binaries themselves; `runtimes` has node, python and uv beside it, for all others. docs/docker.md
#
#   docker build -t mcp-proxy --target runtimes .
#   docker buildx build --platform linux/amd64,linux/arm64,linux/arm/v7 -t mcp-proxy .

# Runs on the machine that builds, whatever is built for: nothing is compiled under emulation.
FROM --platform=$BUILDPLATFORM rust:1.95-slim-bookworm AS toolchain
# No versions of Debian's packages are named: a stable release takes the old ones away.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
ARG TARGETARCH
ARG TARGETVARIANT
RUN case "$TARGETARCH$TARGETVARIANT" in \
        amd64*) target=x86_64-unknown-linux-musl ;; \
        arm64*) target=aarch64-unknown-linux-musl ;; \
        armv7) target=armv7-unknown-linux-musleabihf ;; \
        *) echo "no binary is made for $TARGETARCH $TARGETVARIANT" >&2; exit 1 ;; \
    esac \
    && echo "$target" >/target

FROM toolchain AS compile
WORKDIR /source
COPY . .
# QUICK=1: see scripts/build-static
ARG QUICK
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target,sharing=locked \
    rm -rf target/static \
    && scripts/build-static "$(cat /target)" \
    && cp target/static/mcp-proxy-*"$(cat /target)" /mcp-proxy \
    && mkdir /empty

# What both images get. `--build-context binary=FOLDER` puts a binary in its place that was made before:
# FOLDER/mcp-proxy, and an empty FOLDER/empty.
FROM scratch AS binary
COPY --from=compile /mcp-proxy /mcp-proxy
COPY --from=compile /empty /empty

FROM node:22-bookworm-slim AS runtimes
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && pip3 install --no-cache-dir --break-system-packages uv==0.13.9
COPY --from=binary /mcp-proxy /mcp-proxy
# A new volume takes the owner of the folder it covers: whoever runs this can write there, and nowhere else.
COPY --from=binary --chown=1000:1000 /empty /state
COPY --from=binary --chown=1000:1000 /empty /cache
COPY --from=binary --chown=1000:1000 /empty /servers
# The servers' HOME: what npx and uvx download stays in its volume.
ENV HOME=/cache \
    MCP_PROXY_LISTEN=0.0.0.0:3000 \
    MCP_PROXY_SERVERS=/servers \
    MCP_PROXY_STATE_DIR=/state
# A proxy.toml is looked for here.
WORKDIR /etc/mcp-proxy
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/mcp-proxy", "healthcheck"]
ENTRYPOINT ["/mcp-proxy"]

# The authorities it trusts are in the binary: no file of certificates is needed.
FROM scratch AS proxy
COPY --from=binary /mcp-proxy /mcp-proxy
COPY --from=binary --chown=1000:1000 /empty /state
COPY --from=binary --chown=1000:1000 /empty /servers
COPY --from=binary /empty /etc/mcp-proxy
ENV MCP_PROXY_LISTEN=0.0.0.0:3000 \
    MCP_PROXY_SERVERS=/servers \
    MCP_PROXY_STATE_DIR=/state
WORKDIR /etc/mcp-proxy
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/mcp-proxy", "healthcheck"]
ENTRYPOINT ["/mcp-proxy"]
