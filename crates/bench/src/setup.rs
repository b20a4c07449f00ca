//! How measurements are made.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::report::{Figure, Goals};

/// How measurements are made.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The program that is measured.
    pub(crate) hub: PathBuf,
    /// Seconds and small loads.
    pub(crate) short: bool,
    /// Rounds of comparisons.
    pub(crate) rounds: usize,
    /// What whole windows are multiplied with.
    pub(crate) scale: f64,
    pub(crate) goals: Goals,
}

impl Setup {
    /// The whole length of a window, or that of a short run.
    pub(crate) fn seconds(&self, whole: f64, short: f64) -> Duration {
        match self.short {
            true => Duration::from_secs_f64(short),
            false => Duration::from_secs_f64(whole * self.scale),
        }
    }

    /// How long everything gets to settle before it is measured.
    pub(crate) fn settle(&self) -> Duration {
        self.seconds(1.5, 0.4)
    }

    /// The size of something in a whole run, or in a short one.
    pub(crate) fn size(&self, whole: usize, short: usize) -> usize {
        if self.short { short } else { whole }
    }

    /// A value beside its goal.
    pub(crate) fn figure(&self, id: &'static str, value: f64) -> Result<Figure> {
        self.goals.judge(id, value, self.short)
    }
}
