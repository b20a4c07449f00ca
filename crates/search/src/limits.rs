//! Every bound of the index and its queries, and what happens at it.

use std::time::Duration;

/// Bytes of a prompt or an answer that are indexed. The rest cannot be found.
pub const TEXT_BYTES: usize = 32 << 10;
/// Bytes of a tool's arguments that are indexed. The rest cannot be found.
pub const INPUT_BYTES: usize = 8 << 10;
/// Bytes of the beginning of a tool's output that are indexed. The rest cannot be found.
pub const OUTPUT_BYTES: usize = 4 << 10;
/// Paths of files of one tool call that are stored for the filter `file:`. Others are left out.
pub const FILES: usize = 64;
/// Characters of one token. A longer run of letters and digits, such as encoded data, is found by its first characters.
pub const TOKEN_CHARS: usize = 48;
/// Different tokens of one document. Words beyond it cannot be found.
pub const TOKENS: usize = 4000;
/// Bytes of a query. A longer one is refused.
pub const QUERY_BYTES: usize = 512;
/// Words and filters of a query. A query with more is refused.
pub const QUERY_TERMS: usize = 16;
/// Hits of one answer. More are refused.
pub const HITS: usize = 200;
/// Documents that one query reads. A query that finds less than it was asked for among them says that it did not read all.
pub const CANDIDATES: usize = 20_000;
/// Time of one query. A query that takes longer answers with the hits up to then, and says so.
pub const QUERY_TIME: Duration = Duration::from_millis(1500);
/// Characters of a hit's text before its first match, and behind it.
pub const SNIPPET_CHARS: usize = 90;
/// Bytes of a document from which on it is stored compressed.
pub const COMPRESSED_FROM: usize = 192;
/// Time to wait for another connection that writes.
pub const BUSY: Duration = Duration::from_secs(5);
/// Connections for queries that stay open. Further ones are closed after their query.
pub const READERS: usize = 2;
