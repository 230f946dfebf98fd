# shellcheck shell=bash
# The fleet program for scripts: where it is, and how it gets there.

# run_fleet ARGUMENT...: becomes target/release/fleet, built first if it is not there. FLEET_DIR and the composition are
# those of this checkout, wherever the script is called from.
run_fleet() {
  local fleet=${BIN_DIR:-${CARGO_TARGET_DIR:-$ROOT/target}/release}/fleet
  [[ -x $fleet ]] || build_fleet
  export FLEET_DIR COMPOSE_FILE=${COMPOSE_FILE:-$ROOT/docker-compose.yml}
  exec "$fleet" "$@"
}

build_fleet() {
  [[ -z ${BIN_DIR:-} ]] || die "no program $BIN_DIR/fleet"
  PATH=$PATH:$HOME/.cargo/bin
  [[ -n $(type -P cargo) ]] || die "cargo is not installed: https://rustup.rs"
  say "building the fleet program (release; the first time takes minutes)"
  (cd "$ROOT" && cargo build --release --locked -p cli >&2)
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
