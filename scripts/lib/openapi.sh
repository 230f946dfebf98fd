# shellcheck shell=bash disable=SC2154
# The step `openapi` of scripts/test: what services say of their APIs is valid, and true.

# Each service's two descriptions. What one of the tools can't be had for is said, and the other still runs.
openapi() {
  local redocly schemathesis service port url
  build
  BIN_DIR=$TARGET/debug run "$HERE/up"
  redocly=$(need_redocly) || skip "redocly $REDOCLY_VERSION can't be had here: it needs npm"
  schemathesis=$(need_schemathesis) || skip "schemathesis $SCHEMATHESIS_VERSION can't be had here: it needs Python's venv and pip"
  load_secrets
  for service in "${SERVICES[@]}"; do
    for port in "${service^^}_PORT" "${service^^}_OPS_PORT"; do
      url=http://127.0.0.1:${!port}
      http_get "${!port}" /openapi.json | sed '1,/^\r$/d' >"$FLEET_DIR/$port.json"
      [[ -z $redocly ]] || REDOCLY_TELEMETRY=off run "$redocly" lint --format=stylish "$FLEET_DIR/$port.json"
      [[ -z $schemathesis ]] || hostile "$schemathesis" "$url"
    done
  done
}

# hostile PROGRAM URL: all checks. Left out is what never ends (a stream), and a replay: it reads histories for real.
# It leaves notes where it is called, so that is the folder that goes.
hostile() {
  run env -C "$FLEET_DIR" "$1" --config-file "$LIB/schemathesis.toml" run --url "$2" --header "Authorization: Bearer $ADMIN_TOKEN" \
    --checks all --max-examples 15 --seed 1 --exclude-path /flows/stream --exclude-path /admin/replay \
    --request-timeout 15 --no-color "$2/openapi.json"
}
