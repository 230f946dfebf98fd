# shellcheck shell=bash disable=SC2034
# The services and their default ports. Generated from shared/contracts/src/services.rs: scripts/generate.

SERVICES=(customer email loyalty flow_view)
SERVICE_PORTS=(
  CUSTOMER_PORT=8080 CUSTOMER_OPS_PORT=9080
  EMAIL_PORT=8081 EMAIL_OPS_PORT=9081
  LOYALTY_PORT=8082 LOYALTY_OPS_PORT=9082
  FLOW_VIEW_PORT=8088 FLOW_VIEW_OPS_PORT=9088
)
