//! So many registrations for each client and each recipient: the form must not be a way to send mail to strangers.
//!
//! Counted in this process, so that a limit holds for each replica, and anew after a restart.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use contracts::EmailAddress;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use service::problem::Problem;

use crate::config::CustomerConfig;

const PER_CLIENT: SignedDuration = SignedDuration::from_mins(1);
const PER_RECIPIENT: SignedDuration = SignedDuration::from_hours(24);
/// How many clients and recipients are remembered at most; then those who were here longest ago are forgotten.
const MOST: usize = 100_000;

/// Both limits. Copies share what they count.
#[derive(Clone, Debug)]
pub struct Limits {
    clients: Limit,
    recipients: Limit,
}

impl Limits {
    /// As `config` says.
    pub fn new(config: &CustomerConfig) -> Self {
        Self {
            clients: Limit::new(config.registrations_per_client, PER_CLIENT),
            recipients: Limit::new(config.registrations_per_recipient, PER_RECIPIENT),
        }
    }

    /// Counts a request of `client`, or says when to come again.
    pub fn client(&self, client: IpAddr, now: Timestamp) -> Result<(), TooMany> {
        self.clients.take(network(client), now)
    }

    /// Counts a mail to `recipient`, or says when there may be another.
    pub fn recipient(&self, recipient: &EmailAddress, now: Timestamp) -> Result<(), TooMany> {
        self.recipients.take(mailbox(recipient), now)
    }

    /// There will be no mail to `recipient` after all.
    pub fn give_back(&self, recipient: &EmailAddress) {
        self.recipients.give_back(mailbox(recipient));
    }
}

/// Whoever has an IPv6 address has all of its /64.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The mailbox behind an address as most servers see it: whatever its case, without what follows a plus; and for the largest
/// of them without dots.
fn mailbox(address: &EmailAddress) -> (String, String) {
    let address = address.expose().to_lowercase();
    let (local, domain) = address.rsplit_once('@').unwrap_or_default();
    let local = if local.starts_with('"') { local } else { local.split('+').next().unwrap_or_default() };
    let local = if matches!(domain, "gmail.com" | "googlemail.com") { local.replace('.', "") } else { local.into() };
    (local, domain.to_owned())
}

/// Too many for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// When the next will be one too many no more.
    pub again_in: SignedDuration,
}

impl TooMany {
    /// Too many requests.
    pub fn of_this_client(self) -> Problem {
        Problem::too_many("too many registrations from your address", self.seconds())
    }

    /// Too many mails.
    pub fn to_this_recipient(self) -> Problem {
        Problem::too_many("too many registrations with this address", self.seconds())
            .with_field("email", "was registered too often lately")
    }

    /// Rounded up: not to be asked too early.
    fn seconds(self) -> u32 {
        let seconds = self.again_in.as_secs() + i64::from(self.again_in.subsec_nanos() > 0);
        seconds.try_into().unwrap_or(u32::MAX)
    }
}

/// A leaky bucket for each key (the "generic cell rate algorithm"): it holds `burst`, and one leaks each `interval`.
#[derive(Clone, Debug)]
struct Limit {
    interval: SignedDuration,
    burst: i32,
    buckets: Arc<Mutex<Buckets>>,
}

/// When each bucket will be empty, by the hash of its key: nothing personal is here, and nobody can choose keys that collide.
#[derive(Debug, Default)]
struct Buckets {
    hasher: RandomState,
    empty_at: HashMap<u64, Timestamp>,
}

impl Limit {
    fn new(burst: u32, period: SignedDuration) -> Self {
        let burst = i32::try_from(burst).unwrap_or(i32::MAX);
        Self { interval: period / burst, burst, buckets: Arc::default() }
    }

    fn take(&self, key: impl Hash, now: Timestamp) -> Result<(), TooMany> {
        let mut buckets = self.buckets.lock();
        let key = buckets.hasher.hash_one(key);
        let filled_until = buckets.empty_at.get(&key).map_or(now, |empty_at| now.max(*empty_at)) + self.interval;
        let room_at = filled_until - self.interval * self.burst;
        if room_at > now {
            return Err(TooMany { again_in: room_at.duration_since(now) });
        }
        buckets.empty_at.insert(key, filled_until);
        buckets.forget(now);
        Ok(())
    }

    fn give_back(&self, key: impl Hash) {
        let mut buckets = self.buckets.lock();
        let key = buckets.hasher.hash_one(key);
        if let Some(empty_at) = buckets.empty_at.get_mut(&key) {
            *empty_at -= self.interval;
        }
    }
}

impl Buckets {
    /// Keeps at most [`MOST`] buckets: first those that are empty go, then the emptier half.
    fn forget(&mut self, now: Timestamp) {
        if self.empty_at.len() <= MOST {
            return;
        }
        self.empty_at.retain(|_, empty_at| *empty_at > now);
        if self.empty_at.len() > MOST / 2 {
            let mut times: Vec<_> = self.empty_at.values().copied().collect();
            let (_, median, _) = times.select_nth_unstable(MOST / 2);
            let median = *median;
            self.empty_at.retain(|_, empty_at| *empty_at > median);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    fn limits(clients: u32, recipients: u32) -> Limits {
        Limits { clients: Limit::new(clients, PER_CLIENT), recipients: Limit::new(recipients, PER_RECIPIENT) }
    }

    #[test]
    fn a_client_has_its_burst_and_then_one_at_a_time() {
        let (limits, now) = (limits(3, 1), Timestamp::UNIX_EPOCH);
        let client = "192.0.2.1".parse().expect("an address");
        for _ in 0..3 {
            assert_eq!(limits.client(client, now), Ok(()));
        }
        assert_eq!(limits.client(client, now), Err(TooMany { again_in: SignedDuration::from_secs(20) }));
        assert_eq!(limits.client("192.0.2.2".parse().expect("an address"), now), Ok(()), "others have their own");
        let later = now + SignedDuration::from_secs(20);
        assert_eq!(limits.client(client, later), Ok(()));
        assert!(limits.client(client, later).is_err());
    }

    #[test]
    fn a_client_is_an_address_or_a_network_of_ipv6() {
        let same = |one: &str, other: &str| network(one.parse().expect("one")) == network(other.parse().expect("one"));
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8:0:1::1", "2001:db8:0:2::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn a_recipient_is_one_however_the_address_is_written() {
        for (one, other, same) in [
            ("ada@example.com", "ADA+1@Example.com", true),
            ("ada.lovelace@gmail.com", "AdaLove.lace+x+y@gmail.com", true),
            ("ada.lovelace@example.com", "adalovelace@example.com", false),
            ("\"ada+1\"@example.com", "\"ada+2\"@example.com", false),
            ("ada@bücher.example", "ada@xn--bcher-kva.example", true),
        ] {
            assert_eq!(mailbox(&address(one)) == mailbox(&address(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (limits, now, ada) = (limits(1, 1), Timestamp::UNIX_EPOCH, address("ada@example.com"));
        assert_eq!(limits.recipient(&ada, now), Ok(()));
        assert!(limits.recipient(&ada, now).is_err());
        limits.give_back(&ada);
        assert_eq!(limits.recipient(&ada, now), Ok(()));
    }

    #[test]
    fn whoever_comes_from_everywhere_fills_no_memory() {
        let limits = limits(1, 1);
        for number in 0..3 * u32::try_from(MOST).expect("a number") {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_micros(number.into());
            assert_eq!(limits.client(IpAddr::V4(number.into()), now), Ok(()));
        }
        assert!(limits.clients.buckets.lock().empty_at.len() <= MOST);
    }
}
