//! Why a message could not be handled, and what follows from it.

use std::time::Duration;

use sqlx::error::DatabaseError;
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
    /// No handler for its type.
    #[error("no handler for its type")]
    NoHandler,
    /// Its handling began twice and the process died both times.
    #[error("the process died twice while handling it")]
    KillsTheProcess,
    /// The broker has delivered it too often, and says why it gave up.
    #[error("the broker gave it up: {0}")]
    GivenUpByBroker(String),
    /// The handler's own error.
    #[error("handler failed")]
    Handler(#[source] HandlerError),
}

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
            Self::Undecodable(_) | Self::NoHandler | Self::KillsTheProcess | Self::GivenUpByBroker(_) => true,
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
            Kind::Unreachable => Self::DatabaseUnreachable(error),
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
    Unreachable,
    Collision,
    Other,
}

fn kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Kind::Unreachable,
        sqlx::Error::Database(error) => database_kind(error.as_ref()),
        _ => Kind::Other,
    }
}

/// By SQLSTATE (PostgreSQL, appendix A).
fn database_kind(error: &dyn DatabaseError) -> Kind {
    match error.code().as_deref() {
        Some("40001" | "40P01" | "55P03") => Kind::Collision,
        // Connection exceptions, too many connections, no disk, shutdown, crash, start-up, read-only stand-by.
        Some(code) if code.starts_with("08") => Kind::Unreachable,
        Some("53300" | "53100" | "57P01" | "57P02" | "57P03" | "25006") => Kind::Unreachable,
        _ => Kind::Other,
    }
}

/// Whether the database is unreachable, for callers outside the router.
pub fn is_unreachable(error: &sqlx::Error) -> bool {
    matches!(kind(error), Kind::Unreachable)
}
