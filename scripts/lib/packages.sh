# shellcheck shell=bash
# Finds the programs of Postgres, RabbitMQ, Chromium and Prometheus, and installs Debian's packages if they are missing.
# shellcheck disable=SC2030,SC2031 # $saved lives in the subshell of install_packages, and its helpers run there

# The folder of the newest Postgres, or of the version that made the data.
postgres_bin() {
  local data=$FLEET_DIR/postgres/data candidates=(/usr/lib/postgresql/*/bin)
  if [[ -s $data/PG_VERSION && -x /usr/lib/postgresql/$(<"$data/PG_VERSION")/bin/postgres ]]; then
    echo "/usr/lib/postgresql/$(<"$data/PG_VERSION")/bin"
  elif [[ -x ${candidates[0]}/postgres ]]; then
    printf '%s\n' "${candidates[@]}" | sort -V | tail -n 1
  else
    folder_of postgres
  fi
}

# The folder of RabbitMQ's own scripts. The ones in Debian's /usr/sbin switch users and folders.
rabbitmq_bin() {
  if [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; then
    echo /usr/lib/rabbitmq/bin
  else
    folder_of rabbitmq-server
  fi
}

folder_of() {
  local program
  program=$(type -P "$1") && dirname "$(realpath "$program")"
}

# need_programs postgres|rabbitmq|chromium|prometheus...
need_programs() {
  local server packages=()
  for server; do
    case $server in
      postgres) postgres_bin >/dev/null 2>&1 || packages+=(postgresql) ;;
      rabbitmq) rabbitmq_bin >/dev/null 2>&1 || packages+=(rabbitmq-server) ;;
      chromium) [[ -n $(type -P chromium) && -n $(type -P chromedriver) ]] || packages+=(chromium chromium-driver) ;;
      prometheus) [[ -n $(type -P prometheus) && -n $(type -P promtool) ]] || packages+=(prometheus) ;;
    esac
  done
  ((${#packages[@]})) || return 0
  if ((EUID)) || [[ -z $(type -P apt-get) ]]; then
    die "not installed: ${packages[*]} (Debian's names); install them, or run this as root on Debian"
  fi
  say "installing Debian's packages ${packages[*]} (programs only: no system server is started)"
  logged install install_packages "${packages[@]}"
}

# Debian starts the servers it installs and makes a Postgres cluster. We want the programs alone: nothing may appear
# on 5432, 5672 or 4369. Both habits are switched off for the time of the installation only.
install_packages() (
  export DEBIAN_FRONTEND=noninteractive
  policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.conf saved=$(mktemp -d)
  trap 'restore_file policy $policy; restore_file cluster $cluster; rmdir "$saved"' EXIT
  save_file policy $policy
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  set -x
  apt-get update
  if [[ " $* " == *" postgresql "* ]]; then
    apt_install postgresql-common
    save_file cluster $cluster
    printf '\ncreate_main_cluster = false\n' >>$cluster
  fi
  apt_install "$@"
)

apt_install() { apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; }

# save_file NAME PATH, restore_file NAME PATH: a file that was not there is removed again.
save_file() {
  if [[ -e $2 ]]; then cp -a "$2" "$saved/$1"; else : >"$saved/$1.absent"; fi
}

restore_file() {
  if [[ -e $saved/$1 ]]; then
    mv "$saved/$1" "$2"
  elif [[ -e $saved/$1.absent ]]; then
    rm -f "$2" "$saved/$1.absent"
  fi
}
