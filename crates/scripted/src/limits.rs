//! Every bound of this crate, with what happens at it.

use std::time::Duration;

/// Longest prompt line read as a script, in bytes. A longer one is not a script.
pub const SCRIPT_BYTES: usize = 64 * 1024;

/// Most tokens one `echo` or `reason` streams; a larger count is lowered to this.
pub const TOKENS: usize = 1_000_000;

/// Longest single token (`big=`), in bytes; a larger size is lowered to this.
pub const TOKEN_BYTES: usize = 1024 * 1024;

/// Longest pause a script may ask for (`stall`, `sleep`); a longer one is shortened to this.
pub const PAUSE: Duration = Duration::from_secs(600);

/// Largest text one part grows to, in bytes; further text of the reply is dropped.
pub const PART_BYTES: usize = 4 * 1024 * 1024;

/// Largest output an acted command gives, in bytes; the rest is dropped and the result marked truncated.
pub const TOOL_OUTPUT_BYTES: usize = 64 * 1024;

/// How deep `task` may nest; a deeper one fails as a tool.
pub const TASK_DEPTH: usize = 8;

/// Request bodies, in bytes; a larger one is answered 413. A model request carries a whole conversation.
pub const BODY_BYTES: usize = 32 * 1024 * 1024;

/// Scripted failures remembered by the model (`error 500 times=2`); at the bound the memory starts anew.
pub const ERROR_BUDGETS: usize = 1024;

/// Pieces of a model reply waiting for a slow reader; at the bound the reply waits.
pub const REPLY_QUEUE: usize = 64;

/// Sessions of one scripted OpenCode; creating one more is refused with 400.
pub const SESSIONS: usize = 2000;

/// Messages of one session; a prompt beyond is refused with 400.
pub const MESSAGES: usize = 5000;

/// Prompts waiting in one busy session; a prompt beyond is refused with 400.
pub const QUEUED_PROMPTS: usize = 32;

/// Events kept for a slow event stream; a reader further behind is cut off.
pub const EVENTS_BEHIND: usize = 8192;

/// How long a dying server waits for requests under way; then it leaves them.
pub const SHUTDOWN: Duration = Duration::from_secs(2);

/// How long the scripted server waits at most before it asks its model again. Longer waits are cut to this.
pub(crate) const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Frames kept for a slow event stream of the second version; at the bound what is kept is still sent, and then the stream ends.
pub const FRAMES_KEPT: usize = 4096;

/// Items waiting in an inbox; one more is refused with 409.
pub const INBOX_ITEMS: usize = 256;

/// Attempts of a step of the second version after its first; then it fails.
pub const ATTEMPTS: u32 = 4;

/// Most elements of a page of the second version; a larger limit is lowered to this.
pub const PAGE: usize = 200;

/// Acts of runs that are played without pause before events leave. Runs that do not wait go on behind them.
pub(crate) const ACTS_AT_ONCE: usize = 256;

/// Time between two increments of a text of the second version, whose tokens are gathered meanwhile.
pub(crate) const DELTA_BATCH: Duration = Duration::from_millis(100);

/// Time between two heartbeats of the second version.
pub const HEARTBEAT_2: Duration = Duration::from_secs(15);
