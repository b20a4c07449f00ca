//! Every bound of the state, and what happens at it.

/// Deleted sessions remembered per instance, so that their late events have no effect. Beyond it the oldest is forgotten.
pub const TOMBSTONES: usize = 4096;
/// Answered requests remembered per instance. Beyond it the oldest is forgotten: a later answer only gets the reply that nothing
/// waits.
pub const ANSWERED: usize = 256;
/// Bytes stored of one open text. Beyond it the older half is dropped and a gap is marked.
pub const OPEN_TEXT_BYTES: usize = 8 << 20;
/// Open texts stored per session. Beyond it the one that grew longest ago is dropped; the closing update restores it.
pub const OPEN_TEXTS: usize = 256;
/// Events held for one session while its messages are being read, and facts recorded of a folder while it is read. Beyond it
/// the read is requested again.
pub const HELD_EVENTS: usize = 8192;
/// Parts held for a message that was not announced yet, per session. Beyond it the newest is dropped and counted.
pub const ORPHAN_PARTS: usize = 256;
/// Statuses remembered per instance of sessions whose rows are still to be read. Beyond it the newest is dropped: its
/// session shows no run until its next status.
pub const EARLY_STATUSES: usize = 1024;
/// Disposed folders remembered with each such status. Beyond it the status is forgotten.
pub const EARLY_DISPOSED: usize = 32;
/// Kinds of unknown events counted by name per instance. Beyond it they are counted together as `other`.
pub const UNKNOWN_KINDS: usize = 64;
/// Bytes of a permission request and of the arguments of its call up to which it can be shown whole. A larger one cannot be
/// allowed from a card, only rejected.
pub const CONTENT_BYTES: usize = 256 << 10;
/// Pieces of such a request. One with more cannot be allowed from a card, only rejected.
pub const CONTENT_PIECES: usize = 256;
/// Requests of ended runs stored per instance until their rejection reaches the server. Beyond it the oldest is dropped.
pub const LAPSED: usize = 256;
/// Sessions between the root and the requesting session whose titles are shown with a request. Beyond it those nearest to
/// the root are left out.
pub const WAY: usize = 8;
/// Sessions stored per instance. Beyond it those that changed least recently are dropped, unless they or a descendant run or
/// have a request; roots only once no other is left. They can be read again. If none can be dropped, the newest is left out
/// and counted.
pub const SESSIONS: usize = 8192;
/// Folders of an instance for which the end of the session list is known. Of further folders no older sessions can be read.
pub const OLDER: usize = 64;
/// Sessions dropped in one step.
pub const SESSIONS_SLICE: usize = SESSIONS / 16;
/// Waiting requests stored per instance, permissions and questions each. Beyond it the newest is left out and counted: it
/// comes with the next read of its folder, once there is room.
pub const REQUESTS: usize = 1000;
/// Bytes of waiting requests stored per instance, permissions and questions each. Beyond it the newest is left out and
/// counted.
pub const REQUESTS_BYTES: usize = 16 << 20;
/// Waiting requests stored per session, permissions and questions each. Beyond it the newest is left out and counted.
pub const REQUESTS_OF_SESSION: usize = 100;
/// Sessions whose owner is known, over all instances. Those beyond are shown wherever they are listed.
pub const OWNERS: usize = 65_536;
/// Characters of the reason why a server is unreachable. The rest is cut off.
pub const REASON_CHARS: usize = 2000;
/// Steps below its root at which a session is shown. Deeper ones are shown at this one.
pub const TREE_DEPTH: usize = 32;
/// Archived sessions that a list of them has. Those that were archived before stay in the archive, and `drovers ls --archived` has them.
pub const ARCHIVED_ROWS: usize = 500;
/// Sessions named above the one in view: the root, and those nearest to the session. In between a mark says that some are
/// left out.
pub const ANCESTORS: usize = 16;
/// Notification items sent to a page. Beyond it only the newest are sent.
pub const NEWS: usize = 64;
/// Running tool calls of one session that are named. Beyond it the newest are not named.
pub const RUNNING_TOOLS: usize = 32;
/// Characters of the command, path or pattern by which a running tool call is named. The rest is cut off.
pub const SUBJECT_CHARS: usize = 120;
/// Folders that are offered for a new session on a server that has none of its own. Any other can be typed.
pub const FOLDER_CHOICES: usize = 50;
/// How often a server that numbers what happens is asked whether a conversation at rest that somebody looks at is still the same, in
/// milliseconds.
pub const PROOF_EVERY_MS: i64 = 60_000;
/// Resolution of the time of a session's last event, in milliseconds, so that a streaming text does not change rows with
/// each word.
pub const ACTIVITY_STEP_MS: i64 = 10_000;
/// Sessions in the overview. Beyond it the idle ones that changed longest ago are left out, with their number.
pub const OVERVIEW_ROWS: usize = 500;
/// Subagents listed below a session in the overview. Beyond it the quietest are left out, with their number.
pub const OVERVIEW_CHILDREN: usize = 12;
/// Characters of a request's subject in the overview. The rest is cut off.
pub const ASKS_CHARS: usize = 160;
/// Folders of an instance whose branch is known. Those of further ones are not shown.
pub const BRANCHES: usize = 256;
/// Snoozed sessions of an instance. A further one is not snoozed.
pub const SNOOZES: usize = 1000;
/// Calls of the same tool with the same input in a row from which on a run counts as going in circles.
pub const SAME_CALLS: u32 = 4;
/// Failed tool calls in a row from which on a run counts as going in circles.
pub const FAILED_CALLS: u32 = 6;
/// Differences named between a session and its server. Beyond it the later ones are left out.
pub const DIFFERENCES: usize = 100;
/// Characters of a value that is named with a difference. The rest is cut off.
pub const DIFFERENCE_CHARS: usize = 120;
/// Sessions named of those in which something happened since a time. Beyond it the oldest are left out, with their number.
pub const SINCE_SESSIONS: usize = 100;
/// Requests named of each of them that wait. The rest is left out.
pub const SINCE_REQUESTS: usize = 8;
/// Times at which the changed lines of a session are noted. Beyond it the oldest is forgotten, and lines since then are not known.
pub const CHANGES_NOTED: usize = 256;
/// Milliseconds in which the changed lines of a session are noted twice at most.
pub const CHANGES_STEP_MS: u64 = 60_000;
/// Sessions and links that need a person and ask nothing, on a page. Beyond it the least urgent are left out, of those the newest first,
/// with their number.
pub const ATTENTION_ROWS: usize = 60;
/// Times that a provider was asked in vain, from which on a session that retries needs a person.
pub const RETRIES: u32 = 3;
/// Milliseconds without an event, from which on a model counts as silent, unless a tool runs.
pub const SILENT_MS: i64 = 90_000;
/// Tries to connect that failed in a row, from which on a server needs a person.
pub const LINK_TRIES: u32 = 3;
/// Files named of a run that is compared with others. Further ones are not named.
pub const PARALLEL_FILES: usize = 50;
/// Files known that a session changed. Beyond it the one that was changed longest ago is forgotten.
pub const EDITS: usize = 64;
/// Bytes of the path of such a file. One with a longer path is not known.
pub const EDIT_BYTES: usize = 4096;
/// Other sessions named that change the same as one, and sessions that are compared by one file. Further ones are not named.
pub const CLASH_SESSIONS: usize = 8;
/// Paths named of what two sessions both change. Of more their number is named.
pub const CLASH_PATHS: usize = 8;
/// Characters of a title or path in a sentence about it. The rest is cut off.
pub const CLASH_CHARS: usize = 120;

/// Parts of a path that the name of a folder has at most. Where more are needed to tell folders apart, the whole path is the name.
pub const FOLDER_NAME_PARTS: usize = 8;

/// Characters of the name of a folder. The rest of a longer one is not shown.
pub const FOLDER_NAME_CHARS: usize = 200;
