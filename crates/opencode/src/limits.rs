//! Every bound of this crate, with what happens at it.

use std::time::Duration;

/// Largest event of a stream, in bytes. A bigger one is skipped to its end and counted
/// ([`sse::Parser::skipped`](crate::sse::Parser::skipped)); the stream goes on.
pub const MAX_EVENT_BYTES: usize = 32 * 1024 * 1024;

/// Capacity the parser's buffers keep between events, in bytes. More is given back once the event is out.
pub(crate) const KEPT_BUFFER_BYTES: usize = 8 * 1024;

/// Bytes read at once from an event stream, which each open stream has a buffer for. A larger event comes in pieces.
pub(crate) const STREAM_BUFFER_BYTES: usize = 16 * 1024;

/// How long a stream's connection is silent until the kernel asks whether the other side is there, and between such questions.
pub(crate) const STREAM_KEEPALIVE: Duration = Duration::from_secs(15);

/// Such questions without an answer after which the connection is reset.
pub(crate) const STREAM_KEEPALIVE_TRIES: u32 = 3;

/// Largest reply to a read of messages, in bytes after decompression. A bigger one is
/// [`ClientError::TooLarge`](crate::ClientError::TooLarge).
pub const MAX_MESSAGES_BYTES: usize = 32 * 1024 * 1024;

/// Elements that are decoded of a list, or of a map. Those behind are passed over, and counted with what does not decode.
pub const MAX_ELEMENTS: usize = 2000;

/// How many older messages are asked for where the caller names no number; the rest is on further pages.
pub const OLDER_MESSAGES: usize = 100;

/// Largest other reply, in bytes after decompression. A bigger one is
/// [`ClientError::TooLarge`](crate::ClientError::TooLarge).
pub const MAX_REPLY_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of a reply that are parsed where they were read. More is parsed on a thread of its own.
pub(crate) const PARSED_AT_ONCE_BYTES: usize = 64 * 1024;

/// Characters of the version that is shown of a server which is not spoken to; the rest is cut off.
pub(crate) const VERSION_CHARS: usize = 40;

/// How much of a failed reply's body is read, in bytes; the rest is dropped.
pub(crate) const ERROR_BODY_BYTES: usize = 4 * 1024;

/// How much of it is shown to a person, in characters; the rest is cut off.
pub(crate) const EXCERPT_CHARS: usize = 200;

/// How long a request may take whose reply comes only once a run has ended. After it the run goes on without its reply.
pub const RUN_TIMEOUT: Duration = Duration::from_secs(12 * 60 * 60);

/// How long a whole REST exchange may take; then it is [`ClientError::Timeout`](crate::ClientError::Timeout).
/// Streams have no such bound.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a compaction may take, which the server answers once its summary is written; then it is
/// [`ClientError::Timeout`](crate::ClientError::Timeout).
pub const COMPACT_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// How long connecting may take; then it is [`ClientError::Timeout`](crate::ClientError::Timeout).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept for the next request. Below the 5 s after which Node and Bun servers close one,
/// so that a request is not written into a connection that is just being closed.
pub(crate) const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Bytes below which a password is not looked for in what has a form: it would be found in words of the protocol.
pub(crate) const DISTINCT_SECRET_BYTES: usize = 8;

/// Bytes from which a password is looked for everywhere, even if it is letters alone: a passphrase is.
pub(crate) const PASSPHRASE_BYTES: usize = 12;

/// Bytes at the beginning of an event in which its type is looked for. An event whose type stands later is parsed in the
/// general way.
pub(crate) const EVENT_HEAD_BYTES: usize = 512;

/// Longest identifier of OpenCode 2, in bytes. What carries a longer one does not decode.
pub const ID_BYTES: usize = 256;

/// Sessions that are asked for at once of OpenCode 2; the rest is on further pages.
pub const SESSIONS_PAGE: usize = 200;

/// Messages that are asked for at once of OpenCode 2, which gives 200 at most; the rest is on further pages.
pub const MESSAGES_PAGE: usize = 100;

/// Largest registration of a background service that is read, in bytes. A larger file is none.
pub const REGISTRATION_BYTES: usize = 64 * 1024;

/// How long the log of a session may take until its watermark has come; then it is
/// [`ClientError::Timeout`](crate::ClientError::Timeout).
pub const LOG_TIMEOUT: Duration = Duration::from_secs(30);

/// Events of a session's log that are returned at once. Those behind are left out, and the log counts as cut.
pub const LOG_EVENTS: usize = 10_000;
