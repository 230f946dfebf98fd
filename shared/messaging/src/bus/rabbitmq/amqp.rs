//! Names, tables and errors of AMQP.

use lapin::{
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::bus::BusError;

pub(super) fn dead_letters_of(service: &str) -> String {
    format!("{service}.dead")
}

pub(super) fn history_of(service: &str) -> String {
    format!("{service}.history")
}

/// Names are ours and short; one that is not is refused instead of panicking.
pub(super) fn short(name: &str) -> Result<ShortString, BusError> {
    ShortString::try_new(name).map_err(|_| BusError::Refused(format!("{} bytes are too long for a name", name.len())))
}

pub(super) fn table<const N: usize>(entries: [(&'static str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

pub(super) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// A soft error closes the channel and is about what was asked; all else is about the connection.
impl From<lapin::Error> for BusError {
    fn from(error: lapin::Error) -> Self {
        if error.is_amqp_soft_error() { Self::Refused(error.to_string()) } else { Self::Unreachable(error.to_string()) }
    }
}

pub(super) fn is_not_found(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::NOTFOUND)
}

/// What is declared is there already, with other arguments.
pub(super) fn is_another_kind(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::PRECONDITIONFAILED)
}

fn is_soft(error: &lapin::Error, kind: &AMQPSoftError) -> bool {
    let lapin::ErrorKind::ProtocolError(error) = error.kind() else { return false };
    matches!(error.kind(), AMQPErrorKind::Soft(soft) if soft == kind)
}
