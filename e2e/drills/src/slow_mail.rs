//! A mail server that takes its time: a proxy before the real one, which holds back its answer to the end of each mail, and
//! for some recipients keeps it.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    task::JoinHandle,
    time::sleep,
};

use super::proxy::address_towards;

/// One recipient in so many is never told that the mail was accepted.
const SILENT_EVERY: usize = 5;

/// The proxy, on a port of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct SlowMail {
    pub addr: SocketAddr,
    recipients: Recipients,
    serving: JoinHandle<()>,
}

/// Who was written to, in their order.
#[derive(Clone, Debug, Default)]
struct Recipients(Arc<Mutex<HashMap<String, usize>>>);

impl Recipients {
    /// Whether this one is never told, however often the mail comes.
    fn is_silent(&self, rcpt: &str) -> bool {
        let mut known = self.0.lock();
        let next = known.len();
        known.entry(rcpt.to_owned()).or_insert(next).is_multiple_of(SILENT_EVERY)
    }
}

impl SlowMail {
    /// Before the mail server at `target`, whose answers come `delay` late.
    pub async fn before(target: String, delay: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((address_towards(&target).await?, 0)).await?;
        let addr = listener.local_addr()?;
        let recipients = Recipients::default();
        let serving = tokio::spawn(serve(listener, target, delay, recipients.clone()));
        Ok(Self { addr, recipients, serving })
    }

    /// How many recipients were never told.
    pub fn silent(&self) -> usize {
        self.recipients.0.lock().len().div_ceil(SILENT_EVERY)
    }
}

impl Drop for SlowMail {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, target: String, delay: Duration, recipients: Recipients) {
    while let Ok((mut near, _)) = listener.accept().await {
        let (target, recipients) = (target.clone(), recipients.clone());
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(target).await else { return };
            let (near, far) = (near.split(), far.split());
            let ended = Mutex::new(None);
            tokio::select! {
                _ = say(near.0, far.1, &recipients, &ended) => {}
                _ = answer(far.0, near.1, delay, &ended) => {}
            }
        });
    }
}

/// A mail that was said to its end, and whether that is ever answered.
type Ended = Mutex<Option<bool>>;

/// Passes on what the client says, line by line, and notes the end of each mail before the server can answer it.
async fn say(from: ReadHalf<'_>, mut to: WriteHalf<'_>, recipients: &Recipients, ended: &Ended) -> std::io::Result<()> {
    let (mut lines, mut line) = (BufReader::new(from), Vec::new());
    let (mut is_mail, mut is_silent) = (false, false);
    while lines.read_until(b'\n', &mut line).await? > 0 {
        match &line[..] {
            b".\r\n" if is_mail => {
                is_mail = false;
                *ended.lock() = Some(is_silent);
            }
            _ if is_mail => {}
            b"DATA\r\n" => is_mail = true,
            command if command.starts_with(b"RCPT TO:") => {
                is_silent = recipients.is_silent(&String::from_utf8_lossy(command));
            }
            _ => {}
        }
        to.write_all(&line).await?;
        line.clear();
    }
    Ok(())
}

/// Passes on what the server answers; after the end of a mail late, or not at all: then it hangs up.
async fn answer(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, delay: Duration, ended: &Ended) -> std::io::Result<()> {
    let mut bytes = vec![0; 4096];
    loop {
        let count = from.read(&mut bytes).await?;
        let of_a_mail = ended.lock().take();
        if let Some(is_silent) = of_a_mail {
            sleep(delay).await;
            if is_silent {
                return Ok(());
            }
        }
        if count == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
    }
}
