//! A folder of logs, rotated ones included.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::Context;
use flate2::read::MultiGzDecoder;

use super::scanned::{Scanned, count, each_line};

/// Reads `*.jsonl` and what rotation left beside them (`customer.jsonl.1`, `customer.jsonl.2.gz`), in the order of their names; or
/// the one file that `path` is. What is compressed otherwise is skipped, and named.
pub fn read(path: &Path, visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<Scanned> {
    let (mut lines, mut files, mut skipped) = (0, 0, Vec::new());
    for log in logs(path).with_context(|| format!("can't read the logs in {}", path.display()))? {
        if is_unreadable(&log) {
            skipped.push(log.display().to_string());
            continue;
        }
        let file = match File::open(&log) {
            // Rotated away since the folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.with_context(|| format!("can't read {}", log.display()))?,
        };
        let text: Box<dyn Read> =
            if ends_with(&log, &[".gz"]) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        lines += each_line(BufReader::new(text), visit).with_context(|| log.display().to_string())?;
        files += 1;
    }
    Ok(Scanned { lines, place: format!("{} in {}", count(files, "file"), path.display()), skipped })
}

fn logs(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut logs: Vec<_> = entries.into_iter().filter(|path| is_log(path) && path.is_file()).collect();
    logs.sort_unstable();
    Ok(logs)
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((_, rotation)) = name.split_once(".jsonl") else { return false };
    rotation.is_empty() || rotation.starts_with(['.', '-'])
}

/// Compressed in a way that is not understood here.
fn is_unreadable(path: &Path) -> bool {
    ends_with(path, &[".xz", ".zst", ".bz2", ".lz4"])
}

fn ends_with(path: &Path, endings: &[&str]) -> bool {
    endings.iter().any(|ending| path.to_string_lossy().ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_logs_count_and_other_files_do_not() {
        for name in ["email.jsonl", "email.jsonl.1", "email.jsonl-20261120", "email.jsonl.2.gz", "a.b.jsonl.2026-11-20"]
        {
            assert!(is_log(Path::new(name)), "{name}");
        }
        for name in ["email.err", "email.jsonlines", "postgres.log"] {
            assert!(!is_log(Path::new(name)), "{name}");
        }
    }
}
