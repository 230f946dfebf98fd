//! Clients that register customers while things break, and repeat a request until it is acknowledged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use parking_lot::Mutex;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use uuid::Uuid;

use crate::{
    api::{Answer, Api, Registration, address, send},
    eventually::{PATIENCE, eventually},
};

/// How long a client rests before it repeats a request, at first and at most.
const REST: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Registrations that are to be made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub clients: usize,
    pub count: usize,
    /// They begin evenly over this time; as fast as they are answered if it is zero.
    pub over: Duration,
    /// One address in so many is one that the mail sink refuses; none if zero.
    pub refused_every: usize,
    /// How long a client repeats one request.
    pub patience: Duration,
}

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
    plan: Plan,
    began: Instant,
    /// After every registration.
    pause: Duration,
    begun: AtomicUsize,
    /// How many are to begin.
    count: AtomicUsize,
    acknowledged: Arc<AtomicUsize>,
    refused: AtomicUsize,
    last_refusal: Mutex<Option<Answer>>,
}

impl Load {
    /// So many clients that go on until [`Load::finish`], each resting for `pause` after every registration.
    pub fn steady(api: &Api, clients: usize, pause: Duration) -> Self {
        let mut load = Self::start(api, Plan { clients, count: usize::MAX, ..Plan::BURST }, pause);
        load.endless = true;
        load
    }

    /// So many clients that make `count` registrations together, as fast as they are answered.
    pub fn burst(api: &Api, clients: usize, count: usize) -> Self {
        Self::planned(api, Plan { clients, count, ..Plan::BURST })
    }

    /// What `plan` says.
    pub fn planned(api: &Api, plan: Plan) -> Self {
        Self::start(api, plan, Duration::ZERO)
    }

    fn start(api: &Api, plan: Plan, pause: Duration) -> Self {
        let shared = Arc::new(Shared {
            api: api.clone(),
            plan,
            began: Instant::now(),
            pause,
            begun: AtomicUsize::new(0),
            count: AtomicUsize::new(plan.count),
            acknowledged: Arc::default(),
            refused: AtomicUsize::new(0),
            last_refusal: Mutex::default(),
        });
        let clients = (0..plan.clients).map(|_| tokio::spawn(run(shared.clone()))).collect();
        Self { shared, endless: false, clients }
    }

    /// How many registrations are acknowledged, for whoever watches.
    pub fn counter(&self) -> Arc<AtomicUsize> {
        self.shared.acknowledged.clone()
    }

    /// How many registrations are acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until so many registrations are acknowledged. Fails if the clients end before that.
    pub async fn until(&self, count: usize) -> anyhow::Result<()> {
        while self.acknowledged() < count {
            let ended = self.clients.iter().all(JoinHandle::is_finished);
            ensure!(!ended || self.acknowledged() >= count, "the clients have ended after {}", self.acknowledged());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits for `count` acknowledgements from now on.
    pub async fn until_more(&self, count: usize) -> anyhow::Result<()> {
        let wanted = self.acknowledged() + count;
        let waiting = tokio::time::timeout(PATIENCE, self.until(wanted)).await;
        waiting.with_context(|| format!("not within {PATIENCE:?}: {wanted} registrations are acknowledged"))?
    }

    /// Waits for a 503 from now on, and gives it.
    pub async fn until_refused(&self) -> anyhow::Result<Answer> {
        let before = self.shared.refused.load(Ordering::Relaxed);
        eventually("a registration is refused", || async {
            ensure!(self.shared.refused.load(Ordering::Relaxed) > before, "none so far");
            let last = self.shared.last_refusal.lock().clone();
            last.ok_or_else(|| anyhow::anyhow!("none so far"))
        })
        .await
    }

    /// Ends what would go on, lets every client have its last acknowledgement, and gives all registrations.
    pub async fn finish(mut self) -> anyhow::Result<Vec<Registration>> {
        if self.endless {
            self.shared.count.store(0, Ordering::Relaxed);
        }
        let mut all = Vec::new();
        for client in std::mem::take(&mut self.clients) {
            all.extend(client.await??);
        }
        Ok(all)
    }
}

/// Whoever gives up the load ends it.
impl Drop for Load {
    fn drop(&mut self) {
        self.clients.iter().for_each(JoinHandle::abort);
    }
}

async fn run(shared: Arc<Shared>) -> anyhow::Result<Vec<Registration>> {
    let mut registered = Vec::new();
    while let Some(number) = shared.begin_another().await {
        registered.push(shared.register(number).await?);
        shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        sleep(shared.pause).await;
    }
    Ok(registered)
}

impl Plan {
    const BURST: Self = Self { clients: 1, count: 0, over: Duration::ZERO, refused_every: 0, patience: PATIENCE };

    /// When registration `number` begins, after the first.
    fn begins(&self, number: usize) -> Duration {
        let share = u32::try_from(number).ok().zip(u32::try_from(self.count).ok().filter(|count| *count > 0));
        share.map_or(Duration::ZERO, |(number, count)| self.over.mul_f64(f64::from(number) / f64::from(count)))
    }

    fn address(&self, number: usize) -> String {
        let refused = self.refused_every > 0 && number % self.refused_every == self.refused_every / 2;
        address(if refused { "refused.test" } else { "example.com" })
    }
}

impl Shared {
    /// The number of the next registration, when it is time for it.
    async fn begin_another(&self) -> Option<usize> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        if number >= self.count.load(Ordering::Relaxed) {
            return None;
        }
        sleep_until(self.began + self.plan.begins(number)).await;
        Some(number)
    }

    /// Under one `Idempotency-Key`, so that a request whose answer was lost is not a second registration.
    async fn register(&self, number: usize) -> anyhow::Result<Registration> {
        let (email, key) = (self.plan.address(number), Uuid::now_v7().to_string());
        let (deadline, mut rest) = (Instant::now() + self.plan.patience, REST.0);
        loop {
            let error = match self.attempt(&email, &key).await {
                Ok(answered) => return answered,
                Err(error) => error,
            };
            if Instant::now() >= deadline {
                return Err(error).with_context(|| format!("not acknowledged within {:?}", self.plan.patience));
            }
            sleep(rest).await;
            rest = (rest * 2).min(REST.1);
        }
    }

    /// The outer error says that another attempt is right.
    async fn attempt(&self, email: &str, key: &str) -> anyhow::Result<anyhow::Result<Registration>> {
        let answer = send(self.api.registering(email, "Ada Lovelace").header("idempotency-key", key)).await?;
        match answer.status {
            201 => Ok(answer.registration(email)),
            503 => {
                *self.last_refusal.lock() = Some(answer.clone());
                self.refused.fetch_add(1, Ordering::Relaxed);
                bail!("503: {}", answer.text)
            }
            // Nothing else is right, and trying again would hide it.
            _ => Ok(Err(anyhow::anyhow!("a registration was answered {}: {}", answer.status, answer.text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrations_begin_evenly_and_a_tenth_of_them_with_an_address_that_is_refused() {
        let plan = Plan { count: 100, over: Duration::from_secs(50), refused_every: 10, ..Plan::BURST };
        assert_eq!(plan.begins(0), Duration::ZERO);
        assert_eq!(plan.begins(50), Duration::from_secs(25));
        assert_eq!(Plan::BURST.begins(50), Duration::ZERO);
        let refused = (0..100).filter(|number| plan.address(*number).ends_with("@refused.test")).count();
        assert_eq!(refused, 10);
        assert!((0..100).all(|number| Plan::BURST.address(number).ends_with("@example.com")));
    }
}
