//! Every bound of the command line, and what happens at it.

use std::time::Duration;

/// Bytes of a recording read at once. A file of any size is folded in this much memory and its state.
pub(crate) const READ_BYTES: usize = 64 << 10;
/// Characters of a foreign text on one line. The rest is cut off.
pub(crate) const LINE_CHARS: usize = 160;
/// Requests of one session that `ls` shows. The rest is counted.
pub(crate) const WAITING: usize = 3;
/// Messages read to see how a turn ended. A turn of more steps than that is judged by its last ones.
pub(crate) const MESSAGES: usize = 100;
/// Timeout of an answer of the hub. After it the command fails.
pub(crate) const ANSWER: Duration = Duration::from_secs(45);
/// Timeout of a merge or removal of a work tree, hooks included: longer than the hub's. After it the command fails.
pub(crate) const GIT: Duration = Duration::from_secs(660);
/// Interval at which the progress of a new work tree is polled.
pub(crate) const MAKING: Duration = Duration::from_millis(300);
/// Timeout of the check that an address is OpenCode. After it the hub takes over and retries.
pub(crate) const PROBE: Duration = Duration::from_secs(3);
/// Bytes of standard input that are read for a password. The rest is ignored.
pub(crate) const PASSWORD_LINE: usize = 4 << 10;
/// Ports tried from the usual one on. If all are taken the hub does not start.
pub(crate) const PORTS: u16 = 100;
/// Timeout of the hub's shutdown. After it the process ends, and the guards of its servers stop the servers.
pub(crate) const END: Duration = Duration::from_secs(12);
/// Timeout of waiting for another hub that is starting with the same data directory.
pub(crate) const STARTING: Duration = Duration::from_secs(10);
/// Interval at which that hub is polled.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Timeout of threads after the command is done. After it they end with the process.
pub(crate) const LAST_THREADS: Duration = Duration::from_millis(200);
/// Timeout of `open` for a server that is starting. After it the command fails with the state of the link.
pub(crate) const OPEN: Duration = Duration::from_secs(30);
/// Timeout of a login that was given on the command line. After it the last reason is printed.
pub(crate) const LOGIN: Duration = Duration::from_secs(5);
/// Threads that read from servers, fold and serve, on this number of cores. With more, each event wakes a thread that finds
/// nothing to do: see `docs/adr/0011-few-workers.md`. Drawing, large replies and the journal have threads of their own.
pub(crate) fn workers(cores: usize) -> usize {
    (cores / 4).clamp(1, 4)
}

/// Default timeout of `check` for an answer.
pub(crate) const CHECK_SECONDS: u64 = 120;
/// How long `check --wire` waits for a stream, and for what comes on it: heartbeats come every 15 s.
pub(crate) const WIRE_STREAM: Duration = Duration::from_secs(20);
/// How long `check --wire --prompt` waits for the ends of its turns.
pub(crate) const WIRE_TURNS: Duration = Duration::from_secs(120);
/// Candidates listed when a name is ambiguous. The rest is counted.
pub(crate) const CANDIDATES: usize = 10;
/// Interval at which a session is polled while its answer is awaited: some ends have no event.
pub(crate) const LOOK_AT_TURN: Duration = Duration::from_secs(5);
/// Time after an event in which further events are coalesced before the state is read again.
pub(crate) const COALESCE: Duration = Duration::from_millis(250);
/// Time that a shell waits for names to complete. After it there are none.
pub(crate) const COMPLETION: Duration = Duration::from_secs(2);
/// Messages that `show` shows at most. Older ones are in `drovers export` and on the page.
pub(crate) const SHOWN_MESSAGES: usize = 1000;
/// Messages that `show --follow` reads on each change. Messages beyond, between two reads, are left out.
pub(crate) const FOLLOWED_MESSAGES: usize = 30;
/// Last lines of a command's output that `show` shows. The rest is counted.
pub(crate) const SHOWN_OUTPUT_LINES: usize = 10;
/// Last lines of reasoning that `show` shows. The rest is counted.
pub(crate) const SHOWN_REASONING_LINES: usize = 6;
/// Columns of a terminal of unknown width.
pub(crate) const TERMINAL_COLUMNS: usize = 80;
/// Bytes of a prompt from standard input. A longer one is refused, as the hub would do.
pub(crate) const PROMPT_BYTES: usize = 8 << 20;
/// Time that the demo waits for a real OpenCode. After it the built-in server plays, so that there is something to see
/// within 5 s. The real one needs 1.5 s, and 7 s on a busy machine.
pub(crate) const REAL_OPENCODE: Duration = Duration::from_millis(4200);

/// Bytes of the configuration file. A larger one is refused.
pub(crate) const CONFIGURATION_BYTES: u64 = 64 << 10;
/// Timeout of a program that `doctor` or `update` runs for its version or a check. After it the program counts as broken, and is ended.
pub(crate) const PROGRAM_VERSION: Duration = Duration::from_secs(10);
/// Bytes read of what such a program prints. The rest is not read.
pub(crate) const PROGRAM_OUTPUT: u64 = 4096;
/// Free bytes of the disk below which `doctor` warns.
pub(crate) const DISK_LOW: u64 = 1 << 30;
/// Free bytes of the disk below which `doctor` reports a problem.
pub(crate) const DISK_FULL: u64 = 100 << 20;
/// Difference of clocks beyond which `doctor` reports it.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(300);
/// Folders with a finding that `doctor` lists. The rest is left out.
pub(crate) const DOCTOR_FOLDERS: usize = 50;
/// Open files that a hub requests from the system. Beyond what the system grants, connections are refused.
pub(crate) const OPEN_FILES: u64 = 16_384;
/// Default number of audit log entries shown.
pub(crate) const AUDIT_ENTRIES: usize = 100;
/// Characters of an audit log entry on a terminal. The rest is cut off; the JSON has it.
pub(crate) const AUDIT_LINE_CHARS: usize = 500;
/// Lifetime of the token for one answer at the terminal. It is revoked after the answer.
pub(crate) const TERMINAL_TOKEN: Duration = Duration::from_secs(60);

/// Time after the demo's start at which one of its servers crashes and comes back.
pub(crate) const DEMO_DEATH: Duration = Duration::from_secs(20);

/// Sessions that `usage` lists, the most expensive first. The JSON has more.
pub(crate) const USAGE_SESSIONS: usize = 20;

/// Bytes of a line of a bundle. A longer one cannot be read.
pub(crate) const BUNDLE_LINE_BYTES: u64 = 64 << 20;
/// Time between two looks at what a server printed, with `drovers logs --follow`.
pub(crate) const OUTPUT_AGAIN: Duration = Duration::from_millis(500);

/// Bytes of a program that `drovers update` installs. A larger one is refused.
pub(crate) const PROGRAM_BYTES: u64 = 1 << 30;

/// Unpacked bytes of an archive that are read to find the program in it. The rest of a larger one is not read.
pub(crate) const ARCHIVE_BYTES: u64 = 2 << 30;

/// Bytes of a list of checksums beside an archive. The rest is not read.
pub(crate) const CHECKSUMS_BYTES: u64 = 64 << 10;

/// Time for which a process that has the lock of a data directory and no open files is taken for a hub that is ending. After it the command
/// fails.
pub(crate) const HUB_ENDING: Duration = Duration::from_secs(2);

/// Time for a hub to end after a signal. After it `drovers down` sends a second one, which cuts the end short, and then kills the hub;
/// `drovers update`, going back, kills it at once.
pub(crate) const DOWN: Duration = Duration::from_secs(15);

/// Time for a hub that restarts to be ready again. After it `drovers restart` fails and says what to do, and `drovers update` goes back.
pub(crate) const RESTART: Duration = Duration::from_secs(60);
