//! Every bound of the command line, and what happens at it.

use std::time::Duration;

/// Bytes of a recording read at once. A file of any size is folded in this much memory and its state.
pub(crate) const READ_BYTES: usize = 64 << 10;
/// Characters of a stranger's text on one line. The rest is cut off.
pub(crate) const LINE_CHARS: usize = 160;
/// Requests of one session that `ls` tells in words. The rest is counted.
pub(crate) const WAITING: usize = 3;
/// Messages read to see how a turn ended. A turn of more steps than that is judged by its last ones.
pub(crate) const MESSAGES: usize = 100;
/// How long the hub may take to answer. After it the command fails.
pub(crate) const ANSWER: Duration = Duration::from_secs(45);
/// How long an address has to show that OpenCode is there. After it the hub takes over trying.
pub(crate) const PROBE: Duration = Duration::from_secs(3);
/// Ports tried from the usual one on. If all are taken the hub does not start.
pub(crate) const PORTS: u16 = 100;
/// How long a hub may take to end. After it the process ends, and the guards of its servers end those.
pub(crate) const END: Duration = Duration::from_secs(12);
/// How long to wait for another hub that is just starting with the same data directory.
pub(crate) const STARTING: Duration = Duration::from_secs(10);
/// How often to look whether it has started.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long threads may go on once the command is done. After it they end with the process.
pub(crate) const LAST_THREADS: Duration = Duration::from_millis(200);
/// How long `open` waits for a server that is starting. After it the command fails with what is known.
pub(crate) const OPEN: Duration = Duration::from_secs(30);
/// Threads that hear servers, fold and serve, on so many cores. Where there are more, each event wakes one that finds
/// nothing to do: see `docs/adr/0011-few-workers.md`. Drawing, large replies and the journal have threads of their own.
pub(crate) fn workers(cores: usize) -> usize {
    (cores / 4).clamp(1, 4)
}

/// How long `check` waits for an answer, unless told otherwise.
pub(crate) const CHECK_SECONDS: u64 = 120;
/// Candidates named when what was meant is not clear. The rest is counted.
pub(crate) const CANDIDATES: usize = 10;
/// How often a session is looked at while its answer is waited for: some ends are told by no event.
pub(crate) const LOOK_AT_TURN: Duration = Duration::from_secs(5);
/// Bytes of a prompt from standard input. A longer one is refused; the hub takes no more either.
pub(crate) const PROMPT_BYTES: usize = 8 << 20;
/// How long the demo waits for a real OpenCode to play. After it the built-in one does: there is to be something to see
/// within 5 s. The real one needs 1.5 s, and 7 s on a busy machine.
pub(crate) const REAL_OPENCODE: Duration = Duration::from_millis(4200);

/// Open files that a hub asks the system for. Beyond what the system grants, connections are refused.
pub(crate) const OPEN_FILES: u64 = 16_384;
/// Entries of the audit log told, unless told otherwise.
pub(crate) const AUDIT_ENTRIES: usize = 100;
/// Characters of such an entry on a terminal. The rest is cut off; the JSON has it.
pub(crate) const AUDIT_LINE_CHARS: usize = 500;
/// How long a token is good that a person's answer at the terminal is given with. It is revoked after the answer.
pub(crate) const TERMINAL_TOKEN: Duration = Duration::from_secs(60);

/// Characters of a text that an export takes for a name. A longer text is taken for one that a person or a model wrote,
/// and is left out.
pub(crate) const EXPORTED_NAME_CHARS: usize = 128;
