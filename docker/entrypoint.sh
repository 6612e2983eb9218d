#!/bin/sh
# Become one part of the product: prepare, web, worker, beat, models; or a command of manage.py.
set -eu
cd "$(dirname "$0")/.."
umask 077
case "${1:-web}" in
    prepare) exec python manage.py bootstrap ;;
    web | worker | beat | models) exec python scripts/supervise.py "${1:-web}" ;;
    manage) shift && exec python manage.py "$@" ;;
    *)
        echo "The part must be prepare, web, worker, beat, models or manage. Got $1." >&2
        exit 64
        ;;
esac
