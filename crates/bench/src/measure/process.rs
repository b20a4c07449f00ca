//! What the kernel tells of a process and of the machine (Linux).

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

/// Nanoseconds of one unit of `/proc/PID/stat`: Linux tells programs a hundredth of a second, whatever its own clock is.
const STAT_UNIT: Duration = Duration::from_millis(10);

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    /// The part that is no file's: heap and stacks.
    pub(crate) anonymous: u64,
}

/// CPU time that a process has used, with all its threads, those that have ended too.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces and parentheses; what follows it does not.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let unit = |at: usize| -> Option<u32> { fields.get(at)?.parse().ok() };
    let units = unit(11).zip(unit(12)).map(|(user, system)| user + system);
    Ok(STAT_UNIT * units.context("/proc/PID/stat has another form")?)
}

/// Memory of a process.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| -> Option<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Ok(Memory {
        rss: field("Rss:").context("no Rss")? * 1024,
        anonymous: field("Anonymous:").context("no Anonymous")? * 1024,
    })
}

/// How busy the machine was, since some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    busy: u64,
    stolen: u64,
    total: u64,
}

/// Shares of the machine's time, in percent.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Shares {
    /// Whatever anyone did.
    pub(crate) busy: f64,
    /// What the host took away.
    pub(crate) stolen: f64,
}

impl Machine {
    pub(crate) fn now() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        let first = stat.lines().next().context("/proc/stat is empty")?;
        let fields: Vec<u64> = first
            .split_whitespace()
            .skip(1)
            .filter_map(|field| field.parse().ok())
            .collect();
        let at = |at: usize| fields.get(at).copied().unwrap_or(0);
        let total = (0..8).map(at).sum();
        Ok(Self {
            busy: total - at(3) - at(4),
            stolen: at(7),
            total,
        })
    }

    /// What happened since.
    pub(crate) fn since(self) -> Result<Shares> {
        let now = Self::now()?;
        let total = (now.total - self.total).max(1) as f64;
        Ok(Shares {
            busy: (now.busy - self.busy) as f64 / total * 100.0,
            stolen: (now.stolen - self.stolen) as f64 / total * 100.0,
        })
    }
}

/// The machine, in a line.
pub(crate) fn machine_line() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load
        .split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ");
    format!("{cores} cores, {name}, load before {load}")
}
