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
