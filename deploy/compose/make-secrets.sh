#!/bin/sh
# Makes the secrets of compose.yaml that are missing, in deploy/compose/secrets; changes none that is there.
# The folder is for its owner alone; the files in it are readable, as containers run as another user.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets/passwords
chmod 755 secrets/passwords

keep() { # NAME CONTENT: write a secret unless it exists
    if [ ! -e "secrets/$1" ]; then
        printf '%s\n' "$2" >"secrets/$1"
        echo "made secrets/$1"
    fi
    chmod 444 "secrets/$1"
}

keep postgres-password "$(openssl rand -hex 24)"
keep database-url-superuser "postgresql://postgres:$(cat secrets/postgres-password)@postgres:5432/graftwatch"
for role in migrator ingest eligibility response safety notify console reader steward backup; do
    keep "passwords/graftwatch_$role" "$(openssl rand -hex 24)"
    keep "database-url-$role" "postgresql://graftwatch_$role:$(cat "secrets/passwords/graftwatch_$role")@postgres:5432/graftwatch"
done
keep pseudonym-key "$(openssl rand -hex 32)"
keep crosswalk-key "$(date +%Y):$(openssl rand -hex 32)"
keep grafana-password "$(openssl rand -hex 16)"

missing=0
for name in smtp-url oidc-client-secret; do
    if [ ! -s "secrets/$name" ]; then
        echo "missing secrets/$name: write it yourself ($name of your own mail server or identity provider)" >&2
        missing=1
    else
        chmod 444 "secrets/$name"
    fi
done
if [ "$missing" -eq 0 ]; then
    echo "All secrets are there. Keep pseudonym-key and crosswalk-key elsewhere too, apart from the backups of the database."
fi
exit "$missing"
