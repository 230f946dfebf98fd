//! `fleet parked`: the messages that services could not handle, over all services at once.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use client::{Operations, OperationsArgs, http};

mod discard;
mod edit;
mod list;
mod retry;
mod selection;
mod show;

const HELP: &str = "Exit codes: 0 done; 1 an error, for example a service that does not answer; 2 wrong usage;
3 no such message; 4 tried again, and failed again or not done in time.

Examples:
  fleet parked list --state dead
  fleet parked show ID
  fleet parked edit ID && fleet parked retry ID
  fleet parked retry --all --service loyalty --yes";

/// See and fix the messages that services could not handle.
///
/// Each is kept by the service that failed, with the reason. `waiting` ones are tried again by themselves; `behind` ones
/// wait for an earlier one of the same customer; `dead` ones need you.
#[derive(Clone, Debug, Args)]
#[command(after_help = HELP)]
pub struct ParkedArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    operations: OperationsArgs,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// List them, newest first.
    List(list::ListArgs),
    /// Show one: the event, every attempt, what operators did. It may hold personal data.
    Show(show::ShowArgs),
    /// Correct one's event in $EDITOR; its id, type and subject must stay.
    Edit(edit::EditArgs),
    /// Try one, in every service that keeps it, or all of some, again now, and wait for what comes of it.
    Retry(retry::RetryArgs),
    /// Give one, or all of some, up; what waits behind it follows.
    Discard(discard::DiscardArgs),
}

/// Asks, shows, changes.
pub fn parked(args: ParkedArgs) -> anyhow::Result<ExitCode> {
    let operations = args.operations.open()?;
    let code = http::block_on(run(&operations, args.command))?;
    Ok(ExitCode::from(code))
}

async fn run(operations: &Operations, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::List(args) => list::list(operations, &args).await,
        Command::Show(args) => show::show(operations, &args).await,
        Command::Edit(args) => edit::edit(operations, &args).await,
        Command::Retry(args) => retry::retry(operations, &args).await,
        Command::Discard(args) => discard::discard(operations, &args).await,
    }
}

#[cfg(test)]
mod tests {
    use client::parked::Record;
    use jiff::Timestamp;
    use messaging::{
        audit,
        parked::operations::{self, State},
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    /// The client has shapes of its own, as whoever asks from outside has: they read all that a service writes.
    #[test]
    fn the_client_loses_nothing_of_what_a_service_tells() {
        for state in [State::Waiting, State::Behind, State::Dead, State::Done, State::Discarded] {
            let (id, at) = (Uuid::now_v7(), Timestamp::UNIX_EPOCH);
            let written = operations::Record {
                summary: operations::Summary {
                    seq: 1,
                    event_id: id,
                    event_type: "order_placed".into(),
                    subject: Some(id),
                    state,
                    reason: "timed_out".into(),
                    attempts: 2,
                    parked_at: at,
                    next_attempt_at: Some(at),
                    resolved_at: None,
                    edited: true,
                    muted: false,
                },
                waits_behind: Some(id),
                correlation_id: None,
                trace_id: Some("b6902b42d195e0d35ea22e6cb5894358".into()),
                error: "late".into(),
                event: json!({ "id": id }),
                original: Some("no JSON".into()),
                failures: vec![operations::Attempt { number: 1, at, reason: "timed_out".into(), error: "late".into() }],
                audit: vec![audit::Entry {
                    operator: "ada".into(),
                    action: "retry".into(),
                    reason: None,
                    before: Some(json!({ "state": "dead" })),
                    after: None,
                    at,
                }],
            };
            let written: Value = serde_json::to_value(written).unwrap();
            let read: Record = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), written);
        }
    }
}
