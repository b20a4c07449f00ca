//! Silence timeouts of servers: two settings of the hub.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use hub::ingest::Timeouts;

use crate::fault::Fault;

const STALE: &str = "DROVERS_STALE_AFTER";
const DEAD: &str = "DROVERS_DEAD_AFTER";

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
    /// The times that are set; the command line goes before the environment.
    ///
    /// # Errors
    /// Times that make no sense.
    pub(crate) fn timeouts(&self) -> Result<Timeouts, Fault> {
        let stale = set(self.stale_after, STALE)?;
        let dead = set(self.dead_after, DEAD)?;
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

fn set(given: Option<Time>, variable: &str) -> Result<Option<Time>, Fault> {
    if given.is_some() {
        return Ok(given);
    }
    let Some(text) = std::env::var_os(variable) else {
        return Ok(None);
    };
    let time = text.to_string_lossy().parse();
    time.map(Some)
        .map_err(|error| Fault::usage(format!("{variable}: {error}")))
}

/// A time as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(Duration);

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
        assert!(watch(Some("15s"), None).timeouts().is_ok());
        assert!(watch(Some("60s"), None).timeouts().is_err());
        assert!(watch(None, Some("20s")).timeouts().is_err());
        assert!(watch(Some("1m"), Some("2m")).timeouts().is_ok());
    }
}
