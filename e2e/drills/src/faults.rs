//! What is broken at the moment, and how each of it is fixed: a drill fixes what it broke, and so does Ctrl-C.

use std::sync::Arc;

use anyhow::Context;
use e2e::mailbox::Mailbox;
use parking_lot::Mutex;

use super::process_control::ProcessControl;

/// A fault that lasts until somebody fixes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The service is down and stays so.
    Held(&'static str),
    /// The service runs with other settings.
    Overridden(&'static str),
    /// The server is stopped.
    Stopped(&'static str),
    /// A second replica of the service runs.
    Doubled(&'static str),
    /// Nobody takes mails.
    MailAway,
}

/// Breaks, remembers, and fixes. Copies share what is broken.
#[derive(Clone, Debug)]
pub struct Faults {
    pub control: ProcessControl,
    mailbox: Mailbox,
    broken: Arc<Mutex<Vec<Fault>>>,
}

impl Faults {
    /// Nothing is broken yet.
    pub fn new(control: ProcessControl, mailbox: Mailbox) -> Self {
        Self { control, mailbox, broken: Arc::default() }
    }

    /// SIGKILL. The service comes back.
    pub async fn kill(&self, service: &str) -> anyhow::Result<()> {
        self.control.kill(service).await
    }

    /// SIGKILL, and the service stays down until [`Faults::release`].
    pub async fn hold(&self, service: &'static str) -> anyhow::Result<()> {
        self.begin(Fault::Held(service));
        self.control.hold(service).await
    }

    /// The service comes back.
    pub async fn release(&self, service: &'static str) -> anyhow::Result<()> {
        self.fix(Fault::Held(service)).await
    }

    /// From its next start on the service has these settings (lines of `NAME=value`) as well, until [`Faults::restore`].
    pub async fn change_settings(&self, service: &'static str, settings: &str) -> anyhow::Result<()> {
        self.begin(Fault::Overridden(service));
        self.control.change_settings(service, Some(settings)).await
    }

    /// [`Faults::change_settings`], now.
    pub async fn restart_with(&self, service: &'static str, settings: &str) -> anyhow::Result<()> {
        self.change_settings(service, settings).await?;
        self.control.restart(service).await
    }

    /// The service restarts with the settings that it had.
    pub async fn restore(&self, service: &'static str) -> anyhow::Result<()> {
        self.fix(Fault::Overridden(service)).await
    }

    /// A second replica of the service runs, until [`Faults::end_double`].
    pub async fn double(&self, service: &'static str) -> anyhow::Result<()> {
        self.begin(Fault::Doubled(service));
        self.control.double(service).await
    }

    /// The second replica is gone.
    pub async fn end_double(&self, service: &'static str) -> anyhow::Result<()> {
        self.fix(Fault::Doubled(service)).await
    }

    /// `postgres` or `rabbitmq` stops as an administrator would stop it.
    pub async fn stop(&self, server: &'static str) -> anyhow::Result<()> {
        self.begin(Fault::Stopped(server));
        self.control.server("stop", server).await
    }

    /// The same with SIGKILL.
    pub async fn crash(&self, server: &'static str) -> anyhow::Result<()> {
        self.begin(Fault::Stopped(server));
        self.control.server("kill", server).await
    }

    /// The server starts, and answers.
    pub async fn start(&self, server: &'static str) -> anyhow::Result<()> {
        self.fix(Fault::Stopped(server)).await
    }

    /// Nobody takes mails.
    pub async fn take_mail_away(&self) -> anyhow::Result<()> {
        self.begin(Fault::MailAway);
        self.mailbox.away(true).await
    }

    /// Somebody does again.
    pub async fn bring_mail_back(&self) -> anyhow::Result<()> {
        self.fix(Fault::MailAway).await
    }

    /// Fixes whatever is still broken, the last first; tries everything, and gives the first error.
    pub async fn fix_all(&self) -> anyhow::Result<()> {
        let mut result = Ok(());
        while let Some(fault) = self.last() {
            let fixed = self.fix(fault).await;
            // Tried once: an error must not be tried for ever.
            self.end(fault);
            result = result.and(fixed.with_context(|| format!("can't fix {fault:?}")));
        }
        result
    }

    async fn fix(&self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Held(service) => self.control.release(service).await?,
            Fault::Overridden(service) => {
                self.control.change_settings(service, None).await?;
                self.control.restart(service).await?;
            }
            Fault::Stopped(server) => self.control.server("start", server).await?,
            Fault::Doubled(service) => self.control.end_double(service).await?,
            Fault::MailAway => self.mailbox.away(false).await?,
        }
        self.end(fault);
        Ok(())
    }

    /// Before it is done: who is interrupted in between has nothing to fix, and that does no harm.
    fn begin(&self, fault: Fault) {
        self.broken.lock().push(fault);
    }

    fn end(&self, fault: Fault) {
        self.broken.lock().retain(|other| *other != fault);
    }

    fn last(&self) -> Option<Fault> {
        self.broken.lock().last().copied()
    }
}
