//! One direction of a connection: things arrive in order, each in its time, unless the line is cut, stalled or dead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::core::lock;

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In order, after everything that was sent.
    Finished,
    /// Broken off.
    Reset,
}

/// The line. Both ends hold it.
pub(super) struct Pipe<T> {
    line: Mutex<Line<T>>,
    arrival: Notify,
    room: Notify,
}

struct Line<T> {
    queue: VecDeque<(Instant, T)>,
    /// Nothing arrives earlier.
    not_before: Instant,
    /// Nothing arrives at all, and no error is reported.
    dead: bool,
    ended: Option<End>,
    /// The receiver is gone.
    closed: bool,
}

impl<T> Pipe<T> {
    /// An open line.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            line: Mutex::new(Line {
                queue: VecDeque::new(),
                not_before: Instant::now(),
                dead: false,
                ended: None,
                closed: false,
            }),
            arrival: Notify::new(),
            room: Notify::new(),
        })
    }

    /// Sends something that takes `delay`, and never overtakes.
    pub(super) fn send(&self, thing: T, delay: Duration) {
        let mut line = lock(&self.line);
        if line.ended.is_some() || line.closed {
            return;
        }
        let due = (Instant::now() + delay).max(line.not_before);
        line.not_before = due;
        line.queue.push_back((due, thing));
        drop(line);
        self.arrival.notify_one();
    }

    /// Waits until fewer than `bound` things are on their way. False once the other side is gone.
    pub(super) async fn has_room(&self, bound: usize) -> bool {
        loop {
            {
                let line = lock(&self.line);
                if line.closed || line.ended.is_some() {
                    return false;
                }
                if line.queue.len() < bound {
                    return true;
                }
            }
            self.room.notified().await;
        }
    }

    /// The next thing. Cancel safe.
    pub(super) async fn receive(&self) -> Result<T, End> {
        loop {
            let due = {
                let mut line = lock(&self.line);
                let due = line.queue.front().map(|(due, _)| *due);
                match due {
                    _ if line.dead => None,
                    Some(due) if due <= Instant::now() => {
                        let taken = line.queue.pop_front();
                        drop(line);
                        self.room.notify_one();
                        if let Some((_, thing)) = taken {
                            return Ok(thing);
                        }
                        None
                    }
                    Some(due) => Some(due),
                    None => match line.ended {
                        Some(end) => return Err(end),
                        None => None,
                    },
                }
            };
            match due {
                Some(due) => tokio::select! {
                    biased;
                    () = sleep_until(due) => {}
                    () = self.arrival.notified() => {}
                },
                None => self.arrival.notified().await,
            }
        }
    }

    /// Ends the line. A reset loses what is on its way.
    pub(super) fn end(&self, end: End) {
        let mut line = lock(&self.line);
        line.ended.get_or_insert(end);
        if end == End::Reset {
            line.queue.clear();
        }
        drop(line);
        self.arrival.notify_one();
        self.room.notify_one();
    }

    /// Nothing arrives for a while.
    pub(super) fn stall(&self, time: Duration) {
        let mut line = lock(&self.line);
        let until = Instant::now() + time;
        line.not_before = line.not_before.max(until);
        for (due, _) in &mut line.queue {
            *due = (*due).max(until);
        }
        drop(line);
        self.arrival.notify_one();
    }

    /// Nothing arrives any more, without a word; or it does again.
    pub(super) fn set_dead(&self, dead: bool) {
        lock(&self.line).dead = dead;
        self.arrival.notify_one();
    }

    /// The receiver goes.
    pub(super) fn close(&self) {
        lock(&self.line).closed = true;
        self.room.notify_one();
    }

    /// True once the receiver is gone.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.line).closed
    }

    /// True while neither end is gone.
    pub(super) fn is_open(&self) -> bool {
        let line = lock(&self.line);
        !line.closed && line.ended.is_none()
    }

    /// True while something is on its way, or nothing can arrive.
    pub(super) fn is_behind(&self) -> bool {
        let line = lock(&self.line);
        line.dead || !line.queue.is_empty()
    }

    /// Things on their way.
    pub(super) fn len(&self) -> usize {
        lock(&self.line).queue.len()
    }
}
