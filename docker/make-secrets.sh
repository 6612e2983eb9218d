#!/bin/sh
# Write the secrets of a new installation into docker/secrets, once; what is there stays.
set -eu
folder="${1:-$(dirname "$0")/secrets}"
mkdir -p "$folder"
chmod 700 "$folder"

random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
plain() { random 24 | tr '+/' '-_'; } # may stand in an address
# Readable by all inside a folder that is not: containers see the file alone, as another user.
keep() { # name, value
    [ -e "$folder/$1" ] && return
    printf '%s' "$2" > "$folder/$1.draft"
    chmod 444 "$folder/$1.draft"
    mv "$folder/$1.draft" "$folder/$1"
    echo "wrote $folder/$1"
}

keep database_password "$(plain)"
keep database_url "postgresql://assay:$(cat "$folder/database_password")@database:5432/assay"
keep broker_password "$(plain)"
keep broker_url "redis://:$(cat "$folder/broker_password")@broker:6379/0"
keep secret_key "$(random 48)"
keep encryption_key "$(random 32)"
keep admin_password "$(plain)"
echo "KEEP A COPY of $folder/encryption_key in a safe place: without it no data can be read again."
