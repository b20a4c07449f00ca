//! Every bound of the state, and what happens at it.

/// Deleted sessions remembered per instance, so that their late events stay dead. Beyond it the oldest is forgotten.
pub const TOMBSTONES: usize = 4096;
/// Answered requests remembered per instance. Beyond it the oldest is forgotten: who answers it again is told only that
/// nothing waits.
pub const ANSWERED: usize = 256;
/// Bytes kept of one open text. Beyond it its older half is dropped and a gap is marked.
pub const OPEN_TEXT_BYTES: usize = 8 << 20;
/// Open texts kept per session. Beyond it the one that grew longest ago is dropped; the closing update brings it back.
pub const OPEN_TEXTS: usize = 256;
/// Events held for one session while its messages are being read, and things noted of a folder while that is read.
/// Beyond it the read is asked for again.
pub const HELD_EVENTS: usize = 8192;
/// Parts held for a message that was not announced yet, per session. Beyond it the newest is dropped and counted.
pub const ORPHAN_PARTS: usize = 256;
/// Statuses remembered per instance of sessions whose rows are still to be read. Beyond it the newest is not: its session
/// shows nothing of what it does until its next status.
pub const EARLY_STATUSES: usize = 1024;
/// Folders remembered with each of them that were let go of since. Beyond it the status is forgotten.
pub const EARLY_DISPOSED: usize = 32;
/// Kinds of unknown events counted by name per instance. Beyond it they are counted together as `other`.
pub const UNKNOWN_KINDS: usize = 64;
/// Bytes of a permission request and of the arguments of its call up to which it can be shown whole. A larger one cannot be
/// allowed from a card, only refused.
pub const CONTENT_BYTES: usize = 256 << 10;
/// Pieces of such a request. The same.
pub const CONTENT_PIECES: usize = 256;
/// Requests of ended runs kept per instance until its server was told that they are refused. Beyond it the oldest is forgotten.
pub const LAPSED: usize = 256;
/// Sessions between the root and the one that asks whose titles are shown with a request. Beyond it those nearest to the root
/// are left out.
pub const WAY: usize = 8;
/// Sessions kept per instance. Beyond it those go that changed longest ago, neither run nor ask anything, nor have one below them
/// that does; roots only once no other is left. They can be read again. Where there are none, the newest is left out and counted.
pub const SESSIONS: usize = 8192;
/// Folders of an instance of which it is known where the list of their sessions was cut. Those of further ones cannot be read on.
pub const OLDER: usize = 64;
/// Sessions that go at once.
pub const SESSIONS_SLICE: usize = SESSIONS / 16;
/// Requests kept that wait in one instance, permissions and questions each. Beyond it the newest is left out and counted: it
/// comes with the next read of its folder, once there is room.
pub const REQUESTS: usize = 1000;
/// Bytes that requests may have which wait in one instance, permissions and questions each. The same.
pub const REQUESTS_BYTES: usize = 16 << 20;
/// Requests kept that wait in one session, permissions and questions each. The same.
pub const REQUESTS_OF_SESSION: usize = 100;
/// Sessions whose owner is known, over all instances. Those beyond are shown wherever they are listed.
pub const OWNERS: usize = 65_536;
/// Characters of the reason why a server cannot be heard. The rest is cut off.
pub const REASON_CHARS: usize = 2000;
/// Steps below its root at which a session is shown. Deeper ones are shown at this one.
pub const TREE_DEPTH: usize = 32;
/// Sessions named above the one in front: the root, and those nearest to it. Between them it is said that some are left out.
pub const ANCESTORS: usize = 16;
