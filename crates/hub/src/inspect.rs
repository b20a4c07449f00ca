//! Frames of the log, described for people who debug, and what the event inspector keeps for them.
//!
//! Nothing here runs while no inspector is open. What is kept for one, the timelines of sessions and uploaded bundles,
//! is bounded and ends soon after its last use.

mod frames;
mod kept;
mod page_errors;

pub use frames::{Bin, Described, Describer, FrameFilter, FrameKind, FrameRow, frame_json};
pub use kept::{Age, BundleId, Inspections};
pub use page_errors::{PageError, PageErrors};
