# shellcheck shell=bash
# Every URL in use, as NAME=value lines.

# password NAME: customer's, email's, …
password() {
  local variable=${1^^}_PASSWORD
  echo "${!variable}"
}

database_url() { echo "postgres://$1:$(password "$1")@127.0.0.1:$POSTGRES_PORT/$2"; }

# A vhost's slashes are part of its name, so they are escaped.
amqp_url() { echo "amqp://$1:$(password "$1")@127.0.0.1:$RABBITMQ_PORT/${2//\//%2F}"; }

# server_urls DATABASE VHOST
server_urls() {
  local service
  echo "POSTGRES_ADMIN_URL=$(database_url postgres "$1")"
  echo "AMQP_ADMIN_URL=$(amqp_url admin "$2")"
  echo "MANAGEMENT_URL=http://monitor:$(password monitor)@127.0.0.1:$RABBITMQ_MANAGEMENT_PORT"
  echo "MANAGEMENT_ADMIN_URL=http://admin:$(password admin)@127.0.0.1:$RABBITMQ_MANAGEMENT_PORT"
  echo "RABBITMQ_METRICS_URL=http://127.0.0.1:$RABBITMQ_PROMETHEUS_PORT/metrics"
  for service in "${SERVICES[@]}"; do
    echo "${service^^}_DATABASE_URL=$(database_url "$service" "$1")"
    echo "${service^^}_AMQP_URL=$(amqp_url "$service" "$2")"
  done
}

service_urls() {
  local service port ops
  for service in "${SERVICES[@]}"; do
    port=${service^^}_PORT ops=${service^^}_OPS_PORT
    echo "${service^^}_URL=http://127.0.0.1:${!port}"
    echo "${service^^}_OPS_URL=http://127.0.0.1:${!ops}"
  done
  echo "MAIL_URL=http://127.0.0.1:$MAIL_PORT"
  echo "SMTP_URL=smtp://127.0.0.1:$SMTP_PORT"
  echo "LOGS_DIR=$LOGS"
  echo "ADMIN_TOKEN=$ADMIN_TOKEN"
  echo "SCRIPTS_DIR=$ROOT/scripts"
}
