//! The users of the broker and their rights: single writer, enforced.
//!
//! Declaring needs configure; binding needs write on the queue and read on the exchange; publishing write on the exchange;
//! consuming read on the queue; declaring a queue with a dead-letter exchange also read on the queue and write on that
//! exchange (RabbitMQ, "Access Control").

use contracts::{SERVICES, choreography};

use super::lines::lines;

/// RabbitMQ's definitions; `@NAME@` stands for what the environment says.
pub fn definitions() -> String {
    let users = lines(|service| {
        let name = service.name;
        format!("    {{ \"name\": \"{name}\", \"password\": \"@{}_PASSWORD@\", \"tags\": [] }},\n", name.to_uppercase())
    });
    let permissions: String = SERVICES.iter().map(|service| permission(service.name)).collect();
    format!(
        r#"{{
  "vhosts": [{{ "name": "@VHOST@" }}],
  "users": [
    {{ "name": "admin", "password": "@ADMIN_PASSWORD@", "tags": ["administrator"] }},
{users}    {{ "name": "monitor", "password": "@MONITOR_PASSWORD@", "tags": ["monitoring"] }}
  ],
  "permissions": [
    {{ "vhost": "@VHOST@", "user": "admin", "configure": ".*", "write": ".*", "read": ".*" }},
{permissions}    {{ "vhost": "@VHOST@", "user": "monitor", "configure": "^$", "write": "^$", "read": "^$" }}
  ]
}}
"#
    )
}

fn permission(service: &str) -> String {
    let (own, read) = (own(service), read(service));
    format!(
        r#"    {{
      "vhost": "@VHOST@",
      "user": "{service}",
      "configure": "^({own})$",
      "write": "^({own})$",
      "read": "^({own}{read})$"
    }},
"#
    )
}

/// What it declares and writes: its queue and dead letters; its exchanges and their history, if it publishes.
fn own(service: &str) -> String {
    let published = choreography::publications(service);
    if published.is_empty() {
        return format!(r"{service}(\\.dead)?");
    }
    let exchanges: Vec<_> = published.iter().map(|event| event.name).collect();
    format!(r"{service}(\\.dead|\\.history)?|{}", exchanges.join("|"))
}

/// What else it reads: the exchanges that it binds to, and their owners' histories.
fn read(service: &str) -> String {
    let events = choreography::subscriptions(service);
    let mut owners: Vec<_> = events.iter().map(|event| event.owner).collect();
    owners.sort_unstable();
    owners.dedup();
    let histories = owners.iter().map(|owner| format!(r"{owner}\\.history"));
    let readable: Vec<_> = histories.chain(events.iter().map(|event| event.name.to_owned())).collect();
    if readable.is_empty() { String::new() } else { format!("|{}", readable.join("|")) }
}
