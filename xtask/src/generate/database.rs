//! The services' roles in Postgres.

use contracts::SERVICES;

use super::lines::lines;

/// A script for psql.
pub fn roles() -> String {
    let names: Vec<_> = SERVICES.iter().map(|service| service.name).collect();
    let upper: Vec<_> = names.iter().map(|name| format!("{}_PASSWORD", name.to_uppercase())).collect();
    let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    let (upper, quoted, all) = (upper.join(", "), quoted.join(", "), names.join(", "));
    let getenv =
        lines(|service| format!("\\getenv {}_password {}_PASSWORD\n", service.name, service.name.to_uppercase()));
    let login = lines(|service| {
        let name = service.name;
        format!(
            "ALTER ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'{name}_password';\n"
        )
    });
    let path = lines(|service| format!("ALTER ROLE {0} SET search_path = {0};\n", service.name));
    let schema = lines(|service| format!("CREATE SCHEMA IF NOT EXISTS {0} AUTHORIZATION {0};\n", service.name));
    format!(
        "-- The services' roles with their least rights: each owns the schema of its own name and sees nothing else.
-- Generated from shared/contracts/src/services.rs: scripts/generate.
--
-- Run by psql, as a superuser, in the database meant for the fleet; as often as you like, in as many databases.
-- Passwords come from the environment (psql 14 or later): {upper}.
-- As it stands it also serves as an init script of the postgres image.

\\set ON_ERROR_STOP on
{getenv}
SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY[{quoted}]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\\gexec

{login}
-- Unqualified names mean the own schema, and only that.
{path}
{schema}
REVOKE ALL ON DATABASE :\"DBNAME\" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :\"DBNAME\" TO {all};
"
    )
}
