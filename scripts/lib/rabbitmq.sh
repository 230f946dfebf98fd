# shellcheck shell=bash
# The fleet's own RabbitMQ: a node with a name, a cookie, an epmd, a configuration and data of its own, on 127.0.0.1 only.
# It runs as whoever runs this script: Debian's user rabbitmq may not reach this folder.

# The ports beside AMQP's: distribution, epmd, and a range for rabbitmqctl.
rabbitmq_ports() {
  RABBIT_DIST_PORT=$((RABBITMQ_PORT + 1))
  RABBIT_EPMD_PORT=$((RABBITMQ_PORT + 2))
  RABBIT_CTL_PORT=$((RABBITMQ_PORT + 3))
}

require_free_rabbitmq() {
  rabbitmq_ports
  require_free rabbitmq "$RABBITMQ_PORT" RABBITMQ_PORT
  require_free rabbitmq "$RABBIT_DIST_PORT" RABBITMQ_PORT
  require_free epmd "$RABBIT_EPMD_PORT" RABBITMQ_PORT
  require_free rabbitmq "$RABBITMQ_MANAGEMENT_PORT" RABBITMQ_MANAGEMENT_PORT
  require_free rabbitmq "$RABBITMQ_PROMETHEUS_PORT" RABBITMQ_PROMETHEUS_PORT
}

launch_rabbitmq() {
  ! runs rabbitmq || { say "RabbitMQ already runs on 127.0.0.1:$RABBITMQ_PORT" && return; }
  say "starting RabbitMQ on 127.0.0.1:$RABBITMQ_PORT"
  rabbitmq_ports
  configure_rabbitmq
  # Started here, not by Erlang: so its id is known, and nobody else's epmd is used.
  runs epmd || spawn epmd "$LOGS/epmd.log" "$LOGS/epmd.log" "$(type -P epmd)" -address 127.0.0.1 -port "$RABBIT_EPMD_PORT"
  await epmd 10 listening "$RABBIT_EPMD_PORT"
  (
    rabbitmq_environment
    # Makes the script become the server instead of waiting for it: the recorded id is the server's.
    export RUNNING_UNDER_SYSTEMD=true
    spawn rabbitmq "$LOGS/rabbitmq.log" "$LOGS/rabbitmq.log" "$(rabbitmq_bin)/rabbitmq-server"
  )
}

# The port opens last, when the definitions are imported.
await_rabbitmq() { await rabbitmq 120 listening "$RABBITMQ_PORT"; }

configure_rabbitmq() {
  local home=$FLEET_DIR/rabbitmq
  mkdir -p "$home"
  chmod 700 "$home"
  (umask 077 && rabbitmq_definitions /pasdetrois >"$home/definitions.json")
  : >"$home/empty.env"
  echo '[].' >"$home/advanced.config"
  # Who is bound to what, and, in detail, who publishes where, for `fleet choreography --check`; and metrics.
  echo '[rabbitmq_management, rabbitmq_prometheus].' >"$home/enabled_plugins"
  cat >"$home/rabbitmq.conf" <<EOF
listeners.tcp.1 = 127.0.0.1:$RABBITMQ_PORT
load_definitions = $home/definitions.json
management.tcp.ip = 127.0.0.1
management.tcp.port = $RABBITMQ_MANAGEMENT_PORT
management.rates_mode = detailed
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $RABBITMQ_PROMETHEUS_PORT
log.file = false
log.console = true
log.console.level = info
log.console.use_colors = off
EOF
  [[ -e $home/.erlang.cookie ]] || (umask 377 && printf %s "$ERLANG_COOKIE" >"$home/.erlang.cookie")
}

rabbitmq_definitions() (
  # shellcheck disable=SC2046 # a word each
  export ADMIN_PASSWORD MONITOR_PASSWORD $(service_passwords)
  "$LIB/definitions" "$1"
)

# Everything that would otherwise be looked for in /etc/rabbitmq, /var/lib/rabbitmq or the user's environment.
rabbitmq_environment() {
  local home=$FLEET_DIR/rabbitmq port=$RABBITMQ_PORT
  # shellcheck disable=SC2086 # names to be split
  unset ${!RABBITMQ_*} ${!ERL_*} NOTIFY_SOCKET
  export HOME=$home LC_ALL=C.UTF-8 ERL_EPMD_PORT=$RABBIT_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1
  export RABBITMQ_NODENAME=pasdetrois@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port
  export RABBITMQ_DIST_PORT=$RABBIT_DIST_PORT
  export RABBITMQ_CTL_DIST_PORT_MIN=$RABBIT_CTL_PORT RABBITMQ_CTL_DIST_PORT_MAX=$((RABBIT_CTL_PORT + 10))
  export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
  export RABBITMQ_CTL_ERL_ARGS=$RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS
  export RABBITMQ_CONF_ENV_FILE=$home/empty.env RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf
  export RABBITMQ_CONFIG_FILES=$home/conf.d RABBITMQ_ADVANCED_CONFIG_FILE=$home/advanced.config
  export RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins
  export RABBITMQ_MNESIA_BASE=$home/data RABBITMQ_LOG_BASE=$home/log
}

stop_rabbitmq() {
  local attempt
  ! runs rabbitmq || say "stopping RabbitMQ"
  # Asked more than once: Erlang loses a signal that comes while it boots.
  for attempt in {1..20}; do
    ask_to_stop rabbitmq
    ! ends_within 3 rabbitmq || break
    ((attempt % 4)) || say "  … rabbitmq: $((attempt * 3)) s"
  done
  see_stopped 1 rabbitmq
  ask_to_stop epmd
  see_stopped 5 epmd
}

kill_rabbitmq() {
  ask_to_stop rabbitmq KILL
  see_stopped 5 rabbitmq
}

rabbitmqctl() (
  # It would start an epmd that nobody here knows.
  runs rabbitmq || die "RabbitMQ does not run"
  rabbitmq_ports
  rabbitmq_environment
  "$(rabbitmq_bin)/rabbitmqctl" --quiet "$@"
)

# A vhost with the users' permissions. The import may end after the command that asks for it.
create_vhost() {
  local file tick
  file=$(mktemp "$FLEET_DIR/rabbitmq/vhost.XXXXXX")
  rabbitmq_definitions "$1" >"$file"
  rabbitmqctl import_definitions "$file" >/dev/null
  rm "$file"
  for ((tick = 0; tick < 20; tick++)); do
    [[ $(rabbitmqctl list_permissions -p "$1" 2>/dev/null) != *monitor* ]] || return 0
  done
  die "RabbitMQ has not made the vhost $1: see $LOGS/rabbitmq.log"
}

drop_vhost() { rabbitmqctl delete_vhost "$1"; }
