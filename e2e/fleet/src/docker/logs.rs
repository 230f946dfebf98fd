//! The services' logs as Docker keeps them, copied into files as [`crate::logs::Logs`] reads them.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::ensure;
use jiff::Timestamp;
use reqwest::Method;

use super::{Container, Docker};

/// Until a container that ended is looked for again.
const REST: Duration = Duration::from_millis(100);
/// Before each piece of a log: whence it comes, three zeros, its length.
const HEADER: usize = 8;

/// Copies what each service writes from `since` on into `<service>.jsonl` in `folder`, as long as the runtime lives. What was
/// before is left out: whoever asks how long a file is must not find the past still coming in.
pub fn keep_logs(docker: &Docker, folder: &Path, services: &[&str], since: Timestamp) -> anyhow::Result<()> {
    for service in services {
        let keeper = Keeper {
            docker: docker.clone(),
            service: (*service).to_owned(),
            since: since.as_second().to_string(),
            copy: File::create_new(PathBuf::from(folder).join(format!("{service}.jsonl")))?,
            copied: HashMap::new(),
            ended: HashSet::new(),
        };
        tokio::spawn(keeper.keep());
    }
    Ok(())
}

/// Of one service, whose containers may end, start again, and be replaced.
#[derive(Debug)]
struct Keeper {
    docker: Docker,
    service: String,
    since: String,
    copy: File,
    /// How much of each container's log has been copied.
    copied: HashMap<String, usize>,
    /// Containers that have written their last for now, all of which has been copied.
    ended: HashSet<String>,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            for container in self.docker.containers(&self.service).await.unwrap_or_default() {
                if let Err(error) = self.copy(&container).await {
                    client::output::tell(format_args!(
                        "the log of {} can't be read, and will be again: {error:#}",
                        self.service
                    ));
                }
            }
            tokio::time::sleep(REST).await;
        }
    }

    /// Until it ends, if it runs. Docker tells all of a container's log again.
    async fn copy(&mut self, container: &Container) -> anyhow::Result<()> {
        let id = &container.id;
        if container.runs() {
            self.ended.remove(id);
        } else if !self.ended.insert(id.clone()) {
            return Ok(());
        }
        let follow = if container.runs() { "true" } else { "false" };
        let query = [("stdout", "true"), ("since", &self.since), ("follow", follow)];
        let mut log = self.docker.ask(Method::GET, &format!("/containers/{id}/logs"), &query, None).await?;
        let copied = self.copied.entry(id.clone()).or_default();
        let (mut pieces, mut skipped) = (Vec::new(), 0);
        while let Some(bytes) = log.chunk().await? {
            pieces.extend_from_slice(&bytes);
            while let Some(piece) = take_piece(&mut pieces)? {
                let known = piece.len().min(*copied - skipped);
                skipped += known;
                self.copy.write_all(&piece[known..])?;
                *copied += piece.len() - known;
                skipped += piece.len() - known;
            }
        }
        Ok(())
    }
}

/// The first piece of a log, once all of it is there.
fn take_piece(bytes: &mut Vec<u8>) -> anyhow::Result<Option<Vec<u8>>> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else { return Ok(None) };
    ensure!(header[0] <= 2 && header[1..4] == [0; 3], "not a log: {header:?}");
    let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
    let Some(piece) = rest.get(..length).map(<[u8]>::to_vec) else { return Ok(None) };
    bytes.drain(..HEADER + length);
    Ok(Some(piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_taken_when_all_of_it_is_there() {
        let mut bytes = b"\x01\0\0\0\0\0\0\x04one\n\x01\0\0\0\0\0\0\x04tw".to_vec();
        assert_eq!(take_piece(&mut bytes).unwrap().unwrap(), b"one\n");
        assert_eq!(take_piece(&mut bytes).unwrap(), None);
        bytes.extend(b"o\n");
        assert_eq!(take_piece(&mut bytes).unwrap().unwrap(), b"two\n");
        assert!(bytes.is_empty() && take_piece(&mut b"no log at all".to_vec()).is_err());
    }
}
