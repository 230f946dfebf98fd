# shellcheck shell=bash
# The fleet program for scripts: where it is, and how it gets there.

# run_fleet ARGUMENT...: becomes target/release/fleet, built first if it is not there. FLEET_DIR and the composition are
# those of this checkout, wherever the script is called from.
run_fleet() {
  local fleet=${BIN_DIR:-${CARGO_TARGET_DIR:-$ROOT/target}/release}/fleet
  if [[ ! -x $fleet ]]; then
    [[ -z ${BIN_DIR:-} ]] || die "no program $fleet"
    build_programs
  fi
  export FLEET_DIR COMPOSE_FILE=${COMPOSE_FILE:-$ROOT/docker-compose.yml}
  exec "$fleet" "$@"
}

# wants_help ARGUMENT...: answered by the script itself, so that nothing needs to be built for it.
wants_help() {
  local argument
  for argument; do
    [[ $argument != -- ]] || return 1
    [[ $argument != @(-h|--help) ]] || return 0
  done
  return 1
}
