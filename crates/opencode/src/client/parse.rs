//! Parses JSON of any size without blocking the event loop.

use std::future::pending;
use std::panic::resume_unwind;

use tokio::task::spawn_blocking;

use crate::json::sanitize;
use crate::limits::PARSED_AT_ONCE_BYTES;

/// Parses a text; a large one on a blocking thread.
pub(crate) async fn parsed<T: Send + 'static>(
    text: String,
    parse: impl FnOnce(&str) -> T + Send + 'static,
) -> T {
    if text.len() <= PARSED_AT_ONCE_BYTES {
        return parse(&sanitize(&text));
    }
    let parsing = spawn_blocking(move || parse(&sanitize(&text)));
    match parsing.await {
        Ok(parsed) => parsed,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime shuts down, and the caller with it.
            Err(_) => pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_and_small_texts_are_read_alike() {
        for bytes in [1, PARSED_AT_ONCE_BYTES, PARSED_AT_ONCE_BYTES + 1] {
            let long = "a".repeat(bytes);
            // Half a character, as OpenCode sends it.
            let json = format!(r#""{long}\ud83e""#);
            let read = parsed(json, |json| serde_json::from_str::<String>(json)).await;
            assert_eq!(read.ok(), Some(format!("{long}\u{fffd}")));
        }
    }
}
