# shellcheck shell=bash
# The fleet's own Postgres: on 127.0.0.1 only, no Unix socket, passwords for everybody.

# Postgres refuses to run as root: then it runs as the user of Debian's package.
AS_POSTGRES=()
((EUID)) || AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --init-groups)

launch_postgres() {
  local data
  ! runs postgres || { say "Postgres already runs on 127.0.0.1:$POSTGRES_PORT" && return; }
  say "starting Postgres on 127.0.0.1:$POSTGRES_PORT"
  place_postgres
  data=$(postgres_home)/data
  [[ -d $data ]] || logged postgres init_postgres
  forget_dead_postmaster "$data/postmaster.pid"
  # Terse: Postgres' DETAIL repeats values, and logs hold no personal data.
  spawn postgres "$LOGS/postgres.log" "$LOGS/postgres.log" "${AS_POSTGRES[@]}" "$(postgres_bin)/postgres" -D "$data" \
    -p "$POSTGRES_PORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 \
    -c log_error_verbosity=terse -c timezone=UTC -c log_timezone=UTC
}

await_postgres() {
  await postgres 60 postgres_answers
  create_database pasdetrois
}

postgres_answers() { "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_PORT"; }

# Without links: Postgres may reach the folder itself, but not ours.
postgres_home() { realpath "$FLEET_DIR/postgres"; }

# .fleet/postgres is a folder of the user that runs Postgres. If that user cannot reach it (a clone under /root, say),
# it is a link to a folder beside the data of Debian's own clusters.
place_postgres() {
  local home=$FLEET_DIR/postgres elsewhere
  [[ ! -e $home ]] || return 0
  rm -f "$home" # a link to nowhere
  mkdir -m 700 "$home"
  ((EUID == 0)) || return 0
  chown postgres: "$home"
  if ! "${AS_POSTGRES[@]}" test -w "$home"; then
    elsewhere=~postgres/pasdetrois-$(sha256sum <<<"$home" | cut -c1-12)
    rmdir "$home"
    rm -rf "$elsewhere" # of an earlier fleet in this place, whose passwords are gone
    install -d -m 700 -o postgres -g postgres "$elsewhere"
    ln -s "$elsewhere" "$home"
  fi
}

# Under another name until it is complete: an interrupted start must not leave half a cluster.
init_postgres() {
  local home
  home=$(postgres_home)
  rm -rf "$home/new"
  (umask 077 && cat >"$home/password") <<<"$POSTGRES_PASSWORD"
  ((EUID)) || chown postgres: "$home/password"
  cd /
  "${AS_POSTGRES[@]}" "$(postgres_bin)/initdb" -D "$home/new" --username=postgres --pwfile="$home/password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
  rm "$home/password"
  mv "$home/new" "$home/data"
}

# After a crash, another program may bear the id in Postgres' own lock file, and Postgres would refuse to start.
forget_dead_postmaster() {
  local pid
  read -r pid 2>/dev/null <"$1" || return 0
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$(dirname "$1")" || rm -f "$1"
}

stop_postgres() {
  runs postgres || return 0
  say "stopping Postgres"
  ask_to_stop postgres INT # "fast": ends the sessions and does not wait for them
  see_stopped 30 postgres
}

# With its children, which would keep the shared memory a moment longer and make the next start fail.
kill_postgres() {
  local pid children child
  pid=$(pid_of postgres) || return 0
  read -r children 2>/dev/null <"/proc/$pid/task/$pid/children" || children=
  # shellcheck disable=SC2086 # to be split
  kill -KILL "$pid" $children 2>/dev/null || true
  see_stopped 5 postgres
  for child in $children; do
    while began "$child" >/dev/null; do sleep 0.01; done
  done
}

# psql_to DATABASE ARGUMENT...: with the passwords that roles.sql reads.
psql_to() (
  # shellcheck disable=SC2086 # names to be split
  unset ${!PG*}
  # shellcheck disable=SC2046 # a word each
  export $(service_passwords) PGPASSWORD=$POSTGRES_PASSWORD PGOPTIONS=--client-min-messages=warning
  "$(postgres_bin)/psql" -Xq -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres -d "$1" "${@:2}"
)

# A database with the roles, their schemas and nothing else. Harmless if it exists.
create_database() {
  local exists
  exists=$(psql_to postgres -Atc "SELECT 1 FROM pg_database WHERE datname = '$1'")
  [[ -n $exists ]] || psql_to postgres -c "CREATE DATABASE \"$1\""
  psql_to "$1" -f "$LIB/roles.sql"
}

drop_database() { psql_to postgres -c "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)"; }
