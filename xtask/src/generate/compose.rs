//! The services in `docker-compose.yml`. One that needs more than all do is written there by hand.

use contracts::{SERVICES, ServiceInfo};

use super::{lines::lines, region::replace};

/// The file with its generated parts.
pub fn fill(text: &str) -> anyhow::Result<String> {
    let passwords = lines(|service| {
        let (name, upper) = (service.name, service.name.to_uppercase());
        format!("  {upper}_PASSWORD: ${{{upper}_PASSWORD:-{name}}}\n")
    });
    let urls = lines(|service| {
        let (name, upper) = (service.name, service.name.to_uppercase());
        format!(
            "  {upper}_URL: http://{name}:{}\n  {upper}_OPS_URL: http://{name}:{}\n",
            service.http_port, service.operations_port
        )
    });
    let names: Vec<_> = SERVICES.iter().map(|service| service.name).collect();
    let hosts = format!("  ALLOWED_HOSTS: {},${{ALLOWED_HOSTS:-}}\n", names.join(","));
    let text = replace(text, "passwords", &passwords)?;
    let text = replace(&text, "hosts", &hosts)?;
    let text = replace(&text, "urls", &urls)?;
    let by_hand = replace(&text, "services", "")?;
    let generated = SERVICES.iter().filter(|service| !by_hand.contains(&format!("\n  {}:\n", service.name)));
    replace(&text, "services", &generated.map(block).collect::<String>())
}

fn block(ServiceInfo { name, http_port, operations_port, .. }: &ServiceInfo) -> String {
    let upper = name.to_uppercase();
    format!(
        "  {name}:
    <<: *service
    command: [{name}]
    environment:
      <<: *environment
      DATABASE_URL: postgres://{name}:${{{upper}_PASSWORD:-{name}}}@postgres:5432/pasdetrois
      AMQP_URL: amqp://{name}:${{{upper}_PASSWORD:-{name}}}@rabbitmq:5672/%2Fpasdetrois
      HTTP_ADDR: 0.0.0.0:{http_port}
      OPS_ADDR: 0.0.0.0:{operations_port}
    ports:
      - 127.0.0.1:${{{upper}_PORT:-{http_port}}}:{http_port}
      - 127.0.0.1:${{{upper}_OPS_PORT:-{operations_port}}}:{operations_port}

"
    )
}
