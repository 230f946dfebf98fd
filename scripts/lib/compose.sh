# shellcheck shell=bash
# What runs beside the fleet of docker compose, in a container of the profile `tests`.

# run_in_compose SERVICE ARGUMENT...: becomes that container, its image built first.
run_in_compose() {
  local terminal=()
  cd "$ROOT"
  [[ -n $(type -P docker) ]] || die "docker is not installed; without it scripts/up starts a fleet"
  [[ -n $(docker compose ps --quiet customer) ]] || die "docker compose runs no fleet here: docker compose up -d --build --wait"
  [[ -t 0 && -t 1 ]] || terminal=(-T)
  exec docker compose --profile tests run --rm --build --no-deps "${terminal[@]}" "$@"
}
