//! The bounds of processes and folders, each with what happens there.

use std::time::Duration;

/// Time for a server to print its address. After it the server is stopped and reported as never having listened. OpenCode
/// 1.18 needs 1.0–3.4 s on two cores.
pub(super) const START: Duration = Duration::from_secs(20);

/// Time for OpenCode 2 to report its version, and to start its background service. After it the program is killed, and the start counts as
/// failed.
pub(super) const SERVICE: Duration = Duration::from_secs(30);

/// Time for a program to print its version, where its package does not name it. After it the program is killed, and taken for version 1.
pub(super) const VERSION: Duration = Duration::from_secs(3);

/// Folders above a program in which its `package.json` is looked for.
pub(super) const PACKAGE_FOLDERS: usize = 3;

/// Bytes of a `package.json` that are read; a longer one names no version.
pub(super) const PACKAGE_BYTES: u64 = 64 << 10;

/// Time between TERM and KILL for a server.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// Time between TERM and KILL for processes that a server leaves behind (tools in sessions of their own).
pub(super) const LEFTOVER_GRACE: Duration = Duration::from_secs(1);

/// Time that the guard waits for killed processes, which may hang in the kernel. After it the guard ends.
pub(super) const KILL_WAIT: Duration = Duration::from_secs(2);

/// Interval at which the guard looks for children of killed processes, which only then become its own, and at which the end of a guard is
/// looked for.
pub(super) const KILL_ROUND: Duration = Duration::from_millis(50);

/// Time for a guard to end: the sum of its own waits, and a second. After it the guard is killed with its group.
pub(super) const STOP: Duration = Duration::from_secs(9);

/// Time that the last output of an ended process is waited for. Later output is lost.
pub(super) const DRAIN: Duration = Duration::from_millis(500);

/// Lines of a server's output in a reason, and of a kept server in its guard. Older ones are left out.
pub(super) const OUTPUT_LINES: usize = 64;

/// Bytes of a server's output in a reason. Older lines are left out.
pub(super) const OUTPUT_BYTES: usize = 16 * 1024;

/// Stored lines of a server's output. Older ones are dropped, which their numbers show.
pub(super) const LOG_LINES: usize = 1000;

/// Stored bytes of a server's output. Older lines are dropped.
pub(super) const LOG_BYTES: usize = 128 * 1024;

/// Number of times that a server may end by itself within [`RESTART_WINDOW`]. After that it is started only when a person asks.
pub(super) const RESTARTS: usize = 5;

/// Time in which a server may end by itself [`RESTARTS`] times.
pub(super) const RESTART_WINDOW: Duration = Duration::from_secs(600);

/// Bytes of one printed line. The rest of the line is dropped.
pub(super) const LINE_BYTES: usize = 2 * 1024;

/// Trusted folders. Beyond it the one trusted first needs confirmation again.
pub(super) const TRUSTED: usize = 4096;

/// Programs of a folder's configuration that the question of trust names. Of more it says how many there are.
pub(super) const STARTS: usize = 24;

/// Characters of the line of such a program. The end of a longer one is left out.
pub(super) const START_CHARS: usize = 200;

/// Bytes of a configuration file that is read for that question. Of a longer one it says that it was not read.
pub(super) const CONFIGURATION_BYTES: u64 = 256 << 10;

/// Parent folders that are searched for configuration. Beyond it the configuration is not listed, and the first folder that
/// was left out is named.
pub(super) const ABOVE: usize = 64;

/// Retained first lines of a server that outlives the hub, which have its process id and its address. Later lines are retained
/// as the output of other servers is.
pub(super) const KEPT_HEAD: usize = 32;

/// Time for a hub to present its secret to a guard, and to take a line. After it the guard disconnects the hub.
pub(super) const KEPT_GREETING: Duration = Duration::from_secs(2);

/// Lines that wait for a hub that reads slowly. More are not sent to it.
pub(super) const KEPT_WAITING: usize = 1024;

/// Bytes of a line that a hub sends to a guard. Longer ones are no line that the guard knows.
pub(super) const KEPT_LINE: u64 = 256;

/// Time that a server runs without any hub. After it the guard stops the server.
pub(super) const KEPT_ALONE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Time that a server waits for the next hub while its hub restarts. After it the guard stops the server.
pub(super) const KEPT_RESTART: Duration = Duration::from_secs(60);

/// Interval at which a guard compares with [`KEPT_ALONE`] and [`KEPT_RESTART`].
pub(super) const KEPT_LOOK: Duration = Duration::from_secs(5);

/// Bytes of the path of a socket: systems take no more than this. A server with a longer path ends with the hub.
pub(super) const SOCKET_PATH: usize = 100;

/// Entries of a folder that are read to list the folders in it. The rest is left out, and the list says so.
pub(super) const FOLDER_ENTRIES: usize = 20_000;

/// Folders of a folder that are listed. Of the rest the number is given; a filter finds them.
pub(super) const FOLDERS_LISTED: usize = 200;

/// Bytes of the name of a new folder. A longer one is refused.
pub(super) const FOLDER_NAME_BYTES: usize = 255;

/// Environment variables that a person sets for the server of a folder. More are refused.
pub(super) const ENV_NAMES: usize = 64;

/// Bytes of the name of such a variable. A longer one is refused.
pub(super) const ENV_NAME_BYTES: usize = 128;

/// Bytes of the value of such a variable. A longer one is refused.
pub(super) const ENV_BYTES: usize = 8 * 1024;

/// Arguments that a person sets for the server of a folder. More are refused.
pub(super) const ARGS: usize = 32;

/// Bytes of the least memory that a server may be limited to. A smaller limit is refused.
pub(super) const MEMORY_LEAST: u64 = 1 << 20;

/// Bytes of the most memory that a server may be limited to. A larger limit is refused.
pub(super) const MEMORY_MOST: u64 = 1 << 44;

/// Bytes of such an argument. A longer one is refused.
pub(super) const ARG_BYTES: usize = 4 * 1024;

/// Bytes of the shortest value of a variable that is hidden in what a server prints. Shorter ones are in any text.
pub(super) const HIDDEN_BYTES: usize = 6;
