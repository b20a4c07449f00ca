//! What git and its hooks print while they run: the last lines, as a terminal would show them.

use std::sync::{Mutex, PoisonError};

use model::plain;
use tokio::sync::watch;

use crate::limits;

/// The last lines of a run, for whoever waits for its end. A slow reader skips states.
#[derive(Debug, Default)]
pub struct Progress {
    lines: Mutex<Lines>,
    shown: watch::Sender<String>,
}

impl Progress {
    /// The last lines from now on.
    pub fn follow(&self) -> watch::Receiver<String> {
        self.shown.subscribe()
    }

    /// Takes what was printed.
    pub(super) fn take(&self, printed: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.take(printed);
        let text = plain::block(String::from_utf8_lossy(&lines.text).trim_end());
        drop(lines);
        self.shown.send_replace(text);
    }
}

#[derive(Debug, Default)]
struct Lines {
    text: Vec<u8>,
    /// True after a carriage return: what comes next is written over the line.
    over: bool,
}

impl Lines {
    fn take(&mut self, printed: &[u8]) {
        for byte in printed {
            match byte {
                b'\r' => self.over = true,
                b'\n' => {
                    self.over = false;
                    self.text.push(b'\n');
                }
                byte => {
                    if std::mem::take(&mut self.over) {
                        let line = self.text.iter().rposition(|byte| *byte == b'\n');
                        self.text.truncate(line.map_or(0, |at| at + 1));
                    }
                    self.text.push(*byte);
                }
            }
        }
        let most = limits::GIT_PROGRESS_BYTES;
        if self.text.len() > most {
            let from = self.text.len() - most;
            let line = self.text[from..].iter().position(|byte| *byte == b'\n');
            self.text.drain(..from + line.map_or(0, |at| at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_over_and_the_last_ones_stay() {
        let progress = Progress::default();
        let shown = progress.follow();
        progress.take(b"Writing: 10%\rWriting: 100%\r\nhook \x1b[1mruns");
        assert_eq!(&*shown.borrow(), "Writing: 100%\nhook ␛[1mruns");
        progress.take(b"\nnext\n");
        for _ in 0..limits::GIT_PROGRESS_BYTES {
            progress.take(b"more\n");
        }
        let text = shown.borrow().clone();
        assert!(text.len() <= limits::GIT_PROGRESS_BYTES && text.starts_with("more\n"));
    }
}
