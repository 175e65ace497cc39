#!/bin/sh
# Run once by Postgres's image, on an empty volume: Conserje's user owns its database and is no superuser.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/postgres_conserje)" <<'SQL'
CREATE ROLE conserje LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE conserje OWNER conserje;
SQL
