//! Silence timeouts of servers: two settings of the hub.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use hub::ingest::Timeouts;

use super::configuration::Configuration;
use crate::fault::Fault;

/// Silence timeouts of servers. A server sends an event or a heartbeat at least every 10 s.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct Watch {
    /// Time without events after which a server is shown as stale, such as 25s; at least 12s [env: DROVERS_STALE_AFTER] [default: 25s]
    #[arg(long, value_name = "TIME")]
    pub(crate) stale_after: Option<Time>,
    /// Time without events after which Drovers reconnects, longer than --stale-after [env: DROVERS_DEAD_AFTER] [default: 45s]
    #[arg(long, value_name = "TIME")]
    pub(crate) dead_after: Option<Time>,
}

impl Watch {
    /// The times that are set; the command line precedes the configuration.
    ///
    /// # Errors
    /// Times that make no sense.
    pub(crate) fn timeouts(&self, configuration: &Configuration) -> Result<Timeouts, Fault> {
        let (stale, dead) = (self.stale_after, self.dead_after);
        let stale = stale.or_else(|| configuration.get("stale_after"));
        let dead = dead.or_else(|| configuration.get("dead_after"));
        let (stale, dead) = match (stale, dead) {
            (None, None) => return Ok(Timeouts::default()),
            (stale, dead) => (
                stale.map_or(hub::limits::STALE_AFTER, |time| time.0),
                dead.map_or(hub::limits::DEAD_AFTER, |time| time.0),
            ),
        };
        Timeouts::new(stale, dead)
            .map_err(|error| Fault::usage(format!("--stale-after and --dead-after: {error}")))
    }
}

/// A time as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(super) Duration);

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (number, seconds) = match text.strip_suffix('m') {
            Some(minutes) => (minutes, 60),
            None => (text.strip_suffix('s').unwrap_or(text), 1),
        };
        let number: u32 = number
            .trim_end()
            .parse()
            .map_err(|_| "write a time as 25s or 2m")?;
        Ok(Self(Duration::from_secs(u64::from(number) * seconds)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_minutes() {
        let seconds = |text: &str| text.parse().map(|time: Time| time.0.as_secs());
        assert_eq!(seconds("25s"), Ok(25));
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds(" 2 m "), Ok(120));
        for text in ["", "s", "-5s", "1.5s", "5h", "99999999999"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_time_alone_is_checked_against_the_usual_other() {
        let watch = |stale: Option<&str>, dead: Option<&str>| Watch {
            stale_after: stale.map(|time| time.parse().unwrap()),
            dead_after: dead.map(|time| time.parse().unwrap()),
        };
        let usual = Configuration::default();
        assert!(watch(Some("15s"), None).timeouts(&usual).is_ok());
        assert!(watch(Some("60s"), None).timeouts(&usual).is_err());
        assert!(watch(None, Some("20s")).timeouts(&usual).is_err());
        assert!(watch(Some("1m"), Some("2m")).timeouts(&usual).is_ok());
    }
}
