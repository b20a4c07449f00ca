//! The figures of Drovers: a load generator, viewers, and what they measure of a running hub. Never part of the product.
//!
//! * `load`: servers that speak OpenCode over TCP, from one thread.
//! * `view`: viewers of several kinds, each noting how old the words are that it sees.
//! * [`hub`]: the built program, started on servers.
//! * [`page`]: bytes of a page on the wire.
//! * `stage`: a load, a hub, viewers, and a window of time over them.
//! * `runs`: the measurements, one file for each subject.
//! * [`report`]: tables, goals, charts, files of figures.
//!
//! The measured program is another process, observed through the kernel and the wire. `testkit::perf` measures the page in a
//! browser on the same modules.

mod cli;
pub mod hub;
mod load;
pub mod measure;
pub mod page;
pub mod report;
mod runs;
mod setup;
mod stage;
mod view;

use std::path::PathBuf;

pub use cli::main;

/// Measures everything shortly, with small loads, and returns the report as Markdown.
///
/// # Errors
/// Something cannot be measured, or a figure that does not depend on the machine's speed is above its short bound.
pub async fn short(hub: PathBuf) -> anyhow::Result<String> {
    cli::short(hub).await
}
