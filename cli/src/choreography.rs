//! `fleet choreography`: prints the declared choreography, or compares it with a running fleet.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use shared::choreography;

use crate::out;

mod check;
mod mermaid;
mod table;

use check::CheckArgs;

const HELP: &str =
    "Exit codes: 0 printed, or as declared; 1 differences; 2 wrong usage, or not everything could be asked.

Examples:
  fleet choreography
  fleet choreography --format mermaid
  fleet choreography --check";

/// Print who publishes what and who reacts, as it is declared; or compare that with a running fleet.
///
/// --check asks the broker for its exchanges, queues, bindings, consumers, publishers and, if it may, for its users'
/// rights; and each service for its handlers. Each difference is a line that says what to do. It changes nothing.
#[derive(Clone, Debug, Args)]
#[command(after_help = HELP)]
pub struct ChoreographyArgs {
    /// How to print it; a table is Markdown.
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "check")]
    format: Format,
    /// Compare the declaration with the broker and the services.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    fleet: CheckArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
    Mermaid,
}

/// Prints or compares.
pub fn choreography(args: &ChoreographyArgs) -> anyhow::Result<ExitCode> {
    if args.check {
        return check::check(&args.fleet);
    }
    let text = match args.format {
        Format::Table => table::table(),
        Format::Json => serde_json::to_string_pretty(&choreography::declaration())?,
        Format::Mermaid => mermaid::flowchart(),
    };
    out::print(&text).map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// The text between `<!-- choreography: NAME -->` and the next comment, in the README.
    fn section<'a>(readme: &'a str, name: &str) -> &'a str {
        let begin = format!("<!-- choreography: {name} -->\n");
        readme.split_once(&begin).and_then(|(_, rest)| rest.split_once("<!--")).expect(name).0
    }

    #[test]
    fn the_readme_shows_the_declaration() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let mut readme = fs::read_to_string(&path).unwrap();
        let picture = format!("```mermaid\n{}```\n", mermaid::flowchart());
        for (name, declared) in [("mermaid", picture), ("table", table::table())] {
            let shown = section(&readme, name);
            if std::env::var_os("RENEW").is_some() {
                readme = readme.replace(shown, &declared);
                fs::write(&path, &readme).unwrap();
            } else {
                assert_eq!(shown, declared, "renew it: RENEW=1 cargo test -p cli the_readme_shows_the_declaration");
            }
        }
    }
}
