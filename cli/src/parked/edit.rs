//! `fleet parked edit`.

use std::{
    fs::{self, OpenOptions},
    io::{IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use clap::Args;
use client::{Operations, Service, output, parked};
use uuid::Uuid;

use super::{selection::NOTHING, show::text};
use crate::prompt;

#[derive(Clone, Debug, Args)]
pub struct EditArgs {
    /// The event's id.
    id: Uuid,
    /// As this service keeps it.
    #[arg(long)]
    service: Option<Service>,
    /// Take the corrected event from this file instead of opening $EDITOR; - is stdin.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

pub async fn edit(operations: &Operations, args: &EditArgs) -> anyhow::Result<u8> {
    let records = parked::find(operations, args.id, args.service).await?;
    let Some(record) = parked::the_one(records)? else {
        output::tell(format_args!("no service keeps {}", args.id));
        return Ok(NOTHING);
    };
    let before = text(&record.what.event)?;
    let draft = args.from.is_none().then(|| Draft::new(args.id, &before)).transpose()?;
    loop {
        let after = match (&draft, &args.from) {
            (Some(draft), _) => draft.edited()?,
            (None, Some(file)) => read(file)?,
            (None, None) => before.clone(),
        };
        if after.trim() == before.trim() {
            output::print("unchanged")?;
            return Ok(0);
        }
        match parked::edit(operations, record.service, args.id, after).await {
            Ok(()) => break,
            // Whoever is not at a terminal can't edit again.
            Err(error) if draft.is_some() && std::io::stdin().is_terminal() => {
                output::tell(&error);
                if !prompt::confirm("Edit again?", false)? {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    output::print(&format!("corrected; it is tried again by: fleet parked retry {}", args.id))?;
    Ok(0)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let path = if file == Path::new("-") { Path::new("/dev/stdin") } else { file };
    fs::read_to_string(path).with_context(|| format!("can't read {}", file.display()))
}

/// A file that only its owner may read, gone when this is dropped: events hold personal data.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn new(id: Uuid, text: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("fleet-{id}-{}.json", Uuid::now_v7().simple()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let draft = Self { path };
        writeln!(file, "{text}")?;
        Ok(draft)
    }

    /// What $VISUAL or $EDITOR makes of it.
    fn edited(&self) -> anyhow::Result<String> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into());
        // As a shell would have it: editors are set with options (`code --wait`).
        let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&self.path).status();
        let status = status.with_context(|| format!("can't run the editor {editor}"))?;
        ensure!(status.success(), "the editor {editor} ended with {status}: nothing is changed");
        Ok(fs::read_to_string(&self.path)?)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
