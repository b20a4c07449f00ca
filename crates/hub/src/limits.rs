//! Every bound of the hub, and what happens at it.
//! Longer than 600 lines: every bound of the hub, all in one place.

use std::time::Duration;

/// Inputs waiting for the engine. At the bound, supervisors wait, and with them their servers' sockets.
pub const ENGINE_INPUTS: usize = 1024;
/// Inputs that the engine takes before it publishes the change. The rest is taken next.
pub const INPUTS_AT_ONCE: usize = 32;
/// Commands that wait for a supervisor. At the bound the newest is refused, and sent again on the next cause.
pub const ASKS: usize = 256;
/// Frames of a server held while its state is read. At the bound the connection is closed and opened again.
pub const HELD_FRAMES: usize = 100_000;
/// Bytes of such frames.
pub const HELD_BYTES: usize = 128 << 20;
/// Frames that one engine input carries at most; more are split.
pub const BATCH_FRAMES: usize = 256;
/// Sessions and messages of an events-only server that are remembered as announced. Beyond it they are forgotten, and one
/// may get its placeholder row once more.
pub const ANNOUNCED: usize = 65_536;
/// Directories whose status is requested of a server (the first request boots each), and that are read concurrently beside a
/// stream. The others stay unknown, which a notice, `folders_cut` of the API and `drovers ls` show.
pub const DIRECTORIES: usize = 32;
/// Bytes of an id of a server. An object with a longer one is counted as malformed and left out.
pub const ID_BYTES: usize = 256;
/// Bytes of a folder's path. An object with a longer one is counted as malformed and left out.
pub const PATH_BYTES: usize = 4096;
/// Characters of a title, a name or another sentence of a server. The rest is cut off.
pub const WORDS_CHARS: usize = 200;
/// Bytes of an image that the page shows. Of a larger one the page shows name and size.
pub const PICTURE_BYTES: u64 = 8 << 20;
/// Bytes at the beginning of an image that must contain its dimensions. A file without them is not shown as an image.
pub const PICTURE_HEAD_BYTES: usize = 256 << 10;
/// Pixels of an image that the page shows; a browser takes four bytes for each. Of a larger one the page shows name and
/// size.
pub const PICTURE_PIXELS: u64 = 40_000_000;
/// Bytes of an error's text. The rest is cut off.
pub const SENTENCES_BYTES: usize = 8 << 10;
/// Bytes of the type name of an event. A longer one is counted under another name.
pub const KIND_BYTES: usize = 64;
/// Bytes of a session's own JSON. Of a longer one only the known fields are stored.
pub const ROW_BYTES: usize = 16 << 10;
/// Bytes of a to-do list's own JSON. A longer one is left out.
pub const TODOS_BYTES: usize = 64 << 10;
/// Bytes of a request's own JSON. A longer request is left out: truncated, it would not show what is allowed.
pub const REQUEST_BYTES: usize = 1 << 20;
/// Questions and options in one request. A request with more is left out.
pub const ANSWERS_ON_OFFER: usize = 500;
/// Agents and models of a server, each. Those beyond are not offered; the menu shows their number.
pub const CATALOG: usize = 2000;
/// Sessions of OpenCode 2 of which the stream remembers what is open. Beyond it all are forgotten, and their conversations are read
/// again as they go on.
pub const SESSIONS_2: usize = 4096;
/// Calls of one step, items of one inbox and commands of one session of OpenCode 2 that are remembered as open.
pub const OPEN_2: usize = 256;
/// Files and agents of one prompt, and files of one call, of OpenCode 2. The others are left out.
pub const PROMPT_PARTS_2: usize = 256;
/// Sessions read of OpenCode 2, of all folders: the newest, and as many of the archive. Older ones are not shown until they have an event.
pub const SERVICE_SESSIONS: usize = 10_000;
/// Messages of a session of OpenCode 2 that are read for one request which names no number. Older ones are behind the cursor of the answer.
pub const SERVICE_MESSAGES: usize = 10_000;
/// Folders of OpenCode 2 in which is read what waits, of those whose services are up; and those that its stream remembers.
pub const SERVICE_FOLDERS: usize = 256;
/// How often a conversation of OpenCode 2 is read until nothing was written meanwhile. What the last read misses, the stream has.
pub const BODY_TRIES: usize = 2;
/// As [`NUDGE_PROOF`] for OpenCode 2, whose heartbeats come every 15 s.
pub const NUDGE_PROOF_2: Duration = Duration::from_secs(17);
/// Sessions read of a directory in one request, and as many roots again where there are more. Older ones are read when a
/// person requests them.
pub const SESSIONS: usize = 1000;
/// Messages read in one request. Older ones are read when a viewer requests them.
pub const MESSAGE_PAGE: usize = 100;
/// Attempts to read a directory beside a stream. After them its sessions are shown as last known.
pub const DIRECTORY_TRIES: usize = 3;
/// Delay before a directory that could not be read is read again.
pub const DIRECTORY_AGAIN: Duration = Duration::from_secs(10);
/// Concurrent reads of conversations and directories from one server. The rest wait.
pub const READS_AT_ONCE: usize = 4;
/// Bytes of stored conversations that no viewer shows. Beyond it those that no viewer ever showed are dropped first, least
/// recently changed first, then those shown least recently.
pub const UNWATCHED_BYTES: usize = 16 << 20;
/// Messages stored of a conversation in view. Beyond it those before the newest page are dropped; they are read again when a
/// viewer requests them.
pub const WATCHED_MESSAGES: usize = MESSAGE_PAGE + MESSAGE_PAGE / 2;
/// Messages stored while a viewer shows older ones: a session of 10,000 messages can be read to its beginning. Beyond it the
/// viewer's window begins later.
pub const WATCHED_OLDER_MESSAGES: usize = 12_000;
/// Time that a backup waits for a writer of an SQLite file. After it the backup fails.
pub const BACKUP_BUSY: Duration = Duration::from_secs(10);
/// Bytes that a backup reads at once.
pub const BACKUP_CHUNK_BYTES: usize = 64 << 10;
/// Bytes of the description at the beginning of a backup. The rest is not read, and the file is no backup then.
pub const BACKUP_MANIFEST_BYTES: u64 = 1 << 20;
/// Bytes of upstream events that the log keeps in memory while there is no journal. The oldest are dropped first; later
/// readers get a gap.
pub const LOG_BYTES: usize = 32 << 20;
/// Bytes of upstream events that the log keeps in memory beside a journal, without those that are not stored yet. Readers
/// get older ones from the journal.
pub const JOURNALED_LOG_BYTES: usize = 8 << 20;
/// Bytes of entries that wait to be stored. Beyond it the journal counts as failed, and the log continues without.
pub const JOURNAL_BEHIND_BYTES: usize = 64 << 20;
/// Entries that wait to be stored. Beyond it the journal counts as failed, and the log continues without.
pub const JOURNAL_BEHIND_ENTRIES: u64 = 200_000;
/// Bytes of entries after which a group is stored at once.
pub const JOURNAL_GROUP_BYTES: usize = 4 << 20;
/// Entries stored in one transaction at most, and bytes of them. The rest follows in the next.
pub const JOURNAL_GROUP_ENTRIES: usize = 16_384;
/// Bytes of entries in one block before compression. Then the next block begins.
pub const JOURNAL_BLOCK_BYTES: usize = 96 << 10;
/// Bytes of a decompressed block: a whole block, and the largest event of a server behind it, with each character replaced
/// by another of three bytes. A larger block is rejected as foreign.
pub const JOURNAL_UNPACKED_BYTES: usize = JOURNAL_BLOCK_BYTES + 3 * (32 << 20) + (256 << 10);
/// Bytes of blocks, before compression, read in one step for a reader of the log.
pub const JOURNAL_READ_BYTES: u64 = JOURNAL_BLOCK_BYTES as u64;
/// Concurrent reads of the journal. Further readers wait.
pub const JOURNAL_READS: usize = 4;
/// Default size of the journal in bytes. Beyond it the oldest blocks are deleted.
pub const JOURNAL_BYTES: u64 = 1 << 30;
/// Least number of bytes by which the journal's file may exceed its size until the next check. Beyond it the journal is
/// full: it fails, and is pruned at the next attempt.
pub const JOURNAL_SLACK_BYTES: u64 = 64 << 20;
/// Default retention of entries in the journal, in days. Older blocks are deleted.
pub const JOURNAL_DAYS: u32 = 30;
/// Epochs of the log that are remembered after their entries are deleted. A cursor of an older epoch is unknown.
pub const JOURNAL_EPOCHS: usize = 256;
/// Sessions whose texts the journal tracks. Beyond it the oldest records are dropped: if such a session is deleted while no
/// hub runs, its texts stay until their retention ends.
pub const JOURNAL_SESSIONS: usize = 16_384;
/// Delay after a start between two requests for sessions of an instance that the journal has and no list contains.
pub const JOURNAL_SESSION_ASKS: Duration = Duration::from_millis(100);
/// Deleted sessions whose late events are not stored. Beyond it the oldest is forgotten.
pub const JOURNAL_DELETED: usize = 4096;
/// Blocks pruned or purged in one transaction. The rest follows in the next.
pub const JOURNAL_SLICE: usize = 16;
/// Bytes of the journal's newest blocks, before compression, read at the start to restore open texts and runs. Older ones
/// are not restored.
pub const JOURNAL_RECALL_BYTES: u64 = 16 << 20;
/// Running sessions named in the log when a link is live again. Those beyond are not restored as running after a restart.
pub const WORD_SESSIONS: usize = 256;
/// Concurrent viewers. Further ones are refused with the reason.
pub const VIEWERS: usize = 2000;
/// Batches sent to a viewer without an acknowledgement. At the bound the viewer gets nothing until it acknowledges one.
pub const UNACKNOWLEDGED: usize = 4;
/// Bytes of one batch of changes to a viewer. A viewer that lacks more, or has nothing yet, is asked to fetch the page.
pub const BATCH_BYTES: usize = 64 << 10;
/// Rows of a change that is drawn on the thread that finds it, if its messages are only growing texts. A larger one is drawn
/// on a thread of its own.
pub const DRAWN_AT_ONCE_ROWS: usize = 64;
/// Bytes of those growing texts. Ordinary texts of this size take less than a millisecond to draw, any text at most six.
/// More is drawn on a thread of its own.
pub const DRAWN_AT_ONCE_BYTES: usize = 4 << 10;
/// Pages of older messages that are read to show a viewer's window again. Beyond it the window begins later.
pub const OLDER_PAGES: usize = 20;
/// Sessions in the index over all instances, in equal shares. Sessions of an instance beyond its share, in tree order, are left out.
pub const INDEXED_SESSIONS: usize = 4000;
/// Minimum interval between two notification lists for a page. Changes within it are sent with the next list.
pub const NEWS_EVERY: Duration = Duration::from_secs(1);
/// Bytes of one message from a viewer. A longer one ends its connection.
pub const VIEWER_MESSAGE_BYTES: usize = 64 << 10;

/// Delay until entries are stored, to combine them in one transaction: the most that a crash takes from the journal.
pub const JOURNAL_GROUP: Duration = Duration::from_secs(1);
/// Time for the journal's other work between two groups of a log that is never quiet.
pub const JOURNAL_BREATH: Duration = Duration::from_millis(10);
/// Delay until a journal that failed is tried again.
pub const JOURNAL_AGAIN: Duration = Duration::from_secs(30);
/// Interval at which the journal's retention is applied.
pub const JOURNAL_PRUNE: Duration = Duration::from_secs(60);
/// Time that the hub's start waits for its journal. After it the hub starts without, and uses the journal once it is open.
pub const JOURNAL_OPEN: Duration = Duration::from_secs(2);
/// Time that connecting waits for the state restored from the journal. After it the hub connects without.
pub const JOURNAL_RECALL: Duration = Duration::from_secs(5);
/// Time that the hub's end waits for the journal. After it the next start begins a new epoch of the log.
pub const JOURNAL_CLOSE: Duration = Duration::from_secs(5);

/// Shortest interval between two batches to a viewer; the first change after quiet is sent at once.
pub const TICK: Duration = Duration::from_millis(50);
/// Interval of heartbeats on a viewer's link.
pub const BEAT: Duration = Duration::from_secs(5);
/// Time that a write to a client may wait for the client to read. After it the connection is closed; a viewer reconnects
/// with its cursor.
pub const VIEWER_WRITE: Duration = Duration::from_secs(15);
/// How long a viewer may leave a batch unacknowledged. After it the viewer is closed, and comes back with its cursor. A page
/// gives what a batch has it fetch 15 s.
pub const VIEWER_ACKNOWLEDGES: Duration = Duration::from_secs(20);
/// The longest time between two batches that a page may ask for. What came meanwhile is then sent as one.
pub const VIEWER_RESTS: Duration = Duration::from_millis(250);
/// How long a server may take to answer with response headers, and then with its first event. OpenCode never answers
/// connections that it accepts in the first second of its life.
pub const FIRST_ANSWER: Duration = Duration::from_secs(3);
/// How long to wait after the first event before reading state: `/global/event` subscribes late.
pub const SETTLE: Duration = Duration::from_millis(250);
/// How long until the copy of an earlier version's sessions is read again, while a server makes one.
pub const COPYING_AGAIN: Duration = Duration::from_secs(2);
/// How long until agents and models are read again, while a server offers no model.
pub const CATALOG_AGAIN: Duration = Duration::from_secs(15);
/// How long reading a server's state may take.
pub const READ_STATE: Duration = Duration::from_secs(60);
/// Silence after which a link is shown as stale. Heartbeats come every 10 s; a starved server was silent for 28 s once.
pub const STALE_AFTER: Duration = Duration::from_secs(25);
/// Silence after which a link is made anew.
pub const DEAD_AFTER: Duration = Duration::from_secs(45);
/// Least silence that can be set for a link to be stale: two seconds more than a healthy server is ever silent.
pub const LEAST_STALE_AFTER: Duration = Duration::from_secs(12);
/// Longest silence that can be set for a link to be made anew.
pub const MOST_DEAD_AFTER: Duration = Duration::from_secs(3600);
/// Time that a link may be silent after the machine woke or its network changed. After it the link is opened again.
pub const NUDGE_PROOF: Duration = Duration::from_secs(12);
/// Shortest interval between two connection attempts that a waking machine or a change of its network causes. Causes in
/// between are delayed.
pub const NUDGE_PACE: Duration = Duration::from_secs(10);
/// Interval at which the hub checks whether the machine woke or its network changed.
pub const NUDGE_LOOK: Duration = Duration::from_secs(5);
/// Difference between wall-clock time and monotonic time in one such interval from which the machine counts as having slept.
pub const SLEPT: Duration = Duration::from_secs(5);
/// Time that a link must last until earlier failures are forgotten.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(10);
/// Interval at which a server that was given up is asked for its health and its state.
pub const SLOW_PROBE: Duration = Duration::from_secs(60);
/// First delay before connecting again; each further one is twice as long.
pub const BACKOFF_BASE: Duration = Duration::from_secs(1);
/// Attempts in a row before a server is given up.
pub const BACKOFF_ATTEMPTS: u32 = 5;
/// Largest random addition to a delay, in percent of the delay.
pub const BACKOFF_JITTER_PERCENT: u32 = 20;

/// Error of a server's measured clock, which HTTP reports in whole seconds. Ids made by that clock are made earlier by this:
/// OpenCode calls the model again and again for a prompt whose id is later than that of its answer.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(1);
/// Time for a program that listens on this machine to identify itself, before it is offered as a possible server.
pub const FOUND_ANSWER: Duration = Duration::from_millis(400);
/// Programs that are probed concurrently. The rest wait.
pub const FOUND_AT_ONCE: usize = 8;

/// Concurrent connections. For a further one the connection is closed that has been idle longest; if none is idle, the new
/// one waits.
pub const CONNECTIONS: usize = 4096;
/// Time for the head of a request to arrive, of the first as of the next on a connection. After it the connection is closed.
pub const REQUEST_HEAD: Duration = Duration::from_secs(30);
/// Time for a request's body to arrive. After it the request is refused and its connection closed.
pub const REQUEST_BODY: Duration = Duration::from_secs(120);
/// Bytes of a request's body. A longer one is refused.
pub const BODY_BYTES: usize = 1 << 20;
/// Bytes of a prompt's body, which may carry files. A longer one is refused.
pub const PROMPT_BYTES: usize = 16 << 20;
/// Files of a prompt. A prompt with more is refused.
pub const ATTACHMENTS: usize = 10;
/// Bytes of a file that a prompt carries. A prompt with a larger one is refused.
pub const ATTACHMENT_BYTES: u64 = 8 << 20;
/// Bytes of all files that a prompt carries, which take a third more in its body. A prompt with more is refused.
pub const ATTACHMENTS_BYTES: u64 = 10 << 20;
/// Files, folders and agents that a prompt mentions. A prompt with more is refused.
pub const MENTIONS: usize = 50;
/// Time for a command to begin. After it the command counts as sent.
pub const COMMAND_BEGINS: Duration = Duration::from_secs(10);
/// Interval at which the hub checks whether a command has begun.
pub const COMMAND_LOOK: Duration = Duration::from_millis(100);
/// Time for a session to become idle whose server refuses a prompt because it still runs. After it the caller learns that it runs, and
/// may send the prompt again under the same key.
pub const PROMPT_IDLE: Duration = Duration::from_secs(10);
/// Delay until a prompt is sent again that its server refused because the session still runs.
pub const PROMPT_AGAIN: Duration = Duration::from_millis(250);
/// Completions in one reply. The rest comes with a longer query.
pub const COMPLETIONS: usize = 30;
/// Characters of a query for completions. A longer one has no completions.
pub const COMPLETION_QUERY_CHARS: usize = 200;
/// Prompts in the queue of a session. A further one is refused.
pub const QUEUED_IN_SESSION: usize = 50;
/// Prompts in all queues. A further one is refused.
pub const QUEUED: usize = 500;
/// Bytes of the prompts in all queues. A prompt beyond is refused.
pub const QUEUED_BYTES: usize = 32 << 20;
/// Idempotency keys of sent prompts that each queue remembers. Beyond it the oldest is forgotten: the same key is then a new
/// prompt.
pub const QUEUED_KEYS: usize = 64;
/// Characters of a queued prompt that a page shows. The rest is cut off.
pub const QUEUED_SHOWN_CHARS: usize = 300;
/// Delay until a queued prompt that its server did not answer is sent again.
pub const QUEUE_AGAIN: Duration = Duration::from_secs(5);
/// Time for the run of a queued prompt to begin. After it the next prompt is sent, if the session is idle.
pub const QUEUE_BEGINS: Duration = Duration::from_secs(10);
/// Stored drafts. Beyond it the one that changed least recently is deleted.
pub const DRAFTS: usize = 200;
/// Bytes of all stored drafts. Beyond it the one that changed least recently is deleted.
pub const DRAFTS_BYTES: usize = 2 << 20;
/// Bytes of a draft. A longer one is refused.
pub const DRAFT_BYTES: usize = 400 << 10;
/// Idempotency keys that the outbox remembers. Beyond it the oldest is forgotten: the same key is then a new command.
pub const PROMPT_KEYS: usize = 4096;
/// Time that the outbox remembers a key, longer than a page stores what it could not send. After it the same key is a new
/// command.
pub const PROMPT_KEY_AGE: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// Answers of this hub's users to requests that are remembered, to name the first one to a later user. Beyond it the oldest
/// is forgotten: a later answer only gets the reply that nothing waits.
pub const ANSWERS: usize = 1024;
/// Requests of stopped sessions that are rejected concurrently. The rest wait.
pub const REFUSED_AT_ONCE: usize = 8;
/// Time that *Stop* waits for the rejection of its sessions' requests before it stops them. The rest is rejected after it.
pub const REFUSE_BEFORE_STOP: Duration = Duration::from_secs(3);
/// First delay until a rejection that failed is sent again; each further one is twice as long.
pub const REFUSE_AGAIN: Duration = Duration::from_secs(1);
/// Longest delay until a rejection that failed is sent again.
pub const REFUSE_SELDOM: Duration = Duration::from_secs(300);
/// Bytes of a file of the audit log: one for grants, one for the rest. Beyond it the file replaces the previous one, and a
/// new file begins.
pub const AUDIT_BYTES: u64 = 8 << 20;
/// Concurrent commands, those of callers that left included. A further one is refused with the reason.
pub const COMMANDS_AT_ONCE: usize = 1024;
/// First delay until a failed task of the hub is restarted; each further one is twice as long.
pub const TASK_AGAIN: Duration = Duration::from_secs(1);
/// Longest delay until a failed task is restarted; and the time that a task must run until earlier failures are forgotten.
pub const TASK_SELDOM: Duration = Duration::from_secs(60);
/// Time for the engine to answer whether it is alive. After it the hub reports itself as unhealthy.
pub const ENGINE_ANSWERS: Duration = Duration::from_secs(5);
/// Time that a second removal of an instance waits for the first. After it the reply is sent all the same.
pub const REMOVAL_WAIT: Duration = Duration::from_secs(30);
/// Running or interrupted sessions that are saved for the next start. Beyond it an interruption may be lost.
pub const UNFINISHED: usize = 4096;
/// Stopped sessions of all instances that are saved for the next start. Beyond it those stopped least recently are not:
/// their requests after a restart wait for a person like any other.
pub const NOTED_STOPS: usize = 4096;
/// Sessions to review or failed that are saved for the next start. Beyond it those that changed least recently are not.
pub const NOTED_ENDS: usize = 4096;
/// Snoozed sessions of all instances that are saved for the next start. Beyond it those that return first are not.
pub const NOTED_SNOOZES: usize = 4096;
/// Bytes of a failure's message that are saved. The rest is cut off.
pub const NOTED_MESSAGE: usize = 1 << 10;
/// Shortest interval between two writes of these notes, except after a stop or a snooze, which is written at once.
pub const NOTES_EVERY: Duration = Duration::from_secs(1);
/// Shortest interval between two writes of unfinished sessions.
pub const UNFINISHED_EVERY: Duration = Duration::from_secs(1);
/// Interrupted sessions that are continued concurrently. The rest wait.
pub const CONTINUED_AT_ONCE: usize = 4;
/// Sessions that *Stop everything* stops concurrently. The rest wait.
pub const STOPPED_AT_ONCE: usize = 16;
/// Rounds in which *Stop everything* looks for sessions that started meanwhile. Sessions that start later keep running.
pub const STOP_ROUNDS: usize = 3;
/// Time for a run to end after its server confirmed the stop. After it the session is reported as still running.
pub const STOP_WAIT: Duration = Duration::from_secs(5);
/// Time for a compaction to begin. After it the request is answered all the same, and the server continues.
pub const COMPACT_BEGINS: Duration = Duration::from_secs(10);
/// Bytes of messages in an export. Older messages are omitted, and the export says so.
pub const EXPORT_BYTES: usize = 64 << 20;
/// Messages of an export that are read in one request. The rest follow page by page.
pub const EXPORT_PAGE: usize = 100;
/// Characters of a tool's input, output or error in a Markdown export. The rest is omitted, and its length is stated.
pub const EXPORT_TOOL_CHARS: usize = 20_000;
/// Characters of an export's file name, which is made of the session's title. The rest is cut off.
pub const EXPORT_NAME_CHARS: usize = 60;
/// Characters of an idempotency key. A longer one is refused.
pub const PROMPT_KEY_CHARS: usize = 255;
/// Time that a command waits for an instance that is connecting. After it the command is refused with the reason.
pub const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Time that a request for older sessions waits for them. After it the reply says that they cannot be read now.
pub const OLDER_SESSIONS_WAIT: Duration = Duration::from_secs(10);
/// Time that a command waits until its effect is in the state. After it the reply is sent all the same.
pub const ECHO_WAIT: Duration = Duration::from_secs(1);
/// Time that a document waits for its conversation. After it the page is sent without, and gets the conversation over its
/// socket.
pub const DOCUMENT_WAIT: Duration = Duration::from_millis(150);
/// Time that a document waits for older messages that a person requested. After it the document is sent without them, and
/// can be requested again.
pub const OLDER_WAIT: Duration = Duration::from_secs(5);
/// Time that the conversation of a sent document is stored for the page's socket to take over.
pub const DOCUMENT_KEPT: Duration = Duration::from_secs(10);
/// Entries of the log read in one step for a reader.
pub const LOG_PAGE: usize = 256;
/// Bytes of entries read in one step for a reader; a larger entry is read alone.
pub const LOG_PAGE_BYTES: usize = 32 << 10;
/// Bytes of the log given to HTTP in one chunk. HTTP buffers up to 16 chunks for a reader that does not read.
pub const LOG_PIECE: usize = 1 << 10;
/// Bytes of sent text that are remembered for a reader with gzip, as the dictionary of what follows. A repetition after more
/// is sent again.
pub const LOG_GZIP_MEMORY: usize = 8 << 10;
/// Interval of heartbeats to a reader of the log.
pub const LOG_BEAT: Duration = Duration::from_secs(10);
/// Bytes that the kernel holds for a viewer that does not read (Linux doubles it). At the bound writes wait. With less than
/// a segment of loopback, 64 KiB, each write would wait for a delayed acknowledgement.
pub const SEND_BUFFER: usize = 64 << 10;
/// Bytes read from a viewer's socket in one step.
pub const VIEWER_READ_BUFFER: usize = 4 << 10;
/// Time for requests to end once the hub shuts down. After it their connections are closed.
pub const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// Browsers that are let in. Beyond it the one used least recently has to log in again.
pub const PAGES: usize = 64;
/// Time without use after which a browser has to log in again.
pub const PAGE_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Part of that time after which its use is recorded, and the time begins anew.
pub const PAGE_RENEWED: Duration = Duration::from_secs(24 * 60 * 60);
/// Tokens. Another one is refused.
pub const TOKENS: usize = 64;
/// Characters of a token's name. A longer one is refused.
pub const TOKEN_NAME: usize = 64;
/// Unused login links. Beyond it the oldest becomes invalid.
pub const LINKS: usize = 16;
/// Lifetime of a login link.
pub const LINK_LIFE: Duration = Duration::from_secs(10 * 60);
/// Lifetime of a link that pairs a device.
pub const PAIRING_LIFE: Duration = Duration::from_secs(5 * 60);
/// Bytes of the path that such a link leads to. A longer one is refused.
pub const PAIRING_PAGE: usize = 1024;
/// Characters of a host name. A longer one is refused.
pub const HOST_NAME: usize = 253;
/// Addresses of this machine that are shown, and that its certificate is made for. Further ones are left out.
pub const MACHINE_ADDRESSES: usize = 16;
/// Lifetime of a certificate authority that the hub makes for itself.
pub const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Lifetime of a certificate of that authority.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Time before its end at which a certificate is made anew.
pub const CERTIFICATE_RENEWED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Interval at which the hub looks whether its certificate has to be exchanged.
pub const CERTIFICATE_LOOK: Duration = Duration::from_secs(60 * 60);
/// Least characters of a password. A shorter one is refused.
pub const PASSWORD_LEAST: usize = 15;
/// Most characters of a password. A longer one is refused.
pub const PASSWORD_MOST: usize = 256;
/// Failed passwords of one address after which each further attempt waits.
pub const PASSWORD_FREE: u32 = 5;
/// Failed passwords of all addresses together after which each further attempt waits.
pub const PASSWORD_FREE_ALL: u32 = 50;
/// Longest wait of a password from an address with failed ones.
pub const PASSWORD_WAIT: Duration = Duration::from_secs(60);
/// Time without a failed password after which earlier ones are forgotten.
pub const PASSWORD_FORGOTTEN: Duration = Duration::from_secs(15 * 60);
/// Passwords of one address that wait concurrently. Further ones are refused at once.
pub const PASSWORDS_WAITING: usize = 2;
/// Passwords that are hashed concurrently, each in 19 MiB of memory. Further ones wait.
pub const PASSWORDS_AT_ONCE: usize = 2;
/// Addresses whose failed passwords are counted. Beyond it the one that failed longest ago is forgotten.
pub const PASSWORD_ADDRESSES: usize = 1024;
/// Passkeys. Another one is refused.
pub const PASSKEYS: usize = 32;
/// Passkeys of pages without the role `admin`. Another one is refused, so that there is room for those of administrators.
pub const PASSKEYS_OF_OTHERS: usize = 24;
/// Characters of a passkey's name. A longer one is refused.
pub const PASSKEY_NAME: usize = 64;
/// Bytes of one field of what a browser shows of a passkey. A longer one is refused.
pub const PASSKEY_BYTES: usize = 8 << 10;
/// Bytes of the identifier of a passkey's credential, by the standard. A longer one is refused.
pub const CREDENTIAL_ID: usize = 1023;
/// Levels of what an authenticator writes. A deeper one is refused.
pub const CBOR_DEPTH: usize = 8;
/// Time to answer a challenge for a passkey. After it another one is needed.
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(3 * 60);
/// Challenges that wait for their answers. Beyond it the oldest becomes invalid.
pub const CHALLENGES: usize = 256;
/// Challenges of one address that wait. Beyond it its oldest becomes invalid, so that one address alone cannot keep others out.
pub const CHALLENGES_OF_ONE: usize = 16;
/// Shortest interval between two writes of the last use of a browser or token.
pub const USED_EVERY: Duration = Duration::from_secs(60 * 60);
/// Interval at which expired browsers and tokens are found. Their open connections last this much longer at most.
pub const OVER_EVERY: Duration = Duration::from_secs(15);
/// Failed attempts that are answered at once. Each further one is delayed.
pub const WRONG_FREE: u32 = 10;
/// First delay after failed attempts; each further one is twice as long.
pub const WRONG_FIRST: Duration = Duration::from_millis(100);
/// Longest delay after failed attempts.
pub const WRONG_MOST: Duration = Duration::from_secs(5);
/// Failed attempts that are delayed concurrently. Further ones are refused at once.
pub const WRONG_WAITING: usize = 64;
/// Time without a failed attempt after which earlier ones are forgotten.
pub const WRONG_FORGOTTEN: Duration = Duration::from_secs(60);

/// Characters of the subject of an audit log entry. The rest is replaced by `…`.
pub const AUDIT_ABOUT_CHARS: usize = 200;

/// Bytes of a library's own error text in a problem. A longer one is left out.
pub const PROBLEM_REASON_BYTES: usize = 16 << 10;

/// Attempts to lock a data directory that no live process claims: `DataDir::running` holds the lock for an instant. After
/// them the directory counts as taken.
pub const LOCK_TRIES: u32 = 10;

/// Delay between two such attempts.
pub const BETWEEN_LOCK_TRIES: Duration = Duration::from_millis(10);

/// Interval at which the size of conversations that no viewer shows is checked. In between they may exceed their bound.
pub const SWEEP_BODIES: Duration = Duration::from_secs(1);

/// Interval at which conversations in view that could not be read are read again, and those that grew too long are cut.
pub const READ_BODIES_AGAIN: Duration = Duration::from_secs(10);

/// Timeout of the first attempt to get an answer: OpenCode never answers connections that it accepts too early. Each further
/// attempt has twice the time, for a slow server.
pub const FIRST_PROBE: Duration = Duration::from_millis(500);

/// Time that the journal waits for another program that locks its file. After it the access fails.
pub const JOURNAL_BUSY: Duration = Duration::from_secs(1);

/// Stored instances. A further one is refused.
pub const INSTANCES: usize = 512;

/// Stored recent folders. Beyond it the oldest is deleted.
pub const RECENT_FOLDERS: usize = 32;

/// Characters of an instance's name; the rest is cut.
pub const INSTANCE_NAME_CHARS: usize = 64;

/// Removed instances that are remembered until the journal has recorded the purge of their texts. Beyond it the oldest is
/// forgotten, and its texts stay until their retention ends.
pub const PURGING: usize = 1024;

/// Interval at which the hub checks whether a busy engine makes progress.
pub const ENGINE_LOOK: Duration = Duration::from_millis(10);

/// Damaged files of one kind that are stored in the data directory. Beyond it the oldest is deleted: a journal may be as
/// large as its bound, and purges do not reach files that were put aside.
pub const PUT_ASIDE: usize = 2;

/// Longest time for which a session can be put off, in milliseconds: a week. A later time is that.
pub const LONGEST_SNOOZE_MS: i64 = 7 * 24 * 3600 * 1000;
/// Runs of one parallel run. More are refused.
pub const PARALLEL_RUNS: usize = 8;
/// Parallel runs that are stored. Beyond it the oldest is forgotten; its sessions stay.
pub const PARALLELS: usize = 200;
/// Characters of a prompt in the titles of the sessions of a parallel run. The rest is cut off.
pub const PARALLEL_TITLE_CHARS: usize = 60;

/// How often it is counted what sessions use, and whether a limit of cost or time is passed. A limit may be passed by what a session
/// uses in that time.
pub const USAGE_EVERY: Duration = Duration::from_secs(2);

/// How often what sessions used is written to the disk. A hub that is killed loses so much of it.
pub const USAGE_WRITTEN_EVERY: Duration = Duration::from_secs(20);

/// Sessions of which it is counted what each used on one day. What further ones use is counted for their instance.
pub const USAGE_SESSIONS: usize = 4096;

/// Days of which it is known what was used. Beyond it the oldest is forgotten.
pub const USAGE_DAYS: usize = 62;

/// Sessions whose use of the day is reported, the most expensive first. The rest is in the sums of their instances.
pub const USAGE_REPORTED: usize = 200;

/// How long a comparison waits until a conversation is read that is not cached. After it the comparison fails.
pub const VERIFY_LOAD: Duration = Duration::from_secs(15);

/// Time between two comparisons of a session with its server. What differs in both alike is a difference; an event that is under way
/// for longer would be taken for one.
pub const VERIFY_AGAIN: Duration = Duration::from_secs(1);

/// Comparisons of a session that changes all the time. After them only what changed is left, and the session counts as the same.
pub const VERIFY_TIMES: usize = 4;

/// How long *Use the server's* waits for the conversation. After it the request fails; the read goes on.
pub const VERIFY_HEAL: Duration = Duration::from_secs(20);

/// Entries of the audit log that are looked through for who answered. Older answers are reported without a name.
pub const SINCE_ANSWERS: usize = 2000;

/// How long git may take to read something. After it git is killed, and the request fails with a sentence.
pub const GIT_READ: Duration = Duration::from_secs(30);

/// How long git may take to change something, its hooks included, and to push. After it git and what it started are killed.
pub const GIT_WRITE: Duration = Duration::from_secs(600);

/// Bytes that git may print of a list of changes, about 100,000 files. Beyond it the list is refused with a sentence.
pub const GIT_LIST_BYTES: usize = 32 << 20;

/// Bytes that git may print of the changes of one file. A larger file is named with its size and not shown.
pub const GIT_PATCH_BYTES: usize = 48 << 20;

/// Bytes of a file that git does not know yet and that is shown. A larger one is named with its size and not shown.
pub const GIT_FILE_BYTES: usize = 16 << 20;

/// Bytes of the last lines that git and its hooks printed, as they are shown while it runs. Earlier ones are not shown any more.
pub const GIT_PROGRESS_BYTES: usize = 4 << 10;

/// Least time between two reports of a running git.
pub const GIT_PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Bytes of a work file from which on its sides are read and compared without git, where nothing makes git read it as anything else.
pub const GIT_LARGE_BYTES: u64 = 1 << 20;

/// Bytes of git's own words that are kept: on failure, and of hooks. Of more the end is kept, which says how it ended.
pub const GIT_WORDS_BYTES: usize = 16 << 10;

/// Runs of git at once. Further ones wait.
pub const GIT_AT_ONCE: usize = 8;

/// Bytes of new files whose lines are counted for one list. The lines of further files are not counted.
pub const GIT_COUNTED_BYTES: u64 = 32 << 20;

/// Branches that are offered as a base, those committed to last. Others can be named.
pub const GIT_BRANCHES: usize = 100;

/// States that were discarded and can be brought back, for each repository. Beyond it the oldest is forgotten, and git removes it in time.
pub const GIT_DISCARDED: usize = 200;

/// Files of a list that a page shows. Of more their number is shown.
pub const REVIEW_FILES: usize = 10_000;

/// Files that a server may report as changed by a session. Further ones are left out.
pub const SESSION_FILES: usize = 10_000;

/// Prompts whose changes are asked for one by one, where a server records none of the session as a whole: the newest.
pub const SESSION_PROMPTS: usize = 20;

/// Bytes of a repository's settings and attributes that are read to know whether a comparison still holds. With longer ones each comparison
/// is made anew.
pub const GIT_SETTINGS_BYTES: usize = 1 << 20;

/// Comparisons of files that are used again, so that the next lines of a large file are only drawn. Beyond it the one that was used longest
/// ago is forgotten.
pub const REVIEW_DIFFS: usize = 64;

/// Bytes of all those comparisons. Beyond it those that were used longest ago are forgotten; the newest is kept whatever it has.
pub const REVIEW_DIFF_BYTES: usize = 64 << 20;

/// How long a comparison is kept that nobody looks at.
pub const REVIEW_DIFF_KNOWN: Duration = Duration::from_secs(60);

/// Changes of marks and comments that are kept for open reviews. One that lacks more reads its list again.
pub const REVIEW_MARKS: usize = 64;

/// Folders of which marks and comments are kept. Beyond it those of the folder that was reviewed longest ago are forgotten.
pub const REVIEW_FOLDERS: usize = 200;

/// Files of a folder that can be marked as viewed. Beyond it the oldest marks are forgotten.
pub const REVIEW_VIEWED: usize = 20_000;

/// Comments of a folder. Beyond it the oldest that was sent is forgotten; a new one is refused where none was sent.
pub const REVIEW_COMMENTS: usize = 500;

/// Bytes of a comment. A longer one is refused.
pub const REVIEW_COMMENT_BYTES: usize = 16 << 10;

/// How long it is believed that an attached server runs on this machine, or that it does not. After it the processes are looked at again.
pub const LOCAL_KNOWN: Duration = Duration::from_secs(30);

/// How long the changes that a server reported of a session are used again, so that each file in sight does not ask for all of them.
pub const SESSION_CHANGES_KNOWN: Duration = Duration::from_secs(10);

/// Sessions whose reported changes are kept for that long. Beyond it the oldest are asked for again.
pub const SESSION_CHANGES: usize = 4;
/// Time after the start of the hub at which indexing begins: the first pages come first.
pub const SEARCH_BEGINS: Duration = Duration::from_secs(3);
/// How often it is looked for sessions that are to be indexed. A text can be found that much later.
pub const SEARCH_EVERY: Duration = Duration::from_secs(2);
/// The longest pause between two pages of messages, and between two sessions, that are read for the index.
pub const SEARCH_PACE: Duration = Duration::from_millis(50);
/// The pause after a page or a session is that many times the time that reading and storing it took, so that the index of old sessions
/// takes a fifth of a core at most.
pub const SEARCH_REST: u32 = 4;
/// Sessions that are indexed between two looks at all of them.
pub const SEARCH_BATCH: usize = 32;
/// Messages of one page that is read for the index.
pub const SEARCH_PAGE: usize = 50;
/// Time between two reads of a session that runs, for the index.
pub const SEARCH_RUNNING: Duration = Duration::from_secs(30);
/// Time after which a session is read again that could not be read for the index, and after which an index that could not be opened is opened again.
pub const SEARCH_AGAIN: Duration = Duration::from_secs(60);
/// Sessions beyond the lists of servers that are indexed, over all instances. Lists are not read on beyond it: answers say so.
pub const SEARCH_BEYOND: usize = 20_000;
/// Time that a page waits for a session that its server has and no list named. After it the page says that there is no such session.
pub const SESSION_WAIT: Duration = Duration::from_secs(5);
/// Queries of the index at one time. Further ones wait.
pub const SEARCHES: usize = 2;
/// Hits of an answer, unless the query says how many.
pub const SEARCH_HITS: usize = 50;

/// Bytes of the diff that a server computes of a tool call. A longer one is left out, and the call's arguments are shown instead.
pub const TOOL_DIFF_BYTES: usize = 64 << 10;

/// Bytes of frames in the history of a session that the event inspector shows. Older ones are left out, which it says.
pub const TIMELINE_BYTES: usize = 32 << 20;
/// Bytes of the journal, before compression, that are read for such a history. Older blocks are left out, which the inspector says.
pub const TIMELINE_READ_BYTES: u64 = 128 << 20;
/// States of a session that are kept along its history, so that a step folds a part of it only.
pub const TIMELINE_STATES: usize = 16;
/// Bytes of frames between two of them, at least.
pub const TIMELINE_SPACING_BYTES: usize = 64 << 10;
/// Histories that are kept between two steps. Beyond it the one that was used longest ago is read again.
pub const TIMELINES: usize = 4;
/// Histories that are read and folded at one time. Further ones wait.
pub const TIMELINES_AT_ONCE: usize = 2;
/// Opened bundles. Beyond it the one that was used longest ago has to be opened again.
pub const BUNDLES: usize = 2;
/// Bytes of a bundle that is opened. A larger one is refused.
pub const BUNDLE_BYTES: usize = 32 << 20;
/// Entries of a bundle. A longer one is refused.
pub const BUNDLE_ENTRIES: usize = 200_000;
/// Sessions of an opened bundle that are listed. Further ones are found by their frames.
pub const BUNDLE_SESSIONS: usize = 200;
/// Time without use after which histories and bundles are forgotten.
pub const INSPECTION_KEPT: Duration = Duration::from_secs(10 * 60);
/// Entries of the log that are described for the event inspector in one step. The rest is described next.
pub const FRAMES_PAGE: usize = 256;
/// Interval of two events of a few frames each; more frames are sent at once.
pub const FRAMES_EVERY: Duration = Duration::from_millis(100);
/// Interval at which the counters of all instances are sent to an event inspector.
pub const FRAMES_COUNTERS: Duration = Duration::from_secs(2);
/// Older entries with which an event inspector can begin. With more it begins with these.
pub const FRAMES_RECENT: u64 = 20_000;
/// Revisions whose times are sent with one event. Of further ones none is sent.
pub const FRAMES_REVS: usize = 256;
/// Milliseconds between two revisions whose times are sent.
pub const FRAMES_REVS_APART: i64 = 5;
/// Characters of a frame's type. The rest is cut.
pub const FRAME_NAME_CHARS: usize = 120;
/// Bytes of a frame's JSON that the event inspector shows. The rest is cut, which it says.
pub const FRAME_JSON_BYTES: usize = 256 << 10;
/// Characters of an event of the hub that the event inspector shows. The rest is cut.
pub const FRAME_EVENT_CHARS: usize = 2_000;
/// Changes of a frame that are listed. Further ones are left out.
pub const FRAME_CHANGES: usize = 100;
/// Characters of a value, or of a name, in such a change. The rest is cut.
pub const CHANGE_CHARS: usize = 300;
/// Frames before a moment that are listed with it.
pub const NEAR_BEFORE: usize = 8;
/// Frames after it.
pub const NEAR_AFTER: usize = 4;
/// Errors of pages that are logged within [`PAGE_ERRORS_EVERY`]. Of further ones the number is logged.
pub const PAGE_ERRORS: u32 = 20;
/// The time in which so many are logged.
pub const PAGE_ERRORS_EVERY: Duration = Duration::from_secs(60);
/// Characters of each field of such an error. The rest is cut.
pub const PAGE_ERROR_CHARS: usize = 2_000;
/// Characters of a text that an export takes for a name. A longer text counts as written by a person or a model, and is left
/// out.
pub const EXPORTED_NAME_CHARS: usize = 128;
/// Milliseconds by which a server's clock has to differ from ours before a frame's lag is corrected: below that the difference may be an
/// error of measurement.
pub const CLOCK_DOUBT: i64 = 1_000;
/// Paths that a sentence names. Of more their number is named.
pub const PATHS_NAMED: usize = 5;

/// Work trees of a repository whose state is read for a list. Of further ones only folder and branch are known.
pub const WORKTREES_LISTED: usize = 50;

/// Names that are tried for a new work tree, with a number behind the first. If all are taken, the command is refused.
pub const WORKTREE_NAMES: usize = 100;

/// Bytes of the name of a branch. A longer one is refused.
pub const BRANCH_BYTES: usize = 120;

/// States of removed work trees that can be restored, for each repository. Beyond it the oldest is forgotten, and git removes it in time.
pub const GIT_REMOVED: usize = 100;

/// Bytes of a `.worktreeinclude`. A larger one counts as empty.
pub const INCLUDE_BYTES: usize = 64 << 10;

/// Files that are copied into a new work tree. Further ones are not copied, and the reply has their number.
pub const INCLUDE_FILES: usize = 1000;

/// Bytes of the path of such a file. One with a longer path is not copied.
pub const INCLUDE_PATH_BYTES: usize = 1000;

/// Bytes that are copied into a new work tree. A file beyond it is not copied, and is named.
pub const INCLUDE_COPIED_BYTES: u64 = 256 << 20;

/// Bytes of a project's set-up command. A longer one is refused.
pub const SETUP_BYTES: usize = 32 << 10;

/// How long a set-up command may run. After it it is killed with what it started, and counts as failed.
pub const SETUP_TIME: Duration = Duration::from_secs(1200);

/// How long output is read after a set-up command ended, if something that it began goes on. Later output is not read.
pub const SETUP_REST: Duration = Duration::from_secs(1);

/// Bytes of a set-up command's output that are kept: the newest. Older ones are dropped.
pub const SETUP_OUTPUT_BYTES: usize = 64 << 10;

/// Set-up commands that a person allowed. Beyond it the one allowed first needs confirmation again.
pub const SETUPS_ALLOWED: usize = 1000;

/// New work trees whose progress is known. Beyond it the oldest that has ended is forgotten; if none has ended, a new one is refused.
pub const WORKTREE_JOBS: usize = 32;

/// Time between two looks for sessions that change the same file. What changes meanwhile is seen at the next one.
pub const RADAR_PATHS: Duration = Duration::from_secs(1);

/// Time between two tries whether the work trees of a repository conflict. What changes meanwhile is tried the next time.
pub const RADAR_BRANCHES: Duration = Duration::from_secs(15);

/// How long it is remembered which repository a folder belongs to, for such a try. Then git is asked again.
pub const RADAR_PLACE: Duration = Duration::from_secs(300);

/// Repositories whose work trees are tried in one round. Further ones are not tried.
pub const RADAR_REPOSITORIES: usize = 16;

/// Work trees of a repository that are tried with each other. Further ones are not.
pub const RADAR_TREES: usize = 8;

/// Files of a work tree that are not committed and are part of a try. Further ones are not.
pub const RADAR_FILES: usize = 1000;

/// Bytes of a file that is not committed and is part of a try. A larger one is not.
pub const RADAR_FILE_BYTES: u64 = 2 << 20;

/// Devices that get Web Push. Beyond it a new one is refused.
pub const PUSH_DEVICES: usize = 64;

/// Devices of one caller. Beyond it the oldest is removed.
pub const PUSH_DEVICES_OF_ONE: usize = 8;

/// Targets that are notified. Beyond it a new one is refused.
pub const PUSH_TARGETS: usize = 16;

/// Bytes of the address of a device or target. A longer one is refused.
pub const PUSH_ENDPOINT_BYTES: usize = 2000;

/// Bytes of any other field of a subscription. A longer one is refused.
pub const PUSH_FIELD_BYTES: usize = 200;

/// Bytes of a message to a device before its encryption; push services take 3,993. A larger one has its title only.
pub const PUSH_BYTES: usize = 3800;

/// Items that are new at once and have a notification each. More of them have one together.
pub const PUSH_ALONE: usize = 3;

/// Time between two looks for what is new. What comes and goes meanwhile is not sent.
pub const PUSH_EVERY: Duration = Duration::from_secs(1);

/// Time after the start in which items that an earlier hub sent count as there, as servers are still being connected.
pub const PUSH_SETTLES: Duration = Duration::from_secs(60);

/// Items whose notifications are withdrawn once they are answered or reviewed. Beyond it some are not withdrawn.
pub const PUSH_SENT: usize = 256;

/// Messages that wait for one recipient. Beyond it the newest is dropped, and logged.
pub const PUSH_QUEUED: usize = 64;

/// Attempts to send a message. After them it is dropped, and logged.
pub const PUSH_TRIES: u32 = 5;

/// Time before the second attempt; it doubles with each further one.
pub const PUSH_AGAIN: Duration = Duration::from_secs(2);

/// The longest time between two attempts, also where a server asks for a longer one.
pub const PUSH_WAITS: Duration = Duration::from_secs(60);

/// Time for an answer of a push service or target. After it the attempt has failed.
pub const PUSH_PATIENCE: Duration = Duration::from_secs(10);

/// How long a push service keeps a message for a device that it cannot reach. After it the message is dropped.
pub const PUSH_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of the contact that push services are given. A longer one is refused.
pub const PUSH_CONTACT_BYTES: usize = 256;

/// How long a token for push services is valid. Each request has a new one.
pub const PUSH_TOKEN_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Time for the disk to list a folder that a person chooses. After it the list is refused.
pub const FOLDER_WAIT: Duration = Duration::from_secs(10);

/// Interval at which the memory of servers is compared with their limits.
pub const MEMORY_LOOK: Duration = Duration::from_secs(5);

/// Time without any run on a server over its memory limit. After it the server is restarted.
pub const MEMORY_IDLE: Duration = Duration::from_secs(15);

/// Shortest interval between two restarts of a server because of its memory: its limit may be less than it needs.
pub const MEMORY_AGAIN: Duration = Duration::from_secs(600);

/// Earlier launch options of a folder whose values stay hidden in what its server prints. Older ones are no longer hidden.
pub const LAUNCHES_HIDDEN: usize = 8;

/// The highest place that a person gives an instance among the others. A higher one is refused.
pub const INSTANCE_ORDER: u32 = 9999;

/// Time over which the events of a server are counted for its rate. Those before it do not count.
pub const EVENT_RATE: Duration = Duration::from_secs(10);
