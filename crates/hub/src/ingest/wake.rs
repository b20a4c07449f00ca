//! Detects that the machine slept or that its network changed: connections report neither for minutes.
//!
//! [`SightComparer`] is the policy, a value; only [`watch`] at the end reads clocks and interfaces. Nothing here
//! connects.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::time::Timestamp;
use sysinfo::Networks;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::limits;

/// A sample of the clocks and addresses of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// The time of day, which advances while the machine sleeps.
    pub(crate) wall_clock: Timestamp,
    /// The monotonic clock, which does not.
    pub(crate) now: Instant,
    /// Addresses by which other machines can be reached.
    pub(crate) addresses: BTreeSet<IpAddr>,
}

/// The reason why connections must prove that they are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The machine slept.
    Woke,
    /// It has other addresses than before.
    NetworkChanged,
}

/// Compares each sample with the previous one.
#[derive(Debug)]
pub(crate) struct SightComparer {
    last: Sight,
    last_nudge: Option<Instant>,
    /// A cause that came too soon after the previous one, and is reported later.
    owed: Option<Cause>,
}

impl SightComparer {
    pub(crate) fn new(first: Sight) -> Self {
        Self {
            last: first,
            last_nudge: None,
            owed: None,
        }
    }

    /// A cause to check connections, at most one in [`limits::NUDGE_PACE`]; further ones are delayed until then.
    pub(crate) fn at(&mut self, sight: Sight) -> Option<Cause> {
        let cause = self.cause(&sight);
        let now = sight.now;
        self.last = sight;
        self.owed = cause.or(self.owed);
        if self
            .last_nudge
            .is_some_and(|last| now < last + limits::NUDGE_PACE)
        {
            return None;
        }
        let cause = self.owed.take()?;
        self.last_nudge = Some(now);
        Some(cause)
    }

    fn cause(&self, sight: &Sight) -> Option<Cause> {
        let passed = i128::from(sight.wall_clock.0) - i128::from(self.last.wall_clock.0);
        let lasted = sight.now.duration_since(self.last.now).as_millis() as i128;
        if passed - lasted > limits::SLEPT.as_millis() as i128 {
            Some(Cause::Woke)
        } else if sight.addresses != self.last.addresses {
            Some(Cause::NetworkChanged)
        } else {
            None
        }
    }
}

/// True for an address by which a machine may reach others: neither a loopback address, nor a link-local one, such as
/// those of containers that come and go.
fn reaches(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
    }
}

fn addresses(networks: &mut Networks) -> BTreeSet<IpAddr> {
    networks.refresh(true);
    let interfaces = networks.values();
    let all = interfaces.flat_map(|interface| interface.ip_networks().iter().map(|ip| ip.addr));
    all.filter(reaches).collect()
}

/// Polls periodically, and passes each cause to `nudge` until `nudge` returns false.
pub(crate) async fn watch(clock: Clock, mut nudge: impl FnMut(Cause) -> bool) {
    let networks = Networks::new();
    let mut networks = networks
        .inspect_err(|error| tracing::warn!(%error, "a change of network will not be noticed"))
        .ok();
    let mut sight = move || Sight {
        wall_clock: clock.now(),
        now: Instant::now(),
        addresses: networks.as_mut().map(addresses).unwrap_or_default(),
    };
    let mut look = SightComparer::new(sight());
    let mut ticks = interval(limits::NUDGE_LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(cause) = look.at(sight())
            && !nudge(cause)
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Machine {
        look: SightComparer,
        sight: Sight,
    }

    impl Machine {
        fn new() -> Self {
            let sight = Sight {
                wall_clock: Timestamp(1_000_000),
                now: Instant::now(),
                addresses: set(&["192.168.1.5"]),
            };
            Self {
                look: SightComparer::new(sight.clone()),
                sight,
            }
        }

        /// Advances each clock by some seconds.
        fn after(&mut self, wall: i64, lasted: u64) -> Option<Cause> {
            self.sight.wall_clock.0 += wall * 1000;
            self.sight.now += Duration::from_secs(lasted);
            self.look.at(self.sight.clone())
        }

        fn with(&mut self, of: &[&str]) -> &mut Self {
            self.sight.addresses = set(of);
            self
        }
    }

    fn set(of: &[&str]) -> BTreeSet<IpAddr> {
        of.iter()
            .filter_map(|address| address.parse().ok())
            .collect()
    }

    #[test]
    fn time_that_only_the_wall_clock_counted_was_slept() {
        let mut machine = Machine::new();
        assert_eq!(machine.after(5, 5), None);
        assert_eq!(machine.after(9, 5), None, "a clock that is set a little");
        assert_eq!(machine.after(3600, 5), Some(Cause::Woke));
        assert_eq!(machine.after(5, 5), None);
        assert_eq!(machine.after(-3600, 5), None, "a clock that is set back");
    }

    #[test]
    fn other_addresses_are_another_network() {
        let mut machine = Machine::new();
        let changed = machine.with(&["10.0.0.7"]).after(5, 5);
        assert_eq!(changed, Some(Cause::NetworkChanged));
        assert_eq!(machine.after(5, 5), None);
        let lost = machine.with(&[]).after(5, 5);
        assert_eq!(lost, Some(Cause::NetworkChanged));
    }

    #[test]
    fn a_storm_is_told_at_a_pace_and_its_last_word_is_not_lost() {
        let mut machine = Machine::new();
        let mut nudges = 0;
        for second in 0..100 {
            let address = format!("10.0.0.{second}");
            nudges += u32::from(machine.with(&[&address]).after(1, 1).is_some());
        }
        assert_eq!(nudges, 10);
        assert_eq!(machine.after(1, 1), Some(Cause::NetworkChanged));
        assert_eq!(machine.after(60, 60), None);
    }

    #[test]
    fn what_every_interface_gives_itself_is_no_network() {
        let noise = ["127.0.0.1", "::1", "fe80::42:1", "169.254.7.7", "0.0.0.0"];
        assert!(set(&noise).iter().all(|address| !reaches(address)));
        let real = ["192.168.1.5", "100.64.0.2", "2001:db8::1", "fd00::1"];
        assert!(set(&real).iter().all(reaches));
    }
}
