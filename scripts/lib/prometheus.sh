# shellcheck shell=bash
# A Prometheus of the fleet's own, on 127.0.0.1 only: Docker's configuration, with the targets of this fleet.

launch_prometheus() {
  local home=$FLEET_DIR/prometheus
  configure_prometheus "$home"
  if runs prometheus; then
    say "Prometheus already runs on 127.0.0.1:$PROMETHEUS_PORT: it reads its configuration again"
    kill -HUP "$(pid_of prometheus)"
    return
  fi
  say "starting Prometheus on 127.0.0.1:$PROMETHEUS_PORT"
  spawn prometheus "$LOGS/prometheus.log" "$LOGS/prometheus.log" "$(type -P prometheus)" \
    --config.file="$home/prometheus.yml" --storage.tsdb.path="$home/data" --web.listen-address="127.0.0.1:$PROMETHEUS_PORT"
}

await_prometheus() { await prometheus 60 http_ok "$PROMETHEUS_PORT" /-/ready; }

configure_prometheus() {
  local home=$1 service ops
  mkdir -p "$home/targets"
  cp "$LIB"/monitoring/{prometheus,alerts}.yml "$home"
  for service in "${SERVICES[@]}"; do
    ops=${service^^}_OPS_PORT
    echo "- { labels: { job: $service }, targets: [\"127.0.0.1:${!ops}\"] }"
  done >"$home/targets/services.yml"
  echo "- { targets: [\"127.0.0.1:$RABBITMQ_PROMETHEUS_PORT\"] }" >"$home/targets/rabbitmq.yml"
}

stop_prometheus() {
  runs prometheus || return 0
  say "stopping Prometheus"
  ask_to_stop prometheus
  see_stopped 30 prometheus
}

kill_prometheus() {
  ask_to_stop prometheus KILL
  see_stopped 5 prometheus
}
