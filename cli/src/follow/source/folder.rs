//! A folder of logs, rotated ones included.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::scanned::{Scanned, count, each_line};

/// Reads `*.jsonl` and what rotation left beside them (`customer.jsonl.1`), in the order of their names; or the one file
/// that `path` is.
pub fn read(path: &Path, visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<Scanned> {
    let (mut lines, mut files) = (0, 0);
    for log in logs(path).with_context(|| format!("can't read the logs in {}", path.display()))? {
        let file = match File::open(&log) {
            // Rotated away since the folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.with_context(|| format!("can't read {}", log.display()))?,
        };
        lines += each_line(BufReader::new(file), visit)?;
        files += 1;
    }
    Ok(Scanned { lines, place: format!("{} in {}", count(files, "file"), path.display()) })
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
    let compressed = [".gz", ".xz", ".zst", ".bz2"].iter().any(|ending| rotation.ends_with(ending));
    !compressed && (rotation.is_empty() || rotation.starts_with(['.', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_logs_count_and_compressed_or_other_files_do_not() {
        for name in ["email.jsonl", "email.jsonl.1", "email.jsonl-20261120", "a.b.jsonl.2026-11-20"] {
            assert!(is_log(Path::new(name)), "{name}");
        }
        for name in ["email.err", "email.jsonl.2.gz", "email.jsonlines", "postgres.log"] {
            assert!(!is_log(Path::new(name)), "{name}");
        }
    }
}
