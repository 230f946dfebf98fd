# shellcheck shell=bash
# A Jaeger of the fleet's own, on 127.0.0.1 only: the release that docker-compose.yml names, built from its Go module once
# and kept in a cache that outlives this checkout.

# Jaeger's releases of 2.x are modules of 1.x: 2.10.0 is v1.73.0.
JAEGER_RELEASE=2.10.0
JAEGER_MODULE=github.com/jaegertracing/jaeger/cmd/jaeger@v1.73.0
JAEGER_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pas-de-trois/jaeger-$JAEGER_RELEASE

# can_have_jaeger: whether it is built, or Go is there to build it.
can_have_jaeger() { [[ -x $JAEGER_CACHE/jaeger || -n $(type -P go) ]]; }

need_jaeger() {
  [[ ! -x $JAEGER_CACHE/jaeger ]] || return 0
  [[ -n $(type -P go) ]] || die "Go is not installed: Jaeger $JAEGER_RELEASE is built from its Go module"
  say "building Jaeger $JAEGER_RELEASE (once, minutes)"
  logged jaeger-build build_jaeger
}

# Under another name until it is whole: an interrupted build is no Jaeger.
build_jaeger() (
  mkdir -p "$JAEGER_CACHE"
  cd "$JAEGER_CACHE"
  rm -f go.mod go.sum
  go mod init jaeger
  go get -tool "$JAEGER_MODULE"
  go build -o jaeger.new "${JAEGER_MODULE%@*}"
  mv jaeger.new jaeger
)

launch_jaeger() {
  need_jaeger
  if runs jaeger; then
    say "Jaeger already runs on 127.0.0.1:$JAEGER_PORT"
    return
  fi
  say "starting Jaeger on 127.0.0.1:$JAEGER_PORT (OTLP on $OTLP_PORT)"
  mkdir -p "$FLEET_DIR/jaeger"
  jaeger_config >"$FLEET_DIR/jaeger/config.yml"
  spawn jaeger "$LOGS/jaeger.log" "$LOGS/jaeger.log" "$JAEGER_CACHE/jaeger" --config "$FLEET_DIR/jaeger/config.yml"
}

# As the image does by default: everything in memory. Its own metrics would take a port that others have.
jaeger_config() {
  cat <<YAML
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [jaeger_storage_exporter] }
  telemetry:
    metrics: { level: none }
    logs: { level: warn }
extensions:
  jaeger_query:
    storage: { traces: memory }
    http: { endpoint: "127.0.0.1:$JAEGER_PORT" }
    grpc: { endpoint: "127.0.0.1:0" }
  jaeger_storage:
    backends:
      memory: { memory: { max_traces: 100000 } }
receivers:
  otlp:
    protocols:
      http: { endpoint: "127.0.0.1:$OTLP_PORT" }
processors:
  batch:
exporters:
  jaeger_storage_exporter: { trace_storage: memory }
YAML
}

await_jaeger() { await jaeger 30 http_ok "$JAEGER_PORT" /api/services; }

stop_jaeger() {
  runs jaeger || return 0
  say "stopping Jaeger"
  ask_to_stop jaeger
  see_stopped 10 jaeger
}

kill_jaeger() {
  ask_to_stop jaeger KILL
  see_stopped 5 jaeger
}
