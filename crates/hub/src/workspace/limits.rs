//! The bounds of processes and folders, each with what happens there.

use std::time::Duration;

/// A server that has not printed its address by then is ended and reported as never having listened.
/// OpenCode 1.18 needs 1.0–3.4 s on two cores.
pub(super) const START: Duration = Duration::from_secs(20);

/// A server that has not ended this long after TERM gets KILL.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// What a server leaves behind (tools it ran in sessions of their own) has this long between TERM and KILL.
pub(super) const LEFTOVER_GRACE: Duration = Duration::from_secs(1);

/// The guard stops waiting for killed processes after this (they hang in the kernel) and ends.
pub(super) const KILL_WAIT: Duration = Duration::from_secs(2);

/// Between two looks for children of the killed, which only then become the guard's own.
pub(super) const KILL_ROUND: Duration = Duration::from_millis(50);

/// A guard that has not ended by then is killed together with its group: the sum of its own waits, and a second.
pub(super) const STOP: Duration = Duration::from_secs(9);

/// The last words of a process that are waited for after its end; later ones are lost.
pub(super) const DRAIN: Duration = Duration::from_millis(500);

/// Lines kept of what a server printed; older ones are dropped.
pub(super) const OUTPUT_LINES: usize = 64;

/// Bytes kept of what a server printed; older lines are dropped.
pub(super) const OUTPUT_BYTES: usize = 16 * 1024;

/// Bytes of one printed line; the rest of a longer line is dropped.
pub(super) const LINE_BYTES: usize = 2 * 1024;

/// Folders that are trusted. Beyond it the one that was trusted first is asked for again.
pub(super) const TRUSTED: usize = 4096;

/// Folders that are looked through for configuration, from one up. Beyond it what would be loaded is not named, and the
/// first folder that was left out is.
pub(super) const ABOVE: usize = 64;
