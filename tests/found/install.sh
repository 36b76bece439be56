#!/usr/bin/env bash
# Lays out a servers folder as people have it: each server installed as its README says, at versions that are pinned here.
# usage: install.sh FOLDER   (makes FOLDER/servers; needs node, npm and python 3.11 on PATH, and the registries)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
found=$1 servers=$1/servers
mkdir -p "$servers"

# What the recipes use themselves: uv, the tool that packs bundles, the client of the checks.
cp "$here"/package*.json "$found"
(cd "$found" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
python3 -m venv "$found/tools"
"$found/tools/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
mkdir "$found/bin" && ln -s ../tools/bin/uv "$found/bin/uv"
PATH=$found/bin:$PATH

own_files() { mkdir -p "$servers/$1" && cp -R "$here/servers/$1/." "$servers/$1"; }

# `npm install PACKAGE` in a folder of its own.
npm_install() {
    own_files "$1"
    (cd "$servers/$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

# The package's own files with what they depend on: a checkout after `npm install && npm run build`.
npm_checkout() {
    npm_install "$1"
    (
        cd "$servers/$1"
        rm -rf package.json package-lock.json node_modules/.bin node_modules/.package-lock.json
        cp -R "node_modules/$2/." . && rm -rf "node_modules/$2"
    )
}

# Only the program that a package of npm is made of, as a release page has it.
npm_program() {
    npm_install "$1"
    mv "$servers/$1/node_modules/$2" "$found/program"
    rm -rf "${servers:?}/$1"
    mkdir -p "$(dirname "$servers/$3")"
    mv "$found/program" "$servers/$3"
    chmod +x "$servers/$3"
}

# `uv pip install -r requirements.txt` in a folder with nothing else, or with a script.
requirements() {
    own_files "$1"
    uv venv --quiet --python 3.11 "$servers/$1/.venv"
    uv pip install --quiet --no-deps --python "$servers/$1/.venv/bin/python" -r "$servers/$1/requirements.txt"
}

# A source package of PyPI, unpacked: what `git clone` gives, its uv.lock included.
source_of() {
    mkdir -p "$servers/$1"
    "$found/tools/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary "$2" -d "$found/sources" "$2==$3"
    tar xzf "$found/sources/${2//-/_}-$3.tar.gz" -C "$servers/$1" --strip-components 1
}

# ... after `uv sync`.
source_synced() {
    source_of "$@"
    uv sync --quiet --frozen --no-dev --python 3.11 --project "$servers/$1"
}

npm_checkout everything @modelcontextprotocol/server-everything
npm_checkout reddit reddit-mcp-buddy
npm_checkout repository @cyanheads/git-mcp-server
npm_checkout figma figma-developer-mcp
npm_program slack slack-mcp-server-linux-amd64/bin/slack-mcp-server-linux-amd64 slack/slack-mcp-server
npm_install memory
npm_install files
npm_install calendar
npm_install context7
npm_install app
npm_install brave

# A bundle, packed and unpacked by the official tool.
npm_checkout thinking @modelcontextprotocol/server-sequential-thinking
(
    cd "$servers/thinking"
    mkdir server && mv package.json dist server
    "$found/node_modules/.bin/mcpb" pack . "$found/thinking.mcpb"
    rm -rf "$servers/thinking"
    "$found/node_modules/.bin/mcpb" unpack "$found/thinking.mcpb" "$servers/thinking"
) >/dev/null

requirements time
requirements excel
requirements old
own_files either
source_synced git mcp-server-git 2026.10.19
source_synced sqlite mcp-server-sqlite 2025.4.25
source_synced arxiv arxiv-mcp-server 0.8.2
# Renamed afterwards: the scripts of its venv name an interpreter that is no more.
source_synced search-old duckduckgo-mcp-server 0.7.0
mv "$servers/search-old" "$servers/search"
# Never synced; but its packages are in uv's cache, so that a start does not depend on the registry's speed.
source_synced shell mcp-shell-server 1.1.14
rm -rf "$servers/shell/.venv"

npm_program zone mcp-time-linux-x64/bin/mcp-time zone
npm_program cortex @temporal-cortex/cortex-mcp-linux-x64/bin/cortex-mcp cortex/cortex-mcp
npm_checkout cron mcp-cron-linux-amd64
cp -R "$here/../../servers/hello" "$servers/hello"

# What is no server, or none yet.
npm_checkout library zod
mkdir "$servers/documents" && cp "$here/../../README.md" "$servers/documents"
mkdir "$servers/submodule"
mkdir "$servers/unbuilt" && cp "$servers/everything/package.json" "$servers/unbuilt"
for n in 1 2 3 4 5; do # more than are started at once
    own_files hang
    mv "$servers/hang" "$servers/hang-$n"
done
cp -R "$servers/brave" "$servers/keyless"
