//! Notices that the machine slept or that its network changed: no connection tells of either, for minutes.
//!
//! [`Look`] is the policy, a value; only [`watch`] at the end reads clocks and interfaces. Nothing here connects.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::time::Timestamp;
use sysinfo::Networks;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::limits;

/// What was seen at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// The time of day, which goes on while the machine sleeps.
    pub(crate) wall: Timestamp,
    /// The clock of durations, which does not.
    pub(crate) now: Instant,
    /// Addresses by which others may be reached.
    pub(crate) addresses: BTreeSet<IpAddr>,
}

/// Why connections are in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The machine slept.
    Woke,
    /// It has other addresses than before.
    NetworkChanged,
}

/// Compares each sight with the one before.
#[derive(Debug)]
pub(crate) struct Look {
    last: Sight,
    told: Option<Instant>,
    /// A cause that came too soon after the one before it, and is told later.
    owed: Option<Cause>,
}

impl Look {
    pub(crate) fn new(first: Sight) -> Self {
        Self {
            last: first,
            told: None,
            owed: None,
        }
    }

    /// A cause for doubt, at most one in [`limits::NUDGE_PACE`]; further ones are put off until then.
    pub(crate) fn at(&mut self, sight: Sight) -> Option<Cause> {
        let cause = self.cause(&sight);
        let now = sight.now;
        self.last = sight;
        self.owed = cause.or(self.owed);
        if self
            .told
            .is_some_and(|told| now < told + limits::NUDGE_PACE)
        {
            return None;
        }
        let cause = self.owed.take()?;
        self.told = Some(now);
        Some(cause)
    }

    fn cause(&self, sight: &Sight) -> Option<Cause> {
        let passed = i128::from(sight.wall.0) - i128::from(self.last.wall.0);
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

/// True for an address by which a machine may reach others: not its own loopback, nor one that every interface gives
/// itself, such as those of containers that come and go.
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

/// Looks again and again, and tells each cause to `nudge` until that answers false.
pub(crate) async fn watch(clock: Clock, mut nudge: impl FnMut(Cause) -> bool) {
    let networks = Networks::new();
    let mut networks = networks
        .inspect_err(|error| tracing::warn!(%error, "a change of network will not be noticed"))
        .ok();
    let mut sight = move || Sight {
        wall: clock.now(),
        now: Instant::now(),
        addresses: networks.as_mut().map(addresses).unwrap_or_default(),
    };
    let mut look = Look::new(sight());
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
        look: Look,
        sight: Sight,
    }

    impl Machine {
        fn new() -> Self {
            let sight = Sight {
                wall: Timestamp(1_000_000),
                now: Instant::now(),
                addresses: set(&["192.168.1.5"]),
            };
            Self {
                look: Look::new(sight.clone()),
                sight,
            }
        }

        /// Some seconds pass by each clock.
        fn after(&mut self, wall: i64, lasted: u64) -> Option<Cause> {
            self.sight.wall.0 += wall * 1000;
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
        let mut told = 0;
        for second in 0..100 {
            let address = format!("10.0.0.{second}");
            told += u32::from(machine.with(&[&address]).after(1, 1).is_some());
        }
        assert_eq!(told, 10);
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
