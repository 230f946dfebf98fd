//! Where the services of `docker-compose.yml` answer, and with what passwords: its ports and defaults, as `.env` and the
//! environment change them.

use std::{collections::HashMap, env, fs, path::PathBuf};

use crate::fleet_dir::values;

/// The same names as in a native fleet's `env`.
pub fn settings() -> HashMap<String, String> {
    let file = fs::read_to_string(dot_env()).unwrap_or_default();
    let file = values(&file);
    let get = |name: &str, default: &str| {
        let value = env::var(name).ok().or_else(|| file.get(name).cloned()).filter(|value| !value.is_empty());
        value.unwrap_or_else(|| default.to_owned())
    };
    let http = |port: String| format!("http://127.0.0.1:{port}");
    let postgres =
        format!("postgres:{}@127.0.0.1:{}", get("POSTGRES_PASSWORD", "postgres"), get("POSTGRES_PORT", "55440"));
    let rabbitmq = format!("admin:{}@127.0.0.1:{}", get("ADMIN_PASSWORD", "admin"), get("RABBITMQ_PORT", "56720"));
    let settings = [
        ("CUSTOMER_URL", http(get("CUSTOMER_PORT", "8080"))),
        ("EMAIL_URL", http(get("EMAIL_PORT", "8081"))),
        ("LOYALTY_URL", http(get("LOYALTY_PORT", "8082"))),
        ("CUSTOMER_OPS_URL", http(get("CUSTOMER_OPS_PORT", "9080"))),
        ("EMAIL_OPS_URL", http(get("EMAIL_OPS_PORT", "9081"))),
        ("LOYALTY_OPS_URL", http(get("LOYALTY_OPS_PORT", "9082"))),
        ("MAIL_URL", http(get("MAIL_PORT", "8025"))),
        ("POSTGRES_ADMIN_URL", format!("postgres://{postgres}/pasdetrois")),
        ("AMQP_ADMIN_URL", format!("amqp://{rabbitmq}/%2Fpasdetrois")),
        ("ADMIN_TOKEN", get("ADMIN_TOKEN", "")),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Beside the file that says what the composition is.
fn dot_env() -> PathBuf {
    let file = env::var_os("COMPOSE_FILE").map(PathBuf::from).unwrap_or_default();
    file.with_file_name(".env")
}
