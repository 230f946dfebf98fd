//! `fleet top`: what the services measure, live in the terminal.

use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

use clap::Args;
use client::{FleetDir, http, output};
use tokio::time::sleep;

use crate::terminal::Screen;

mod scrape;
mod text;
mod view;

use scrape::{Look, Services};
use view::View;

/// Show what the services do just now: rates and times of the last interval, from their /metrics.
///
/// One line for each service, below it how long flows take and how many events there are. Depths and ages are read from
/// the databases every five seconds. Ctrl-C ends it.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// Seconds from one look to the next.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Look at one interval and exit; as always if this is not a terminal.
    #[arg(long)]
    once: bool,
    /// Print it as JSON, once.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetDir,
}

/// Looks, and shows what is different.
pub fn top(args: &TopArgs) -> anyhow::Result<()> {
    let (services, interval) = (Services::find(&args.fleet)?, Duration::from_secs(args.interval));
    http::block_on(async {
        if !args.once && !args.json && stdout().is_terminal() {
            return show(&services, interval).await;
        }
        let before = services.look().await;
        sleep(interval).await;
        let view = View::new(&before, &services.look().await);
        output::print(&if args.json { serde_json::to_string(&view)? } else { text::render(&view) })
    })
}

/// Until Ctrl-C; what was seen last stays on the terminal.
async fn show(services: &Services, interval: Duration) -> anyhow::Result<()> {
    let (mut screen, mut last) = (Screen::open()?, String::new());
    tokio::select! {
        result = keep_showing(services, interval, &mut screen, &mut last) => result?,
        _ = tokio::signal::ctrl_c() => {}
    }
    drop(screen);
    output::print(&last)
}

async fn keep_showing(
    services: &Services,
    interval: Duration,
    screen: &mut Screen,
    last: &mut String,
) -> anyhow::Result<()> {
    let mut before: Look = services.look().await;
    loop {
        sleep(interval).await;
        let now = services.look().await;
        *last = text::render(&View::new(&before, &now));
        screen.draw(last)?;
        before = now;
    }
}
