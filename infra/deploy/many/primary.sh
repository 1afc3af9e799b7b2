#!/bin/sh
# Run once, when the primary's folder is made, by a server that nobody reaches yet. The settings
# hold from its next start, and standbys copy them.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$(cat "$REPLICATION_PASSWORD_FILE")" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role replicator login replication password :'password';
alter system set hot_standby_feedback = on;
alter system set wal_writer_delay = '10ms';
alter system set wal_keep_size = '1GB';
alter system set max_connections = 200;
alter system set synchronous_standby_names = 'ANY 1 (standby1, standby2)';
SQL
echo "host replication replicator all scram-sha-256" >> "$PGDATA/pg_hba.conf"
