//! What a drill is at, on standard error: a bar on a terminal, else a line now and then.

use client::output;
use std::{
    io::{IsTerminal, stderr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    task::JoinHandle,
    time::{Instant, interval},
};

/// How often there is a line.
const LINE: Duration = Duration::from_secs(5);

/// The state that is shown.
#[derive(Clone, Debug, Default)]
struct State {
    phase: String,
    acknowledged: Arc<AtomicUsize>,
    of: usize,
}

/// Shows a drill's state until it is dropped.
#[derive(Debug)]
pub struct Progress {
    state: Arc<Mutex<State>>,
    shown: JoinHandle<()>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For a drill of this name.
    pub fn show(drill: &str) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let bar = stderr().is_terminal().then(|| bar(drill));
        let shown = match bar.clone() {
            Some(bar) => tokio::spawn(keep_bar(bar, state.clone())),
            None => tokio::spawn(print_lines(drill.to_owned(), state.clone())),
        };
        Self { state, shown, bar }
    }

    /// What is being done now.
    pub fn phase(&self, phase: impl Into<String>) {
        self.lock().phase = phase.into();
    }

    /// So many registrations are to be acknowledged, and this counts them.
    pub fn watch(&self, acknowledged: Arc<AtomicUsize>, of: usize) {
        let mut state = self.lock();
        (state.acknowledged, state.of) = (acknowledged, of);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shown.abort();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(drill: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_prefix(drill.to_owned());
    let style = ProgressStyle::with_template("{prefix:18} {elapsed:>4} [{bar:24}] {pos}/{len} acknowledged  {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

async fn keep_bar(bar: ProgressBar, state: Arc<Mutex<State>>) {
    let mut tick = interval(Duration::from_millis(200));
    loop {
        tick.tick().await;
        let State { phase, acknowledged, of } = state.lock().clone();
        bar.set_length(of as u64);
        bar.set_position(acknowledged.load(Ordering::Relaxed) as u64);
        bar.set_message(phase);
    }
}

async fn print_lines(drill: String, state: Arc<Mutex<State>>) {
    let began = Instant::now();
    let mut tick = interval(LINE);
    tick.tick().await;
    loop {
        tick.tick().await;
        let State { phase, acknowledged, of } = state.lock().clone();
        let done = acknowledged.load(Ordering::Relaxed);
        output::tell(format_args!(
            "  … {drill}: {} s, {done} of {of} acknowledged, {phase}",
            began.elapsed().as_secs()
        ));
    }
}
