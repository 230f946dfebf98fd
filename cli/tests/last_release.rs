//! Roll-outs: the statements of the release before work on the tables of this one, which its programs meet while both run,
//! and when this one is taken back.
//!
//! `last_release/` is `.sqlx` as that release had it. At a release: `rm -r cli/tests/last_release && cp -r .sqlx
//! cli/tests/last_release`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::{collections::BTreeMap, fs, path::Path};

use messaging::{database::Database, testing};
use serde_json::Value;
use sqlx::{AssertSqlSafe, migrate::Migrator, raw_sql};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Each statement with the file that it stands in.
fn statements() -> BTreeMap<String, String> {
    let folder = fs::read_dir(format!("{ROOT}/cli/tests/last_release")).unwrap();
    let files = folder.map(|file| file.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), kept["query"].as_str().unwrap().to_owned())
    };
    files.map(read).collect()
}

/// The schema of every service, and of the one that new services are made from.
async fn schemas() -> Vec<Database> {
    let services = contracts::SERVICES.iter().map(|service| (service.name, format!("migrations/{}", service.name)));
    let mut schemas = Vec::new();
    for (service, folder) in services.chain([("template_service", "xtask/template/migrations".into())]) {
        let migrations = Migrator::new(Path::new(&format!("{ROOT}/{folder}"))).await.unwrap();
        schemas.push(testing::database(service, &migrations).await);
    }
    schemas
}

#[tokio::test]
async fn the_statements_of_the_last_release_work_on_these_tables() {
    let (statements, schemas) = (statements(), schemas().await);
    assert!(statements.len() > 80, "only {} statements", statements.len());
    let mut broken = Vec::new();
    for (file, statement) in statements {
        let mut refusals = Vec::new();
        for schema in &schemas {
            // Postgres reads it, and looks up all that it names; it is not carried out.
            let prepare = format!("PREPARE kept AS {statement}; DEALLOCATE kept");
            match raw_sql(AssertSqlSafe(prepare)).execute(&schema.pool).await {
                Ok(_) => {
                    refusals.clear();
                    break;
                }
                Err(error) => refusals.push(format!("  {}: {error}", schema.service)),
            }
        }
        if !refusals.is_empty() {
            broken.push(format!("{file}: {statement}\n{}", refusals.join("\n")));
        }
    }
    assert!(broken.is_empty(), "programs of the last release would fail:\n{}", broken.join("\n"));
}
