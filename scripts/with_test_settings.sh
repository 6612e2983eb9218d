#!/usr/bin/env bash
# Run a command under the settings of the tests, whose home is thrown away.
set -euo pipefail
cd "$(dirname "$0")/.."
DJANGO_SETTINGS_MODULE=tests.settings exec "$@"
