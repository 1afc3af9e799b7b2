#!/bin/sh
# Copy the primary at the first start, then follow it: standby.sh NAME [OPTION OF postgres]…
# To make a standby again, give it an empty volume.
set -eu
name=$1
shift
PGPASSWORD=$(cat "$REPLICATION_PASSWORD_FILE")
export PGPASSWORD
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$(dirname "$PGDATA")"
    rm -rf "$PGDATA.copied"
    until pg_basebackup --pgdata "$PGDATA.copied" --checkpoint=fast --write-recovery-conf \
        --dbname "host=$PRIMARY_HOST port=${PRIMARY_PORT:-5432} user=replicator application_name=$name"
    do
        rm -rf "$PGDATA.copied"
        sleep 1
    done
    chmod 700 "$PGDATA.copied"
    mv "$PGDATA.copied" "$PGDATA"
fi
exec postgres -D "$PGDATA" "$@"
