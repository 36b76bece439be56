#!/usr/bin/env bash
# Installs the published clients and servers of the tests into FOLDER, once for each change of the lists, and copies
# what uses them there. Needs npm, python 3.11, and the registries at the first run.
# usage: tests/real/install.sh FOLDER
set -euo pipefail
lists=$(dirname "$(realpath "$0")")
real=$1

mkdir -p "$real"
wanted=$(cat "$lists/package-lock.json" "$lists/requirements.txt" | sha256sum)
if [ "$(cat "$real/installed" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$real" && mkdir -p "$real"
    cp "$lists/package.json" "$lists/package-lock.json" "$real"
    (cd "$real" && npm ci --no-audit --no-fund --loglevel=error)
    python3 -m venv "$real/venv"
    "$real/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$lists/requirements.txt"
    echo "$wanted" >"$real/installed"
fi
cp -R "$lists"/*.mjs "$lists"/*.py "$lists"/servers "$lists"/oauth "$real"
