//! The measurements, one file for each row of the table of goals.

mod bytes;
mod cost;
mod curves;
mod fan_out;
mod latency;
mod memory;
mod resident;
mod resync;
mod review;
mod start;
mod throughput;
mod weight;

use anyhow::Result;

use crate::report::Section;
use crate::setup::Setup;

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Run {
    /// How much later viewers see a word than the server's own readers
    Latency,
    /// CPU time of the hub for each upstream event
    Cost,
    /// The most events per second, beside a drain that only parses
    Throughput,
    /// Memory at start, with idle servers, under load
    Memory,
    /// Memory of each viewer, idle and stalled
    Resident,
    /// Many viewers of one stream
    FanOut,
    /// Bytes to viewers, of the upstream bytes
    Bytes,
    /// From the start to the first answer, and to the first page
    Start,
    /// Reading the state again after a drop
    Resync,
    /// The first lines of a large file's changes, and the next ones
    Review,
    /// The program's size, and the page's bytes
    Weight,
    /// What cost depends on, and what not
    Curves,
}

impl Run {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Self; 12] = [
        Self::Latency,
        Self::Cost,
        Self::Throughput,
        Self::Memory,
        Self::Resident,
        Self::FanOut,
        Self::Bytes,
        Self::Start,
        Self::Resync,
        Self::Review,
        Self::Weight,
        Self::Curves,
    ];

    /// The subject as the command line names it.
    pub(crate) fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Measures.
    pub(crate) async fn section(self, setup: &Setup) -> Result<Section> {
        match self {
            Self::Latency => latency::run(setup).await,
            Self::Cost => cost::run(setup).await,
            Self::Throughput => throughput::run(setup).await,
            Self::Memory => memory::run(setup).await,
            Self::Resident => resident::run(setup).await,
            Self::FanOut => fan_out::run(setup).await,
            Self::Bytes => bytes::run(setup).await,
            Self::Start => start::run(setup).await,
            Self::Resync => resync::run(setup).await,
            Self::Review => review::run(setup).await,
            Self::Weight => weight::run(setup).await,
            Self::Curves => curves::run(setup).await,
        }
    }
}

/// Bytes as megabytes.
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
