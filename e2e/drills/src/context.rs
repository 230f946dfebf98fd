//! Where a drill happens: a fleet, load on it, and the clock. The scripts in `scripts/` say what happens.

use std::{collections::HashMap, time::Duration};

use anyhow::Context;
use e2e::{
    api::Registration,
    load::{Load, Plan},
    services,
};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    catalogue::Size,
    fleet::{Fleet, now},
    observations,
    progress::Progress,
    verdict::{Expected, Verdict, judge},
};

/// How long the fleet may take to be quiet after the fault.
const QUIET: Duration = Duration::from_mins(5);
/// Nothing new for so long: it will never be quiet. Longer than it takes a history to heal a binding.
const STUCK: Duration = Duration::from_secs(100);
/// How long a client repeats a registration.
const PATIENCE: Duration = Duration::from_mins(3);

/// A drill that is being carried out.
#[derive(Debug)]
pub struct DrillContext<'a> {
    pub fleet: &'a Fleet,
    pub expected: Expected,
    /// One address in so many is refused, so that compensation happens, and with it events whose order matters.
    pub refused_every: usize,
    pub registrations: Vec<Registration>,
    /// By the wall clock, as everything in the fleet is marked.
    pub since: Timestamp,
    drill: String,
    size: Size,
    progress: Progress,
    load: Option<Load>,
    logs_from: HashMap<&'static str, u64>,
    began: Instant,
    /// When the fault was over, or the load, whichever ended last.
    over: Instant,
    unrest: Vec<String>,
    notes: Vec<String>,
}

impl<'a> DrillContext<'a> {
    /// On a fleet that is quiet.
    pub fn set(fleet: &'a Fleet, drill: &str, size: Size) -> Self {
        let progress = Progress::show(drill);
        Self {
            fleet,
            expected: Expected::default(),
            refused_every: 10,
            registrations: Vec::new(),
            since: now(),
            drill: drill.to_owned(),
            size,
            progress,
            load: None,
            logs_from: log_lengths(fleet),
            began: Instant::now(),
            over: Instant::now(),
            unrest: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Says what is being done.
    pub fn say(&self, phase: &str) {
        self.progress.phase(phase);
    }

    /// Something to be told beside the verdict.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// How many customers register.
    pub fn customers(&self) -> usize {
        self.size.customers
    }

    /// Clients begin to register.
    pub fn put_on_load(&mut self) {
        self.say("load");
        let Size { customers: count, clients, over } = self.size;
        let plan = Plan { clients, count, over, refused_every: self.refused_every, patience: PATIENCE };
        let load = Load::planned(&self.fleet.api, plan);
        self.progress.watch(load.counter(), count);
        self.load = Some(load);
    }

    /// Waits until so many of a hundred registrations are acknowledged.
    pub async fn until_percent(&self, percent: usize) -> anyhow::Result<()> {
        let load = self.load.as_ref().context("there is no load")?;
        load.until(self.size.customers * percent / 100).await
    }

    /// Whether every registration is acknowledged.
    pub fn is_loaded(&self) -> bool {
        self.load.as_ref().is_none_or(|load| load.acknowledged() >= self.size.customers)
    }

    /// Waits until every registration is acknowledged.
    pub async fn finish_load(&mut self) -> anyhow::Result<()> {
        self.say("waiting for the last acknowledgement");
        self.until_percent(100).await?;
        let load = self.load.take().context("there is no load")?;
        self.registrations.extend(load.finish().await?);
        self.over = Instant::now();
        Ok(())
    }

    /// From here on the fleet recovers.
    pub fn lifted(&mut self) {
        self.over = self.over.max(Instant::now());
    }

    /// Waits until nothing is under way but what concerns `except`. It is the verdict's business if that never comes.
    pub async fn until_quiet(&mut self, except: &[Uuid]) {
        self.say("waiting until the fleet is quiet");
        let began = Instant::now();
        let mut news = began;
        loop {
            let asked = self.fleet.unrest(self.since, except).await;
            let unrest = asked.unwrap_or_else(|error| vec![format!("the fleet can't be looked into: {error:#}")]);
            if unrest != self.unrest {
                news = Instant::now();
            }
            self.unrest = unrest;
            self.say(&format!(
                "waiting until the fleet is quiet ({})",
                self.unrest.first().map_or("it is", String::as_str)
            ));
            if self.unrest.is_empty() || began.elapsed() > QUIET || news.elapsed() > STUCK {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits, as long as it may take to be quiet, until nothing is under way but in `service`.
    pub async fn until_only_in(&self, service: &str) {
        self.say(&format!("waiting until nothing is under way but in {service}"));
        let began = Instant::now();
        while began.elapsed() < QUIET {
            let asked = self.fleet.database.under_way(self.since, &[]).await;
            if asked.is_ok_and(|under_way| under_way.iter().all(|(what, _)| what.starts_with(service))) {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// The verdict on everything so far.
    pub async fn judge(&self) -> anyhow::Result<Verdict> {
        let recovered = self.over.elapsed();
        self.say("comparing");
        let mut observations =
            observations::look(self.fleet, self.since, &self.registrations, &self.expected, &self.logs_from).await?;
        observations.unrest.clone_from(&self.unrest);
        let mut verdict = judge(&self.drill, &self.registrations, &observations, &self.expected);
        verdict.notes.clone_from(&self.notes);
        verdict.seconds_to_recover = recovered.as_secs_f64();
        verdict.seconds = self.began.elapsed().as_secs_f64();
        Ok(verdict)
    }

    /// Waits until a service is ready again.
    pub async fn until_ready(&self, service: &str) -> anyhow::Result<()> {
        self.fleet.faults.control.until_runs(service).await?;
        self.fleet.api.until_ready(service).await
    }
}

fn log_lengths(fleet: &Fleet) -> HashMap<&'static str, u64> {
    let length = |service| Some((service, fleet.logs.as_ref()?.length(service)));
    services().into_iter().filter_map(length).collect()
}
