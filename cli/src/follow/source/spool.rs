//! What came on standard input, so that it can be read twice: only its hops, in a file without a name.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Seek, Write},
};

use anyhow::Context;
use uuid::Uuid;

use super::{super::hop::Hop, Scanned, each_line};

/// The hops of a stream.
#[derive(Debug)]
pub struct Spool {
    hops: File,
    lines: u64,
}

impl Spool {
    /// Reads `from` to its end.
    pub fn of(from: &mut dyn BufRead) -> anyhow::Result<Self> {
        let hops = unnamed_file().context("can't make a temporary file")?;
        let mut kept = BufWriter::new(&hops);
        let mut written = Ok(());
        let lines = each_line(from, &mut |line| {
            if written.is_ok() && Hop::parse(line).is_some() {
                written = kept.write_all(line);
            }
        })?;
        written.and_then(|()| kept.flush()).context("can't write the temporary file")?;
        drop(kept);
        Ok(Self { hops, lines })
    }

    /// Hands every hop's line to `visit`; counts all lines.
    pub fn read(&self, visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<Scanned> {
        let mut hops = &self.hops;
        hops.rewind()?;
        each_line(BufReader::new(hops), visit)?;
        Ok(Scanned { lines: self.lines, place: "standard input".into() })
    }
}

/// Removed at once: it lives as long as it is open.
fn unnamed_file() -> std::io::Result<File> {
    let path = env::temp_dir().join(format!("fleet-follow-{}", Uuid::now_v7()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
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
        let spool = Spool::of(&mut input.as_bytes()).unwrap();
        for _ in 0..2 {
            let mut seen = Vec::new();
            let scanned = spool.read(&mut |line| seen.extend(Hop::parse(line))).unwrap();
            assert_eq!((seen.len(), scanned.lines), (2, 4));
        }
    }
}
