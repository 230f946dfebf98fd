# shellcheck shell=bash
# What every script here shares: where things are, messages, ports, and processes known by their recorded id.
# Scripts source this file alone; it brings the other parts.

# What a shell may have exported that would change what is meant here: CDPATH leads cd elsewhere (and makes it print where), and
# by locale "i" in capitals, a decimal point and the order of names differ.
unset CDPATH
export LC_ALL=C.UTF-8

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
LIB=$ROOT/scripts/lib
FLEET_DIR=$(realpath -m "${FLEET_DIR:-$ROOT/.fleet}")
RUN=$FLEET_DIR/run
LOGS=$FLEET_DIR/logs

# shellcheck source=fleet.sh
source "$LIB/fleet.sh"

# All below 32768, where the kernel's range for outgoing connections begins: what it hands out there is not free when we start.
DEFAULT_PORTS=(
  POSTGRES_PORT=25432 RABBITMQ_PORT=26720 RABBITMQ_MANAGEMENT_PORT=15680 RABBITMQ_PROMETHEUS_PORT=15690
  SMTP_PORT=1025 MAIL_PORT=8025
  "${SERVICE_PORTS[@]}" PROMETHEUS_PORT=9090
  JAEGER_PORT=16686 OTLP_PORT=4318
)

# --- messages: progress on stderr, results on stdout -------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# The comment at the top of the calling script is its help.
print_help() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }

misuse() {
  say "error: $*"
  print_help >&2
  exit 2
}

# fail NAME MESSAGE...: dies with the last lines of what NAME wrote.
fail() {
  local name=$1 log
  shift
  for log in "$LOGS/$name".{log,jsonl,err}; do
    [[ -s $log ]] || continue
    say "--- the last lines of $log"
    tail -n 20 "$log" >&2
    say "---"
  done
  die "$*"
}

# --- one script at a time in a fleet's folder --------------------------------------------------------------------------

# Descriptor 9 holds the lock; what is started must not inherit it.
lock() {
  mkdir -p "$RUN" "$LOGS"
  exec 9>"$RUN/lock"
  flock -n 9 || {
    say "waiting for another script that works on $FLEET_DIR"
    flock 9
  }
}

# --- ports -------------------------------------------------------------------------------------------------------------

# Sets every port: the environment's, else the default plus PORT_OFFSET, else the one this folder's fleet was given. The
# services' public and operations ports are 1000 apart: with an offset of 1000 those of one fleet would be others of the next,
# so to them it is added twice.
choose_ports() {
  local entry name default recorded wanted offset
  for entry in "${DEFAULT_PORTS[@]}"; do
    name=${entry%=*} default=${entry#*=} offset=${PORT_OFFSET:-}
    [[ -z $offset || " ${SERVICE_PORTS[*]} " != *" $entry "* ]] || offset=$((2 * offset))
    recorded=$(sed -n "s/^$name=//p" "$RUN/ports" 2>/dev/null || true)
    wanted=${!name:-}
    [[ -n $wanted || -z $offset ]] || wanted=$((default + offset))
    wanted=${wanted:-${recorded:-$default}}
    [[ $wanted =~ ^[0-9]+$ && $wanted -lt 65536 ]] || die "$name is not a port: $wanted"
    if [[ -n $recorded && $wanted != "$recorded" ]] && anything_runs; then
      die "what runs in $FLEET_DIR has $name=$recorded, not $wanted: stop it before changing ports (scripts/down)"
    fi
    printf -v "$name" %s "$wanted"
  done
}

record_ports() {
  local entry name
  for entry in "${DEFAULT_PORTS[@]}"; do
    name=${entry%=*}
    echo "$name=${!name}"
  done >"$RUN/ports"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# holder_of PORT: the program that listens there and its process id, as far as this user may see it.
holder_of() {
  local inode fd pid
  inode=$(awk -v "port=:$(printf %04X "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null || true)
  for fd in /proc/[0-9]*/fd/*; do
    [[ -n $inode && $(readlink "$fd" 2>/dev/null || true) == "socket:[$inode]" ]] || continue
    pid=${fd#/proc/} pid=${pid%%/*}
    echo "$(<"/proc/$pid/comm"), process $pid" && return
  done
  echo "another user's program, or one in another namespace"
}

# require_free NAME PORT VARIABLE: unless NAME is ours and runs, its port must be free.
require_free() {
  runs "$1" || ! listening "$2" ||
    die "port $2, wanted for $1, is in use by $(holder_of "$2"): free it, or choose another with $3=… (all: PORT_OFFSET=…)"
}

# --- processes ---------------------------------------------------------------------------------------------------------

# run/NAME.pid holds a process id and when that process began, in clock ticks: ids are used again, the pair is not.
# A file left by a crash therefore never gets another program killed.

began() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # shellcheck disable=SC2086 # to be split: the fields after the program's name, the first of them the state
  set -- ${stat##*) }
  [[ $1 != [ZX] ]] && echo "${20}"
}

pid_of() {
  local pid since
  { read -r pid && read -r since; } 2>/dev/null <"$RUN/$1.pid" || return 1
  [[ $(began "$pid") == "$since" ]] && echo "$pid"
}

runs() { pid_of "$1" >/dev/null; }

anything_runs() {
  local file
  for file in "$RUN"/*.pid; do
    ! runs "$(basename "$file" .pid)" || return 0
  done
  return 1
}

# spawn NAME STDOUT STDERR COMMAND...: starts it in a session of its own, which Ctrl-C and a closed terminal do not reach.
# The id is recorded before the program begins: whenever we are interrupted, what runs can be stopped.
spawn() {
  local name=$1 out=$2 err=$3
  shift 3
  rm -f "$RUN/$name.pid"
  (
    cd /
    pid=$BASHPID
    printf '%s\n' "$pid" "$(began "$pid")" >"$RUN/$name.pid"
    exec setsid "$@"
  ) </dev/null >>"$out" 2>>"$err" 9>&- &
  until [[ -s $RUN/$name.pid ]]; do sleep 0.01; done
}

# ask_to_stop NAME [SIGNAL]
ask_to_stop() {
  local pid
  ! pid=$(pid_of "$1") || kill "-${2:-TERM}" "$pid" 2>/dev/null || true
}

# ends_within SECONDS NAME
ends_within() {
  local deadline=$((SECONDS + $1))
  while runs "$2"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# see_stopped SECONDS NAME...: waits until all have ended, at last by force.
see_stopped() {
  local deadline=$((SECONDS + $1)) limit=$1 name
  shift
  for name; do
    if ! ends_within $((deadline - SECONDS)) "$name"; then
      say "$name has not stopped within $limit s: killing it"
      ask_to_stop "$name" KILL
      ends_within 5 "$name" || die "$name cannot be killed"
    fi
    rm -f "$RUN/$name.pid"
  done
}

# await NAME SECONDS COMMAND...: until COMMAND succeeds; NAME must not end before that.
await() {
  local name=$1 limit=$2 start=$SECONDS told=0 elapsed
  shift 2
  until "$@"; do
    runs "$name" || fail "$name" "$name ended while it started"
    elapsed=$((SECONDS - start))
    ((elapsed < limit)) || fail "$name" "$name is not ready after $limit s"
    if ((elapsed >= told + 5)); then
      say "  … $name: $elapsed s" && told=$elapsed
    fi
    sleep 0.1
  done
}

# logged NAME COMMAND...: runs it with its output in logs/NAME.log, and says now and then that it still does.
# Ctrl-C does not reach it: half an installation helps nobody. It keeps the lock until it is done.
logged() {
  local name=$1 start=$SECONDS tick=0 job
  shift
  "$@" </dev/null >>"$LOGS/$name.log" 2>&1 &
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    sleep 0.1
    ((++tick % 100)) || say "  … $name: $((SECONDS - start)) s"
  done
  wait "$job" || fail "$name" "$name failed"
}

# http_get PORT PATH: the answer with its head. (A fresh machine has no curl.)
http_get() {
  # To its end: a server should not see a client hang up.
  {
    (
      exec 3<>"/dev/tcp/127.0.0.1/$1"
      printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
      timeout 2 cat <&3
    )
  } 2>/dev/null
}

# http_ok PORT PATH: whether GET answers 200.
http_ok() { [[ $(http_get "$1" "$2") == HTTP/1.?" 200 "* ]]; }

# --- passwords ---------------------------------------------------------------------------------------------------------

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# The names of the variables.
service_passwords() { printf '%s_PASSWORD\n' "${SERVICES[@]^^}"; }

# Made once, hexadecimal (so they need no escaping in URLs), as shell variables that are not exported.
load_secrets() {
  local file=$FLEET_DIR/secrets name
  if [[ ! -s $file ]]; then
    (umask 077 && : >"$file")
  fi
  # One by one: a folder from before there was one gets it now.
  for name in {POSTGRES,ADMIN,MONITOR}_PASSWORD $(service_passwords) ERLANG_COOKIE ADMIN_TOKEN ACCESS_TOKEN_KEY; do
    grep -q "^$name=" "$file" || echo "$name=$(random)" >>"$file"
  done
  # shellcheck source=/dev/null
  source "$file"
}

for part in packages tools postgres rabbitmq prometheus jaeger services urls; do
  # shellcheck source=/dev/null
  source "$LIB/$part.sh"
done
