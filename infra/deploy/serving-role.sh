#!/bin/sh
# Run once, when PostgreSQL's folder is made: the role of services, with a password. `rostra init`
# gives it what it needs.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$(cat "$SERVING_PASSWORD_FILE")" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role rostra_serving login password :'password';
SQL
