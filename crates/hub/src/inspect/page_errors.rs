//! Errors that pages report: text of others in the hub's log, bounded and at a bounded rate.

use std::sync::{Mutex, PoisonError};

use model::plain;
use serde::Deserialize;
use tokio::time::Instant;

use crate::limits;

/// An error of a page.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct PageError {
    /// The message.
    pub message: String,
    /// The script, line and column.
    #[serde(default)]
    pub place: String,
    /// The stack.
    #[serde(default)]
    pub stack: String,
    /// The path of the page.
    #[serde(default)]
    pub path: String,
}

/// Logs errors of pages, [`limits::PAGE_ERRORS`] a minute at most; of more their number.
#[derive(Debug, Default)]
pub struct PageErrors(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    began: Option<Instant>,
    logged: u32,
    left_out: u64,
}

impl PageErrors {
    /// Logs an error. False if there were too many lately.
    pub fn log(&self, error: &PageError) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_over = |began| now.duration_since(began) >= limits::PAGE_ERRORS_EVERY;
        if minute.began.is_none_or(is_over) {
            if minute.left_out > 0 {
                tracing::warn!(
                    count = minute.left_out,
                    "further errors of pages were left out"
                );
            }
            *minute = Minute {
                began: Some(now),
                ..Minute::default()
            };
        }
        if minute.logged >= limits::PAGE_ERRORS {
            minute.left_out += 1;
            return false;
        }
        minute.logged += 1;
        drop(minute);
        let line = |text: &str| plain::line(text, limits::PAGE_ERROR_CHARS);
        tracing::warn!(
            message = line(&error.message),
            place = line(&error.place),
            path = line(&error.path),
            stack = line(&error.stack),
            "a page reported an error"
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_room_for_a_few() {
        let errors = PageErrors::default();
        let one = PageError {
            message: "\u{1b}[31mred\n".to_owned(),
            place: String::new(),
            stack: String::new(),
            path: String::new(),
        };
        let logged = (0..limits::PAGE_ERRORS * 2)
            .filter(|_| errors.log(&one))
            .count();
        assert_eq!(logged, limits::PAGE_ERRORS as usize);
        tokio::time::advance(limits::PAGE_ERRORS_EVERY).await;
        assert!(errors.log(&one));
    }
}
