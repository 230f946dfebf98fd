//! `fleet choreography`: prints the declared choreography, or compares it with a running fleet.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use contracts::choreography;

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
///
/// Consumers and publishers come from the broker's statistics, which are some seconds late.
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
    use std::{fs, path::PathBuf, sync::Arc};

    use contracts::events;
    use email::EmailConfig;
    use event::EventType;
    use messaging::handler::Handlers;

    use super::*;
    use crate::operations::Service;

    /// What each service is built with.
    fn services() -> [(&'static str, &'static [EventType], Handlers); 4] {
        let mail =
            EmailConfig { smtp_url: String::new().into(), mail_from: "fleet@localhost.example".parse().unwrap() };
        [
            (customer::SERVICE.name, events::customer::ALL, customer::handlers()),
            (email::SERVICE.name, events::email::ALL, email::handlers(&mail, &Arc::default())),
            (loyalty::SERVICE.name, events::loyalty::ALL, loyalty::handlers()),
            (flow_view::SERVICE.name, &[], flow_view::handlers()),
        ]
    }

    #[test]
    fn every_service_is_built_as_declared() {
        for (service, publishes, handlers) in services() {
            assert_eq!(handlers.event_types(), choreography::subscriptions(service), "{service}");
            let mut publishes = publishes.to_vec();
            let mut declared = choreography::publications(service);
            publishes.sort_unstable();
            declared.sort_unstable();
            assert_eq!(publishes, declared, "{service}");
        }
    }

    #[test]
    fn the_command_line_knows_every_service_that_is_declared() {
        let declared = [choreography::services(), choreography::observers()].concat();
        assert_eq!(Service::ALL.map(Service::name).to_vec(), declared);
        assert_eq!(services().map(|(name, ..)| name).to_vec(), declared);
    }

    /// They know no internals, so they say it once more.
    #[test]
    fn the_tests_from_outside_know_the_same_choreography() {
        let declared = choreography::event_types();
        let declared = declared.iter().map(|event| (event.name, event.owner, choreography::subscribers(event.name)));
        let known = e2e::EVENTS.map(|(name, owner, services)| (name, owner, services.to_vec()));
        let sorted = |mut events: Vec<(&'static str, &'static str, Vec<&'static str>)>| {
            events.sort_unstable();
            events
        };
        assert_eq!(sorted(known.to_vec()), sorted(declared.collect()));
        assert_eq!(e2e::SERVICES.to_vec(), choreography::services());
    }

    #[test]
    fn the_readme_shows_the_declaration() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let readme = fs::read_to_string(&path).unwrap();
        let (before, rest) = readme.split_once("<!-- choreography: made from its declaration -->\n").unwrap();
        let (shown, after) = rest.split_once("<!-- choreography: end -->").unwrap();
        let declared = format!("```mermaid\n{}```\n\n{}", mermaid::flowchart(), table::table());
        if std::env::var_os("RENEW").is_some() {
            let begin = &readme[before.len()..readme.len() - rest.len()];
            fs::write(&path, [before, begin, &declared, "<!-- choreography: end -->", after].concat()).unwrap();
        } else {
            let renew = "renew it: RENEW=1 cargo test -p cli the_readme_shows_the_declaration";
            assert_eq!(shown, declared, "{renew}");
        }
    }
}
