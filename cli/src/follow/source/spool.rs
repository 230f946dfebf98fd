//! What came on standard input, so that it can be read twice: only its hops, in memory; beyond that in a file without a name.

use std::{
    cell::RefCell,
    io::{BufRead, BufReader, BufWriter, Seek, Write},
};

use anyhow::Context;
use flow::logged::Hop;
use tempfile::{SpooledTempFile, spooled_tempfile};

use super::scanned::{Scanned, each_line};

/// The hops of about ten thousand registrations. A container may have no place for files.
const IN_MEMORY: usize = 64 * 1024 * 1024;

/// The hops of a stream.
#[derive(Debug)]
pub struct Spool {
    hops: RefCell<SpooledTempFile>,
    lines: u64,
}

impl Spool {
    /// Reads `from` to its end.
    pub fn of(from: &mut dyn BufRead) -> anyhow::Result<Self> {
        Self::holding(IN_MEMORY, from)
    }

    fn holding(in_memory: usize, from: &mut dyn BufRead) -> anyhow::Result<Self> {
        let mut hops = spooled_tempfile(in_memory);
        let mut kept = BufWriter::new(&mut hops);
        let mut written = Ok(());
        let lines = each_line(from, &mut |line| {
            if written.is_ok() && Hop::parse(line).is_some() {
                written = kept.write_all(line);
            }
        })?;
        written.and_then(|()| kept.flush()).context("can't keep what came in a temporary file")?;
        drop(kept);
        Ok(Self { hops: RefCell::new(hops), lines })
    }

    /// Hands every hop's line to `visit`; counts all lines.
    pub fn read(&self, visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<Scanned> {
        let mut hops = self.hops.borrow_mut();
        hops.rewind()?;
        each_line(BufReader::new(&mut *hops), visit)?;
        Ok(Scanned { lines: self.lines, place: "standard input".into(), skipped: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_can_be_read_again_and_every_line_counts() {
        let hop = r#"{"timestamp":"2026-11-20T22:17:26Z","level":"INFO","service":"email","message":"event handled",
"event_id":"791e837c-f1f4-5c72-ab3b-471db0b121af","event_type":"customer_created"}"#
            .replace('\n', "");
        let input = format!("noise\n{hop}\n\n{hop}");
        for (in_memory, in_a_file) in [(IN_MEMORY, false), (10, true)] {
            let spool = Spool::holding(in_memory, &mut input.as_bytes()).unwrap();
            assert_eq!(spool.hops.borrow().is_rolled(), in_a_file);
            for _ in 0..2 {
                let mut seen = Vec::new();
                let scanned = spool.read(&mut |line| seen.extend(Hop::parse(line))).unwrap();
                assert_eq!((seen.len(), scanned.lines), (2, 4));
            }
        }
    }
}
