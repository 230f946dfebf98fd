# shellcheck shell=bash
# The programs for scripts: where they are, and how they get there.

# run_program NAME ARGUMENT...: becomes target/release/NAME, built first if it is not there. FLEET_DIR and the composition are
# those of this checkout, wherever the script is called from.
run_program() {
  local program=${BIN_DIR:-${CARGO_TARGET_DIR:-$ROOT/target}/release}/$1
  shift
  if [[ ! -x $program ]]; then
    [[ -z ${BIN_DIR:-} ]] || die "no program $program"
    build_programs
  fi
  export FLEET_DIR COMPOSE_FILE=${COMPOSE_FILE:-$ROOT/docker-compose.yml}
  exec "$program" "$@"
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
