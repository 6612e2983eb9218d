#!/usr/bin/env bash
# Set up all that the tests need, then run them: fast ones in parallel, the rest one by one.
# With SERVERS=1 all of them work on PostgreSQL and Redis, else on SQLite and files, except for a
# part of the fast ones, which runs on both.
set -uo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh dev || exit 1

export HF_HUB_OFFLINE=1 YOLO_OFFLINE=true NUMBA_THREADING_LAYER=workqueue

install_from_debian() { # program, package
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "== Installing $2 from Debian"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"; } >/dev/null || true
    fi
    command -v "$1" >/dev/null && return
    missing+=("$2")
}
missing=()
install_from_debian chromium chromium
install_from_debian redis-server redis-server

log="$(mktemp -d)"
trap 'rm -rf "$log"' EXIT
status=0

servers=()
[ -n "${SERVERS:-}" ] && servers=(.venv/bin/python -m tests.servers)

phase() { # name, arguments of pytest
    local name="$1"
    shift
    echo "== $name"
    "${servers[@]}" .venv/bin/pytest "$@" < /dev/null 2>&1 | tee "$log/$name"
    local code="${PIPESTATUS[0]}"
    # 5: nothing collected, as in a folder whose tests are all of another phase.
    [ "$code" = 0 ] || [ "$code" = 5 ] || status=1
}

FAST="not e2e and not services and not gpu and not cudasim"
phase parallel -n 2 -m "$FAST" tests
if [ -z "${SERVERS:-}" ] && command -v redis-server >/dev/null; then
    servers=(.venv/bin/python -m tests.servers)
    phase servers -n 2 -m "$FAST" tests/apps
    servers=()
fi
if [ -d tests/kernels ]; then
    NUMBA_ENABLE_CUDASIM=1 phase simulator -m "cudasim" tests/kernels
fi
phase alone -m "e2e or services" tests

if [ "${#missing[@]}" -gt 0 ]; then
    echo
    echo "!! Not on this machine, and not to be installed: ${missing[*]}."
    echo "!! The tests that need them were SKIPPED. Install them (apt-get install ${missing[*]}) and run again."
    [ "${CI:-}" = true ] && status=1
fi
echo
echo "== Summary"
for name in parallel servers simulator alone; do
    [ -f "$log/$name" ] && printf '%-10s %s\n' "$name" "$(tail -n 1 "$log/$name")"
done
# The last line is pytest's own.
tail -n 1 "$log/alone"
exit "$status"
