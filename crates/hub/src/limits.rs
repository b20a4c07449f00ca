//! Every bound of the hub, and what happens at it.

use std::time::Duration;

/// Inputs waiting for the engine. At the bound, supervisors wait, and with them their servers' sockets.
pub const ENGINE_INPUTS: usize = 1024;
/// Inputs that the engine takes before it tells of the change. The rest is taken next.
pub const INPUTS_AT_ONCE: usize = 32;
/// Requests waiting for a supervisor. At the bound the newest is refused and asked again on the next cause.
pub const ASKS: usize = 256;
/// Frames of a server held while its state is read. At the bound the connection is given up and made anew.
pub const HELD_FRAMES: usize = 100_000;
/// Bytes of such frames.
pub const HELD_BYTES: usize = 128 << 20;
/// Frames that one engine input carries at most; more are split.
pub const BATCH_FRAMES: usize = 256;
/// Sessions and messages of an events-only server that are remembered as announced. Beyond it they are forgotten, and one
/// may get its made-up row once more.
pub const ANNOUNCED: usize = 65_536;
/// Directories whose status is asked of a server, as the first call boots each, and that are read at once beside a
/// stream. The rest stays unknown.
pub const DIRECTORIES: usize = 32;
/// Bytes of an id that a server gives. What has a longer one is counted as malformed, and left out.
pub const ID_BYTES: usize = 256;
/// Bytes of a folder's path. The same.
pub const PATH_BYTES: usize = 4096;
/// Characters of a title, a name or another sentence of a server's. The rest is cut off.
pub const WORDS_CHARS: usize = 200;
/// Bytes of a picture that the page shows. Of a larger one it tells name and size.
pub const PICTURE_BYTES: u64 = 8 << 20;
/// Bytes at a picture's beginning in which its measures have to be. One that tells them later is no picture here.
pub const PICTURE_HEAD_BYTES: usize = 256 << 10;
/// Pixels of a picture that the page shows, as a browser takes four bytes for each. Of a larger one it tells name and size.
pub const PICTURE_PIXELS: u64 = 40_000_000;
/// Bytes of an error's text. The rest is cut off.
pub const SENTENCES_BYTES: usize = 8 << 10;
/// Bytes of the name of a kind of event. A longer one is counted under another name.
pub const KIND_BYTES: usize = 64;
/// Bytes of a session's own JSON. Of a longer one what is known of the session is kept.
pub const ROW_BYTES: usize = 16 << 10;
/// Bytes of a to-do list's own JSON. A longer one is left out.
pub const TODOS_BYTES: usize = 64 << 10;
/// Bytes of a request's own JSON. A longer one is left out: cut, it would not show what is allowed.
pub const REQUEST_BYTES: usize = 1 << 20;
/// Questions and answers on offer in one request. One with more is left out.
pub const ANSWERS_ON_OFFER: usize = 500;
/// Agents and models of a server, each. Those beyond are not on offer.
pub const CATALOG: usize = 2000;
/// Sessions read of a directory at once, and its roots as many again where there are more. Older ones are read as a person asks for
/// them.
pub const SESSIONS: usize = 1000;
/// Messages read at once; older ones are read as a viewer asks for them.
pub const MESSAGE_PAGE: usize = 100;
/// How often a directory is tried to be read beside a stream. After it its sessions are shown as they were last told.
pub const DIRECTORY_TRIES: usize = 3;
/// How long until a directory is read again that could not be read.
pub const DIRECTORY_AGAIN: Duration = Duration::from_secs(10);
/// Conversations and directories read at once from one server. The rest wait.
pub const READS_AT_ONCE: usize = 4;
/// Bytes of conversations kept that nobody looks at. The one looked at longest ago is dropped first; those that nobody ever
/// looked at before it, the one that changed longest ago first.
pub const UNWATCHED_BYTES: usize = 16 << 20;
/// Messages kept of a conversation that is looked at. Beyond it those before the newest page are let go; they are read again
/// as a viewer asks for them.
pub const WATCHED_MESSAGES: usize = MESSAGE_PAGE + MESSAGE_PAGE / 2;
/// The same while a viewer looks at older ones. Beyond it its window begins later.
pub const WATCHED_OLDER_MESSAGES: usize = 4000;
/// Bytes of upstream events that the log keeps in memory while there is no journal. The oldest go first; readers who come
/// later are told of the gap.
pub const LOG_BYTES: usize = 32 << 20;
/// The same while there is one, beside what is not stored yet. Readers who come later get the rest from the journal.
pub const JOURNALED_LOG_BYTES: usize = 8 << 20;
/// Bytes of entries that wait to be stored. Beyond it the journal counts as failed, and the log goes on without.
pub const JOURNAL_BEHIND_BYTES: usize = 64 << 20;
/// Entries that wait to be stored. Beyond it the same.
pub const JOURNAL_BEHIND_ENTRIES: u64 = 200_000;
/// Bytes of entries after which a group is stored at once.
pub const JOURNAL_GROUP_BYTES: usize = 4 << 20;
/// Entries stored in one transaction at most, and bytes of them. The rest follows in the next.
pub const JOURNAL_GROUP_ENTRIES: usize = 16_384;
/// Bytes of entries packed into one block, before packing, after which the next begins.
pub const JOURNAL_BLOCK_BYTES: usize = 96 << 10;
/// Bytes that a block unpacks to at most: a whole block, and the largest event a server may send behind it, whose
/// characters were replaced one by one (three bytes each). A larger one is none of ours, and refused.
pub const JOURNAL_UNPACKED_BYTES: usize = JOURNAL_BLOCK_BYTES + 3 * (32 << 20) + (256 << 10);
/// Bytes of blocks, before packing, read at once for a reader of the log.
pub const JOURNAL_READ_BYTES: u64 = JOURNAL_BLOCK_BYTES as u64;
/// Reads of the journal at once. Further readers wait.
pub const JOURNAL_READS: usize = 4;
/// Bytes of the journal, unless told otherwise. Beyond it the oldest blocks go.
pub const JOURNAL_BYTES: u64 = 1 << 30;
/// Bytes that the journal's file may be larger than that at least, until the next look at its size. Beyond it the journal
/// is full: it fails, and is pruned when it is tried again.
pub const JOURNAL_SLACK_BYTES: u64 = 64 << 20;
/// Days that entries stay in the journal, unless told otherwise. Older blocks go.
pub const JOURNAL_DAYS: u32 = 30;
/// Lives of the log that are remembered after their entries are gone. A cursor of an older one is of no known life.
pub const JOURNAL_LIVES: usize = 256;
/// Damaged journals that are kept aside. Beyond it the oldest is deleted.
pub const JOURNALS_ASIDE: usize = 2;
/// Deleted sessions whose late events are not stored. Beyond it the oldest is forgotten.
pub const JOURNAL_DELETED: usize = 4096;
/// Blocks pruned or purged in one transaction. The rest follows in the next.
pub const JOURNAL_SLICE: usize = 16;
/// Bytes of the journal's newest blocks, before packing, read at the start for what was open and what ran. What began
/// before them is not known again.
pub const JOURNAL_RECALL_BYTES: u64 = 16 << 20;
/// Running sessions named in the log when a link is live again. Those beyond are not known to have run after a restart.
pub const WORD_SESSIONS: usize = 256;
/// Viewers at once. Further ones are refused with the reason.
pub const VIEWERS: usize = 2000;
/// Batches sent to a viewer that it has not acknowledged. At the bound it is sent nothing until it does.
pub const UNACKNOWLEDGED: usize = 4;
/// Bytes of changes sent to a viewer at once. One that lacks more, or that has nothing yet, is told to fetch the page.
pub const BATCH_BYTES: usize = 64 << 10;
/// Rows of a change that is drawn where it is found, where its messages are nothing but growing texts. A larger one is drawn on
/// a thread of its own.
pub const DRAWN_AT_ONCE_ROWS: usize = 64;
/// Bytes of those texts: as people and models write they take less than a millisecond, and at most six whatever they are.
pub const DRAWN_AT_ONCE_BYTES: usize = 4 << 10;
/// Pages of older messages that are read to show again what a viewer showed. Beyond it the viewer's window begins later.
pub const OLDER_PAGES: usize = 20;
/// Bytes of one message from a viewer. A longer one ends its connection.
pub const VIEWER_MESSAGE_BYTES: usize = 64 << 10;

/// How long entries wait for others to be stored with them: what a crash takes from the journal at most.
pub const JOURNAL_GROUP: Duration = Duration::from_secs(1);
/// How long the journal does what else it has to do between two groups of a log that never rests.
pub const JOURNAL_BREATH: Duration = Duration::from_millis(10);
/// How long until a journal that failed is tried again.
pub const JOURNAL_AGAIN: Duration = Duration::from_secs(30);
/// How often the journal is held against its bounds.
pub const JOURNAL_PRUNE: Duration = Duration::from_secs(60);
/// How long the hub's start waits for its journal. After it the hub begins without, and takes it up once it is open.
pub const JOURNAL_OPEN: Duration = Duration::from_secs(2);
/// How long connecting waits for what the journal remembers. After it the hub connects without.
pub const JOURNAL_RECALL: Duration = Duration::from_secs(5);
/// How long the hub's end waits for the journal. After it the next start begins a new life of the log.
pub const JOURNAL_CLOSE: Duration = Duration::from_secs(5);

/// How long one state lasts for viewers: changes are sent at most this often, the first after quiet at once.
pub const TICK: Duration = Duration::from_millis(50);
/// How often a viewer's link shows that it is alive.
pub const BEAT: Duration = Duration::from_secs(5);
/// How long a write to a viewer, or to any other client, may wait for it to read. After it the connection is closed; a
/// viewer comes back with its cursor.
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
/// How long a link may be silent once the machine woke or its network changed. After it the link is made anew.
pub const NUDGE_PROOF: Duration = Duration::from_secs(12);
/// How often a machine that wakes, or whose network changes, is cause for a try at most. What comes between is put off.
pub const NUDGE_PACE: Duration = Duration::from_secs(10);
/// How often it is looked whether the machine woke or its network changed.
pub const NUDGE_LOOK: Duration = Duration::from_secs(5);
/// How much further than durations the time of day may go between two looks, until the machine is taken to have slept.
pub const SLEPT: Duration = Duration::from_secs(5);
/// How long a link must live until failures before it are forgotten.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(10);
/// How often a server that was given up is asked for its health and its state.
pub const SLOW_PROBE: Duration = Duration::from_secs(60);
/// First wait before connecting again; each further one is twice as long.
pub const BACKOFF_BASE: Duration = Duration::from_secs(1);
/// Tries in a row before a server is given up.
pub const BACKOFF_ATTEMPTS: u32 = 5;
/// Random part added to a wait at most, in percent of it.
pub const BACKOFF_JITTER_PERCENT: u32 = 20;

/// How far off it may be what is measured of a server's clock, which HTTP tells in whole seconds. Ids that are made by that clock
/// are made so much earlier: OpenCode asks the model again and again for a prompt that is named later than its answer.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(1);
/// How long what listens on this machine has to say what it is, before it is offered as what may be a server.
pub const FOUND_ANSWER: Duration = Duration::from_millis(400);
/// Programs that are asked what they are at once. The rest wait for them.
pub const FOUND_AT_ONCE: usize = 8;

/// Connections at once. For a further one the connection is closed that waits longest for its client to ask; where none does,
/// it waits until one closes.
pub const CONNECTIONS: usize = 4096;
/// How long the head of a request, the next one on a connection as the first, may take to come. After it the connection is
/// closed.
pub const REQUEST_HEAD: Duration = Duration::from_secs(30);
/// How long a request's body may take to come. After it the request is refused and its connection closed.
pub const REQUEST_BODY: Duration = Duration::from_secs(120);
/// Bytes of a request's body. A longer one is refused.
pub const BODY_BYTES: usize = 1 << 20;
/// Bytes of a prompt's body, which may carry files. A longer one is refused.
pub const PROMPT_BYTES: usize = 16 << 20;
/// What was sent under an idempotency key and is remembered. At the bound the oldest is forgotten: sent once more it is
/// new.
pub const PROMPT_KEYS: usize = 4096;
/// Damaged files of what was sent that are kept. Beyond it the last one is written over.
pub const PUT_ASIDE: usize = 9;
/// How long it is remembered at most, which is longer than a page keeps what it could not send.
pub const PROMPT_KEY_AGE: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// Answers of this hub's users to permissions and questions that are remembered, to tell a later one who was first. At
/// the bound the oldest is forgotten: the later one is told only that nothing waits.
pub const ANSWERS: usize = 1024;
/// Requests of stopped sessions that are refused at once. The rest wait for them.
pub const REFUSED_AT_ONCE: usize = 8;
/// How long *Stop* waits for what its sessions ask to be refused, before it stops them. What is left is refused after it.
pub const REFUSE_BEFORE_STOP: Duration = Duration::from_secs(3);
/// How long until a request that could not be refused is refused again; then twice as long, each time.
pub const REFUSE_AGAIN: Duration = Duration::from_secs(1);
/// The longest time until then.
pub const REFUSE_SELDOM: Duration = Duration::from_secs(300);
/// Bytes of a file of the audit log: one for grants, one for the rest. Beyond it the file becomes the one before it, which
/// replaces the one that was there.
pub const AUDIT_BYTES: u64 = 8 << 20;
/// Commands at work at once, also of callers that left. A further one is refused with the reason.
pub const COMMANDS_AT_ONCE: usize = 1024;
/// How long until a task of the hub that failed is begun again; then twice as long, each time.
pub const TASK_AGAIN: Duration = Duration::from_secs(1);
/// The longest time until then; and how long one must run until failures before it are forgotten.
pub const TASK_SELDOM: Duration = Duration::from_secs(60);
/// How long the engine may take to answer whether it is alive. After it the hub's health says no.
pub const ENGINE_ANSWERS: Duration = Duration::from_secs(5);
/// How long a second removal of an instance waits for the first. After it the answer goes out all the same.
pub const REMOVAL_WAIT: Duration = Duration::from_secs(30);
/// Sessions that were running or interrupted and are noted for the next hub. Beyond it an interruption may be forgotten.
pub const UNFINISHED: usize = 4096;
/// Stopped sessions that are noted for the next hub, of all instances. Beyond it those that were stopped longest ago are not: what
/// they ask after a restart waits for a person like any other request.
pub const NOTED_STOPS: usize = 4096;
/// Sessions whose end no person has looked at, or that failed, and that are noted for the next hub. Beyond it those that changed
/// longest ago are not.
pub const NOTED_ENDS: usize = 4096;
/// Bytes of a failure's message that are noted. The rest is cut off.
pub const NOTED_MESSAGE: usize = 1 << 10;
/// How often notes are written at most, apart from a stop, which is written at once.
pub const NOTES_EVERY: Duration = Duration::from_secs(1);
/// How often they are noted at most.
pub const UNFINISHED_EVERY: Duration = Duration::from_secs(1);
/// Interrupted sessions that are told to go on at once. The rest wait for them.
pub const CONTINUED_AT_ONCE: usize = 4;
/// Characters of an idempotency key. A longer one is refused.
pub const PROMPT_KEY_CHARS: usize = 255;
/// How long a command waits for an instance that is connecting. After it the command is refused with the reason.
pub const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long who asks for older sessions waits for them. After it the answer says that they cannot be read now.
pub const OLDER_SESSIONS_WAIT: Duration = Duration::from_secs(10);
/// How long a command waits until its effect is seen in the state. After it the answer goes out all the same.
pub const ECHO_WAIT: Duration = Duration::from_secs(1);
/// How long a document waits for its conversation. After it the page is sent without, and gets it over its socket.
pub const DOCUMENT_WAIT: Duration = Duration::from_millis(150);
/// How long a document waits for messages before those that are kept, which a person asked for. After it the document
/// comes without them, and can be asked for again.
pub const OLDER_WAIT: Duration = Duration::from_secs(5);
/// How long the conversation of a sent document is kept for the page's socket to take over.
pub const DOCUMENT_KEPT: Duration = Duration::from_secs(10);
/// Entries of the log taken at once for a reader.
pub const LOG_PAGE: usize = 256;
/// Bytes of entries after which no more are taken at once; one that is larger by itself is taken alone.
pub const LOG_PAGE_BYTES: usize = 32 << 10;
/// Bytes of the log given to HTTP in one piece. It takes up to 16 pieces for a reader that does not read.
pub const LOG_PIECE: usize = 1 << 10;
/// Bytes of what was sent that are remembered for a reader who takes gzip. What is said again after more is told anew.
pub const LOG_GZIP_MEMORY: usize = 8 << 10;
/// How often a reader of the log sees that its link is alive.
pub const LOG_BEAT: Duration = Duration::from_secs(10);
/// Bytes that the kernel holds for a viewer who does not read (Linux doubles it). At the bound writes to it wait. With less
/// than a segment of loopback, 64 KiB, each write would wait for a delayed acknowledgement.
pub const SEND_BUFFER: usize = 64 << 10;
/// Bytes read at once from a viewer's socket.
pub const VIEWER_READ_BUFFER: usize = 4 << 10;
/// How long requests may take to end once the hub ends. After it their connections are cut.
pub const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// Pages that may come in. Beyond it the one that was used longest ago has to enter anew.
pub const PAGES: usize = 64;
/// How long a page may stay away. After it, it has to enter anew.
pub const PAGE_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Of that, how much has to be used up until it is given whole again.
pub const PAGE_RENEWED: Duration = Duration::from_secs(24 * 60 * 60);
/// Tokens. Another one is refused.
pub const TOKENS: usize = 64;
/// Characters of a token's name. A longer one is refused.
pub const TOKEN_NAME: usize = 64;
/// Links that let a page in and were not followed yet. Beyond it the oldest is good no more.
pub const LINKS: usize = 16;
/// How long a link is good.
pub const LINK_LIFE: Duration = Duration::from_secs(10 * 60);
/// How often the disk is told that a page or token was used.
pub const USED_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often it is looked whose time is over. What they opened lasts so long at most.
pub const OVER_EVERY: Duration = Duration::from_secs(15);
/// Wrong attempts that are answered at once. Each further one waits.
pub const WRONG_FREE: u32 = 10;
/// How long the first of them waits; each further one twice as long.
pub const WRONG_FIRST: Duration = Duration::from_millis(100);
/// How long one waits at most.
pub const WRONG_MOST: Duration = Duration::from_secs(5);
/// Wrong attempts that wait at once. Further ones are refused at once.
pub const WRONG_WAITING: usize = 64;
/// How long no attempt may be wrong until those before are forgotten.
pub const WRONG_FORGOTTEN: Duration = Duration::from_secs(60);

/// Characters of what an entry of the audit log is about. The rest is left out, marked by `…`.
pub const AUDIT_ABOUT_CHARS: usize = 200;

/// Bytes of a library's own error text that a problem passes on. A longer one is left out.
pub const PROBLEM_REASON_BYTES: usize = 16 << 10;

/// How often the lock of a data directory is tried that no live process claims: `DataDir::running` holds it for an
/// instant. After that the directory counts as taken.
pub const LOCK_TRIES: u32 = 10;

/// How long to wait between two such tries.
pub const BETWEEN_LOCK_TRIES: Duration = Duration::from_millis(10);

/// How often conversations that no viewer shows are weighed. Between two times they may be more than is kept.
pub const SWEEP_BODIES: Duration = Duration::from_secs(1);

/// How often conversations are read again that viewers show and that could not be read, and those are cut that grew too
/// long.
pub const READ_BODIES_AGAIN: Duration = Duration::from_secs(10);

/// How long the first try to get an answer lasts: OpenCode never answers connections that it accepts too early. Each
/// further try lasts twice as long, for a slow server.
pub const FIRST_PROBE: Duration = Duration::from_millis(500);

/// How long another program may hold the file for a moment.
pub const JOURNAL_BUSY: Duration = Duration::from_secs(1);

/// Instances kept; another one is refused.
pub const INSTANCES: usize = 512;

/// Recent folders kept; the oldest is forgotten.
pub const RECENT_FOLDERS: usize = 32;

/// Characters of an instance's name; the rest is cut.
pub const INSTANCE_NAME_CHARS: usize = 64;

/// Removed instances that are remembered until the journal has noted that their texts are to go. Beyond it the oldest is
/// forgotten, and its texts go with their age.
pub const PURGING: usize = 1024;

/// How often it is looked whether a busy engine goes on.
pub const ENGINE_LOOK: Duration = Duration::from_millis(10);

/// Broken files kept aside; at the bound the file is left where it is and the hub does not start.
pub const REGISTRIES_ASIDE: u32 = 100;
