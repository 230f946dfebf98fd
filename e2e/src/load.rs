//! Clients that register customers while things break, and repeat a request until it is acknowledged.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{bail, ensure};
use tokio::{task::JoinHandle, time::sleep};
use uuid::Uuid;

use crate::{
    api::{Answer, Api, Registration, address, send},
    eventually::eventually,
};

/// Registrations that are being made.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    endless: bool,
    clients: Vec<JoinHandle<anyhow::Result<Vec<Registration>>>>,
}

#[derive(Debug)]
struct Shared {
    api: Api,
    pause: Duration,
    /// How many are still to be made.
    left: AtomicUsize,
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    last_refusal: Mutex<Option<Answer>>,
}

impl Load {
    /// So many clients that go on until [`Load::finish`], each resting for `pause` after every registration.
    pub fn steady(api: &Api, clients: usize, pause: Duration) -> Self {
        Self { endless: true, ..Self::start(api, clients, usize::MAX, pause) }
    }

    /// So many clients that make `count` registrations together, as fast as they are answered.
    pub fn burst(api: &Api, clients: usize, count: usize) -> Self {
        Self::start(api, clients, count, Duration::ZERO)
    }

    fn start(api: &Api, clients: usize, count: usize, pause: Duration) -> Self {
        let shared = Arc::new(Shared {
            api: api.clone(),
            pause,
            left: AtomicUsize::new(count),
            acknowledged: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            last_refusal: Mutex::default(),
        });
        let clients = (0..clients).map(|_| tokio::spawn(run(shared.clone()))).collect();
        Self { shared, endless: false, clients }
    }

    /// Waits for `count` acknowledgements from now on.
    pub async fn until_more(&self, count: usize) -> anyhow::Result<()> {
        let wanted = self.shared.acknowledged.load(Ordering::Relaxed) + count;
        eventually(&format!("{wanted} registrations are acknowledged"), || async {
            let now = self.shared.acknowledged.load(Ordering::Relaxed);
            ensure!(now >= wanted, "{now} so far");
            Ok(())
        })
        .await
    }

    /// Waits for a 503 from now on, and gives it.
    pub async fn until_refused(&self) -> anyhow::Result<Answer> {
        let before = self.shared.refused.load(Ordering::Relaxed);
        eventually("a registration is refused", || async {
            ensure!(self.shared.refused.load(Ordering::Relaxed) > before, "none so far");
            let last = self.shared.last_refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
            last.ok_or_else(|| anyhow::anyhow!("none so far"))
        })
        .await
    }

    /// Ends what would go on, lets every client have its last acknowledgement, and gives all registrations.
    pub async fn finish(self) -> anyhow::Result<Vec<Registration>> {
        if self.endless {
            self.shared.left.store(0, Ordering::Relaxed);
        }
        let mut all = Vec::new();
        for client in self.clients {
            all.extend(client.await??);
        }
        Ok(all)
    }
}

async fn run(shared: Arc<Shared>) -> anyhow::Result<Vec<Registration>> {
    let mut registered = Vec::new();
    while shared.begin_another() {
        registered.push(shared.register().await?);
        shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        sleep(shared.pause).await;
    }
    Ok(registered)
}

impl Shared {
    fn begin_another(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Under one `Idempotency-Key`, so that a request whose answer was lost is not a second registration.
    async fn register(&self) -> anyhow::Result<Registration> {
        let (email, key) = (address("example.com"), Uuid::now_v7().to_string());
        eventually("a registration is acknowledged", || async {
            let request = self.api.registering(&email, "Ada Lovelace").header("idempotency-key", &key);
            let answer = send(request).await?;
            match answer.status {
                201 => Ok(Ok(answer.registration(&email)?)),
                503 => {
                    *self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    bail!("503: {}", answer.text)
                }
                // Nothing else is right, and trying again would hide it.
                _ => Ok(Err(anyhow::anyhow!("a registration was answered {}: {}", answer.status, answer.text))),
            }
        })
        .await?
    }
}
