# shellcheck shell=bash
# The mail sink and the services: how they are started, with what settings, who starts them again, and how they are
# stopped.

# build_programs: all of them together, so that each dependency is built once, with the same features. Sets BIN_DIR.
build_programs() {
  PATH=$PATH:$HOME/.cargo/bin
  [[ -n $(type -P cargo) ]] || die "cargo is not installed: https://rustup.rs"
  say "building the programs (release; the first time takes minutes)"
  (cd "$ROOT" && cargo build --release --locked "${SERVICES[@]/#/-p}" -p cli -p drills -p mail-sink --bins >&2)
  BIN_DIR=$(realpath "${CARGO_TARGET_DIR:-$ROOT/target}/release")
}

# require_free_services: every port of a service or of the sink that does not run yet.
require_free_services() {
  local service port ops
  require_free mail-sink "$SMTP_PORT" SMTP_PORT
  require_free mail-sink "$MAIL_PORT" MAIL_PORT
  for service in "${SERVICES[@]}"; do
    port=${service^^}_PORT ops=${service^^}_OPS_PORT
    require_free "$service" "${!port}" "$port"
    require_free "$service" "${!ops}" "$ops"
  done
}

sink_settings() {
  echo "SMTP_ADDR=127.0.0.1:$SMTP_PORT"
  echo "HTTP_ADDR=127.0.0.1:$MAIL_PORT"
}

# service_settings NAME: what it is told, one NAME=value a line.
service_settings() {
  local port=${1^^}_PORT ops=${1^^}_OPS_PORT name
  echo "DATABASE_URL=$(database_url "$1" pasdetrois)"
  echo "AMQP_URL=$(amqp_url "$1" /pasdetrois)"
  echo "HTTP_ADDR=127.0.0.1:${!port}"
  echo "OPS_ADDR=127.0.0.1:${!ops}"
  echo "ADMIN_TOKEN=$ADMIN_TOKEN"
  echo "LOG_FORMAT=json"
  [[ $1 != customer ]] || echo "ACCESS_TOKEN_KEYS=local:$ACCESS_TOKEN_KEY"
  if [[ $1 == email ]]; then
    echo "SMTP_URL=smtp://127.0.0.1:$SMTP_PORT"
    echo "PUBLIC_URL=http://127.0.0.1:$EMAIL_PORT"
  fi
  if [[ $1 == flow_view ]]; then
    service_urls | grep -E '_(OPS_)?URL=http' | grep -Ev '^(FLOW_VIEW|SMTP)_'
    [[ -z ${JAEGER_URL:-} ]] || echo "JAEGER_URL=$JAEGER_URL"
  fi
  # All on one machine, by one clock: Jaeger takes the attribute for the host, and finds no clocks to adjust.
  echo "OTEL_RESOURCE_ATTRIBUTES=ip=127.0.0.1"
  for name in $(compgen -e RUST_) $(compgen -e OTEL_); do
    echo "$name=${!name}"
  done
  # The last word: what a drill has changed for a while.
  [[ ! -e $RUN/$1.override ]] || cat "$RUN/$1.override"
}

# launch NAME SETTING...: starts a program of ours, unless it runs with the same binary and settings already.
launch() {
  local name=$1 binary=$BIN_DIR/$1 print
  shift
  [[ -x $binary ]] || die "no program $binary"
  print=$(fingerprint "$binary" "$@")
  if runs "$name"; then
    [[ $print != "$(cat "$RUN/$name.started" 2>/dev/null)" ]] || { say "$name already runs" && return; }
    say "restarting $name: its binary or its settings have changed"
    ask_to_stop "$name"
    see_stopped 12 "$name"
  else
    say "starting $name"
  fi
  echo "$print" >"$RUN/$name.started"
  (
    bare_environment
    export "${@?}" # NAME=value each
    spawn "$name" "$LOGS/$name.jsonl" "$LOGS/$name.err" "$binary"
  )
}

fingerprint() {
  local binary=$1
  shift
  { stat -c '%i %Y %s' "$binary" && printf '%s\n' "$@"; } | sha256sum | cut -c1-16
}

# A stray DATABASE_URL in the user's shell must not reach a service: it gets its settings and what every program needs (and
# another time, if we are run by faketime).
bare_environment() {
  local name
  for name in $(compgen -e); do
    [[ $name == @(PATH|HOME|LANG|LC_*|TZ|TMPDIR|LD_PRELOAD|FAKETIME*) ]] || unset "$name"
  done
}

launch_sink() {
  local settings
  mapfile -t settings < <(sink_settings)
  launch mail-sink "${settings[@]}"
}

launch_service() {
  local settings
  mapfile -t settings < <(service_settings "$1")
  launch "$1" "${settings[@]}"
}

await_service() {
  local ops=${1^^}_OPS_PORT
  await "$1" 60 http_ok "${!ops}" /health/ready
}

# With our BIN_DIR, RUST_* and OTEL_*: what it starts again gets the settings that we gave.
launch_supervisor() {
  export FLEET_DIR BIN_DIR
  spawn supervisor "$LOGS/supervisor.log" "$LOGS/supervisor.log" "$LIB/supervisor"
}

stop_supervisor() {
  ask_to_stop supervisor
  see_stopped 10 supervisor
}

# What a drill that was killed may have left behind.
forget_drills() { rm -f "$RUN"/*.hold "$RUN"/*.override; }

# The services that run, by what was launched: one may have left the tree since.
running_services() {
  local file name
  for file in "$RUN"/*.started; do
    name=$(basename "$file" .started)
    [[ $name == mail-sink ]] || ! runs "$name" || echo "$name"
  done
}

# stop_services [NAME...]: these, or all. Side by side: each may take its ten seconds to finish what it does.
stop_services() {
  local service running=("$@")
  (($#)) || mapfile -t running < <(running_services)
  ((${#running[@]})) || return 0
  say "stopping ${running[*]}"
  for service in "${running[@]}"; do ask_to_stop "$service"; done
  see_stopped 12 "${running[@]}"
}

# Services that have left the tree.
stop_strangers() {
  local service
  for service in $(running_services); do
    [[ " ${SERVICES[*]} " == *" $service "* ]] || stop_services "$service"
  done
}

stop_sink() {
  runs mail-sink || return 0
  say "stopping mail-sink"
  ask_to_stop mail-sink
  see_stopped 5 mail-sink
}
