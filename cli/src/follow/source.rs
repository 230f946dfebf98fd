//! Where log lines come from: a folder, standard input, or Docker Compose. They are streamed, never held.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::bail;

mod compose;
mod folder;
pub mod scanned;
mod spool;

use scanned::Scanned;
use spool::Spool;

use super::flow_id::Wanted;

/// A place to read log lines from, as often as needed.
#[derive(Debug)]
pub enum Source {
    Folder(PathBuf),
    Stdin(Spool),
    Compose,
}

impl Source {
    /// Hands every line to `visit`.
    pub fn read(&self, visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<Scanned> {
        match self {
            Self::Folder(path) => folder::read(path, visit),
            Self::Stdin(spool) => spool.read(visit),
            Self::Compose => compose::read(visit),
        }
    }
}

/// The place that was asked for; or else the first of two that knows the flow.
#[derive(Debug)]
pub struct Sources {
    first: Source,
    may_fall_back: bool,
}

impl Sources {
    /// `logs` or Compose if that was asked for, else the folder `native`, else Compose. If there is none, the error says how
    /// to find `id` otherwise.
    pub fn chosen(logs: Option<&Path>, compose: bool, native: PathBuf, id: Wanted) -> anyhow::Result<Self> {
        let first = match logs {
            Some(dash) if dash == Path::new("-") => Source::Stdin(Spool::of(&mut io::stdin().lock())?),
            Some(path) => Source::Folder(path.to_owned()),
            None if compose => Source::Compose,
            None if native.is_dir() => Source::Folder(native),
            None if compose::has_containers() => Source::Compose,
            None => bail!(
                "no logs in {}, and no containers of Docker Compose here: is the fleet up? Within a container:\n  \
                 docker compose logs --no-color | docker compose exec -T customer fleet follow {id} --logs -\nor, by what \
                 the flow view has seen:\n  fleet follow {id} --live",
                native.display()
            ),
        };
        let may_fall_back = logs.is_none() && matches!(first, Source::Folder(_));
        Ok(Self { first, may_fall_back })
    }

    /// Whether another look may find more.
    pub fn can_grow(&self) -> bool {
        !matches!(self.first, Source::Stdin(_))
    }

    /// The places to look at, one after the other, until one knows the flow. Containers are asked for only if the folder
    /// of logs did not help: it may be that of a fleet that was stopped.
    pub fn each<T>(&mut self, mut look: impl FnMut(&Source) -> anyhow::Result<(T, bool)>) -> anyhow::Result<Vec<T>> {
        let (seen, found) = look(&self.first)?;
        let mut all = vec![seen];
        if !found && self.may_fall_back {
            self.may_fall_back = compose::has_containers();
            // Nobody asked for Compose, so its troubles are no reason to stop looking into the folder.
            match self.may_fall_back.then(|| look(&Source::Compose)) {
                Some(Ok((seen, _))) => all.push(seen),
                Some(Err(_)) => self.may_fall_back = false,
                None => {}
            }
        }
        Ok(all)
    }
}
