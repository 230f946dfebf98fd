//! Why a message could not be handled, and what follows from it.

use std::{io::ErrorKind, time::Duration};

use thiserror::Error;

/// What a handler says when it can't do its work.
#[derive(Debug, Error)]
pub enum HandlerError {
    /// It may work later: the message waits, with growing delays.
    #[error("may work later: {0:#}")]
    Transient(anyhow::Error),
    /// It never will: the message is dead at once.
    #[error("never works: {0:#}")]
    Permanent(anyhow::Error),
    /// The database said no; the code decides what follows.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The follow-up event can't be published; another attempt would make the same one.
    #[error(transparent)]
    Publish(#[from] crate::unit_of_work::PublishError),
}

/// What is wrong with one field of what somebody sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// What is wrong with it, without its value.
    pub detail: String,
}

/// Why a batch, or a message alone, was rolled back.
#[derive(Debug, Error)]
pub enum Failure {
    /// The database is unreachable: hold the message and wait.
    #[error("the database is unreachable")]
    DatabaseUnreachable(#[source] sqlx::Error),
    /// A deadlock, a serialisation failure: the same again at once may work.
    #[error("collided with another transaction")]
    Collision(#[source] sqlx::Error),
    /// It took longer than its time limit.
    #[error("took longer than {0:?}")]
    TimedOut(Duration),
    /// The handler panicked.
    #[error("panicked")]
    Panicked,
    /// It is no event that this service could read.
    #[error("undecodable: {0}")]
    Undecodable(String),
    /// No handler for its type. Another release may have one: replicas of two run side by side in a roll-out.
    #[error("no handler for its type")]
    NoHandler,
    /// Its schema is newer than the handler's. Another release may know it.
    #[error("version {0} of its type is newer than this release")]
    NewerVersion(i16),
    /// A value of an enum that this release does not know. Another release may.
    #[error("a value that this release does not know: {0}")]
    UnknownValue(String),
    /// An event of another type has come with its id. The dispatcher gives it another.
    #[error("an event of another type has its id")]
    IdOfAnother,
    /// Its handling began twice and the process died both times.
    #[error("the process died twice while handling it")]
    KillsTheProcess,
    /// The broker gave it up, and says why: delivered too often, too old, no room.
    #[error("the broker gave it up: {0}")]
    GivenUpByBroker(String),
    /// The handler's own error.
    #[error("handler failed")]
    Handler(#[source] HandlerError),
}

/// Why the broker gives up what no consumer has refused: a time to live that somebody has set, a queue that is full.
pub(crate) const DROPPED_UNSEEN: [&str; 2] = ["expired", "maxlen"];

impl Failure {
    /// The class, safe to log: the texts may carry personal data (Postgres' DETAIL, SMTP replies).
    pub fn class(&self) -> &'static str {
        match self {
            Self::DatabaseUnreachable(_) => "database_unreachable",
            Self::Collision(_) => "collision",
            Self::TimedOut(_) => "timed_out",
            Self::Panicked => "panicked",
            Self::Undecodable(_) => "undecodable",
            Self::NoHandler => "no_handler",
            Self::NewerVersion(_) => "newer_version",
            Self::UnknownValue(_) => "unknown_value",
            Self::IdOfAnother => "id_of_another",
            Self::KillsTheProcess => "kills_the_process",
            Self::GivenUpByBroker(_) => "given_up_by_broker",
            Self::Handler(HandlerError::Database(_)) => "database_error",
            Self::Handler(HandlerError::Publish(_)) => "publish_error",
            Self::Handler(HandlerError::Transient(_)) => "handler_transient",
            Self::Handler(HandlerError::Permanent(_)) => "handler_permanent",
        }
    }

    /// Another attempt can't help: dead at once.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Undecodable(_) | Self::KillsTheProcess => true,
            // Nobody has tried it here: it was dropped for its age, or for want of room.
            Self::GivenUpByBroker(reason) => !DROPPED_UNSEEN.contains(&reason.as_str()),
            Self::Handler(error) => matches!(error, HandlerError::Permanent(_) | HandlerError::Publish(_)),
            _ => false,
        }
    }

    /// One immediate second attempt is worth it.
    pub fn is_worth_a_second_attempt(&self) -> bool {
        matches!(self, Self::DatabaseUnreachable(_) | Self::Collision(_))
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match kind(&error) {
            Kind::Unreachable(_) => Self::DatabaseUnreachable(error),
            Kind::Collision => Self::Collision(error),
            Kind::Other => Self::Handler(HandlerError::Database(error)),
        }
    }
}

impl From<HandlerError> for Failure {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::Database(error) => error.into(),
            other => Self::Handler(other),
        }
    }
}

enum Kind {
    /// With the reason, for people.
    Unreachable(&'static str),
    Collision,
    Other,
}

const NO_ANSWER: &str = "the database is unreachable";

fn kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(error) if error.kind() == ErrorKind::TimedOut => Kind::Unreachable("the database is silent"),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            Kind::Unreachable(NO_ANSWER)
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            Kind::Unreachable("no connection to the database is to be had")
        }
        sqlx::Error::Database(error) => error.code().map_or(Kind::Other, |code| kind_of(&code)),
        _ => Kind::Other,
    }
}

/// By SQLSTATE (PostgreSQL, appendix A). What the server can't do for anybody just now is no fault of a statement: whoever
/// asked holds what he has, and waits.
fn kind_of(code: &str) -> Kind {
    match code {
        "40001" | "40P01" | "55P03" => Kind::Collision,
        // A statement that took too long: the server works.
        "57014" => Kind::Other,
        "25006" => Kind::Unreachable("the database is read-only: a stand-by, or demoted"),
        "3D000" => Kind::Unreachable("there is no such database"),
        "53100" => Kind::Unreachable("the database's disk is full"),
        "53200" => Kind::Unreachable("the database is out of memory"),
        "53300" => Kind::Unreachable("the database has too many connections"),
        _ => match &code[..code.len().min(2)] {
            "08" => Kind::Unreachable(NO_ANSWER),
            "28" => Kind::Unreachable("the database refuses the login"),
            "53" => Kind::Unreachable("the database is out of resources"),
            "57" => Kind::Unreachable("the database is shutting down, or starting"),
            "58" | "F0" => Kind::Unreachable("the database's machine fails it"),
            _ => Kind::Other,
        },
    }
}

/// Whether the database is unreachable, for callers outside the router.
pub fn is_unreachable(error: &sqlx::Error) -> bool {
    unreachable_because(error).is_some()
}

/// Why the database can do nothing for anybody just now; `None` if it works, and refuses this statement. Safe to log.
pub fn unreachable_because(error: &sqlx::Error) -> Option<&'static str> {
    match kind(error) {
        Kind::Unreachable(reason) => Some(reason),
        Kind::Collision | Kind::Other => None,
    }
}

/// Whether a connection was lost in mid-work: the server's fault, or that of a statement which kills its own backend.
pub(crate) fn is_lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() != ErrorKind::TimedOut,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("08") || code == "57P02"),
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_can_do_for_nobody_is_no_fault_of_a_statement() {
        for (codes, expected) in [
            (&["08000", "08006", "08P01"][..], "unreachable"),
            (&["28000", "28P01", "3D000", "25006"], "unreachable"),
            (&["53000", "53100", "53200", "53300", "53400"], "unreachable"),
            (&["57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030", "F0000"], "unreachable"),
            (&["40001", "40P01", "55P03"], "collision"),
            (&["57014", "54000", "23505", "42501", "42P01", "22P02", "XX000", "P0001", ""], "other"),
        ] {
            for code in codes {
                let kind = match kind_of(code) {
                    Kind::Unreachable(_) => "unreachable",
                    Kind::Collision => "collision",
                    Kind::Other => "other",
                };
                assert_eq!(kind, expected, "{code}");
            }
        }
    }
}
