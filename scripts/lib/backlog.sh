# shellcheck shell=bash
# A backlog in an outbox, then the same in a queue: how fast it is worked off, and with how much memory.

# count SQL
count() { psql_to pasdetrois -Atc "SELECT count(*) FROM $1"; }

# peak NAME: the most memory that a program of ours has had, in MiB.
peak() { awk '/^VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$(pid_of "$1")/status"; }

# worked_off NAME COUNT SQL: watches until as many rows are there.
worked_off() {
  local name=$1 wanted=$2 done=0 start=$SECONDS
  while ((done < wanted)); do
    sleep 5
    done=$(count "$3")
    say "  … $name: $done of $wanted, $((SECONDS - start)) s, at most $(peak "$name") MiB"
  done
  echo "$name: $wanted in $((SECONDS - start)) s, with $(peak "$name") MiB of memory at most"
}

caught_up() {
  local ops=${1^^}_OPS_PORT
  http_get "${!ops}" /health/ready | grep -q '"router":{"status":"up"}'
}

# As registrations would have left them, each of another customer.
fill_outbox() {
  say "writing $1 events into the outbox of customer"
  psql_to pasdetrois -c "
    INSERT INTO customer.outbox (event_id, event_type, version, subject, correlation_id, recorded_at, data)
    SELECT event_id, 'customer_created', 1, customer_id, event_id, now(),
           json_build_object('customer_id', customer_id, 'email', customer_id || '@example.com', 'name', 'Ada Lovelace',
                             'registered_at', now())
    FROM (SELECT gen_random_uuid() AS event_id, gen_random_uuid() AS customer_id FROM generate_series(1, $1)) AS new"
}

# backlog COUNT: loyalty is unreachable while customer publishes; then customer is, while loyalty handles.
backlog() {
  choose_ports
  load_secrets
  build_programs
  launch_service customer
  await_service customer
  launch_service loyalty
  say "waiting until loyalty has its queue and has caught up"
  await loyalty 60 caught_up loyalty
  stop_services
  fill_outbox "$1"
  launch_service customer
  worked_off customer "$1" "customer.outbox WHERE published_at IS NOT NULL"
  stop_services
  launch_service loyalty
  worked_off loyalty "$1" "loyalty.inbox WHERE done_at IS NOT NULL"
  stop_services
}
