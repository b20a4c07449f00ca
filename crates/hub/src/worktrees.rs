//! New work trees: which set-up commands a person allowed, how one runs, and how far each new work tree is.

mod jobs;
mod run;
mod setups;

pub use jobs::{Job, JobId, Jobs, SetupRun, Stage};
pub use run::run;
pub use setups::{FILE, Setups};
