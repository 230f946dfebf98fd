//! Faults on purpose: handlings that fail or take longer. For drills, which prove that nothing is lost by it.

use std::{str::FromStr, time::Duration};

use event::Envelope;
use futures_util::{FutureExt, future::BoxFuture};
use jiff::SignedDuration;
use thiserror::Error;
use uuid::Uuid;

use super::HandlerLayer;
use crate::failure::{Failure, HandlerError};

/// What happens to the handlings of a service, from `fail=0.2,delay=50ms,always=0.05`.
///
/// ```
/// use messaging::middleware::Faults;
///
/// let faults: Faults = "fail=0.2,delay=50ms".parse()?;
/// assert_eq!(faults.fail, 0.2);
/// assert!("fail=2".parse::<Faults>().is_err());
/// # Ok::<(), messaging::middleware::FaultsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// This share of all handlings fails, at random; another attempt may work.
    pub fail: f64,
    /// So much longer takes every handling: a slow consumer.
    pub delay: Duration,
    /// All handlings of this share of the subjects fail, however often they are tried. See [`Faults::always_fails`].
    pub always: f64,
}

/// What can't be read as [`Faults`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FaultsError {
    /// Neither of the three, or without a value.
    #[error("{0:?} is none of fail=SHARE, delay=TIME, always=SHARE")]
    Unknown(String),
    /// Not between 0 and 1.
    #[error("{0:?} is not a share: a number from 0 to 1, as 0.2")]
    NoShare(String),
    /// No time, or a negative one.
    #[error("{0:?} is not a time: a number with its unit, as 50ms or 2s")]
    NoTime(String),
}

impl Faults {
    /// Whether all handlings about this subject fail: the last byte of the id decides, so a drill can tell who it hits.
    pub fn always_fails(&self, subject: Uuid) -> bool {
        let last = subject.as_bytes()[15];
        f64::from(last) < self.always * 256.0
    }
}

/// Waits, handles, and fails if this handling is one that fails. Only then, so that there is something to roll back.
impl HandlerLayer for Faults {
    fn around<'a>(
        &'a self,
        event: &'a Envelope,
        handling: BoxFuture<'a, Result<(), Failure>>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.inject(event.subject, handling).boxed()
    }
}

impl Faults {
    async fn inject(self, subject: Uuid, handling: BoxFuture<'_, Result<(), Failure>>) -> Result<(), Failure> {
        tokio::time::sleep(self.delay).await;
        handling.await?;
        if self.always_fails(subject) || fastrand::f64() < self.fail {
            return Err(HandlerError::Transient(anyhow::anyhow!("a fault was injected")).into());
        }
        Ok(())
    }
}

impl FromStr for Faults {
    type Err = FaultsError;

    fn from_str(text: &str) -> Result<Self, FaultsError> {
        let mut faults = Self::default();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some(("fail", value)) => faults.fail = share(value)?,
                Some(("always", value)) => faults.always = share(value)?,
                Some(("delay", value)) => faults.delay = time(value)?,
                _ => return Err(FaultsError::Unknown(part.to_owned())),
            }
        }
        Ok(faults)
    }
}

fn share(text: &str) -> Result<f64, FaultsError> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| FaultsError::NoShare(text.to_owned()))
}

fn time(text: &str) -> Result<Duration, FaultsError> {
    let time = text.parse::<SignedDuration>().ok().and_then(|time| time.try_into().ok());
    time.ok_or_else(|| FaultsError::NoTime(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn each_fault_is_read_by_its_name() {
        let faults: Faults = "fail=0.2, delay=50ms,always=0.05".parse().unwrap();
        assert_eq!(faults, Faults { fail: 0.2, delay: Duration::from_millis(50), always: 0.05 });
        assert_eq!("delay=2s".parse::<Faults>().unwrap().delay, Duration::from_secs(2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, error) in [
            ("", FaultsError::Unknown(String::new())),
            ("fail", FaultsError::Unknown("fail".into())),
            ("fail=0.2,sometimes=1", FaultsError::Unknown("sometimes=1".into())),
            ("fail=1.1", FaultsError::NoShare("1.1".into())),
            ("always=NaN", FaultsError::NoShare("NaN".into())),
            ("delay=50", FaultsError::NoTime("50".into())),
            ("delay=-1s", FaultsError::NoTime("-1s".into())),
        ] {
            assert_eq!(text.parse::<Faults>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_last_byte_of_the_id_decides_whose_handlings_always_fail() {
        let faults = Faults { always: 0.25, ..Faults::default() };
        for (last, fails) in [(0, true), (63, true), (64, false), (255, false)] {
            let id = Uuid::from_u128(u128::MAX - 255 + last);
            assert_eq!(faults.always_fails(id), fails, "{last}");
        }
    }

    #[tokio::test]
    async fn a_handling_fails_after_its_work_and_may_work_later() {
        let mut worked = false;
        let work = async {
            worked = true;
            Ok(())
        };
        let faults = Faults { fail: 1.0, ..Faults::default() };
        let failed = faults.inject(Uuid::max(), work.boxed()).await;
        assert!(worked, "there is nothing to roll back");
        assert!(failed.is_err_and(|failure| !failure.is_permanent()));
        let good = Faults::default().inject(Uuid::nil(), async { Ok(()) }.boxed()).await;
        assert!(good.is_ok());
    }
}
