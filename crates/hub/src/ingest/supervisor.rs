//! Keeps one server's stream alive, and says how it is.
//!
//! connect → first event → settle → read state while holding events → snapshot, then what was held → live.
//! Any end leads to a wait by the backoff policy, and after five failures in a row to `disconnected`, from which a slow
//! probe or a person's word leads back. It only ever *says* what it knows: the engine folds it.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use model::Event;
use model::event::Snapshot;
use model::ids::{InstanceId, SessionId};
use model::state::LinkStatus;
use model::time::Timestamp;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::{Backoff, Next, Policy};
use super::dialect::Dialect;
use super::reads::Reads;
use super::resync::Live;
use super::upstream::{Connection, Rest, Upstream, UpstreamError};
use crate::clock::Clock;
use crate::engine::{Feeder, Heard};
use crate::limits;

/// What a supervisor can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Read a session's newest messages.
    Messages(SessionId),
    /// Read a page of older ones.
    Older(SessionId, Arc<str>),
    /// Read a session that was heard of.
    Session(SessionId),
    /// Try at once, and forget the failures.
    Reconnect,
    /// Close the stream and let go of the server.
    Stop,
}

/// Silences that mean something.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Shown as stale after this.
    pub stale: Duration,
    /// Made anew after this.
    pub dead: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            stale: limits::STALE_AFTER,
            dead: limits::DEAD_AFTER,
        }
    }
}

/// The supervisor of one server.
pub struct Supervisor<U: Upstream> {
    /// Whose.
    pub instance: InstanceId,
    /// The server.
    pub upstream: Arc<U>,
    /// Where its word goes.
    pub feeder: Feeder,
    /// What it is asked.
    pub asks: mpsc::Receiver<Ask>,
    /// When to try again.
    pub policy: Policy,
    /// How long silence may last.
    pub patience: Patience,
    /// The time of day.
    pub clock: Clock,
    /// What waits are jittered by.
    pub random: StdRng,
    /// Folders that were seen on its streams.
    pub directories: BTreeSet<Arc<str>>,
}

/// Why a wait or a connection ended.
enum End {
    /// The stream ended, or never began.
    Lost(UpstreamError),
    /// A person asked to try anew.
    Again,
    /// The instance is removed, or the hub ends.
    Stop,
}

impl<U: Upstream> Supervisor<U> {
    /// Runs until asked to stop.
    pub async fn run(mut self) {
        let mut backoff = Backoff::new(self.policy);
        loop {
            let attempt = backoff.attempt();
            self.say(Event::Link(LinkStatus::Connecting { attempt }))
                .await;
            let end = match self.connected(&mut backoff).await {
                End::Lost(error) => self.wait(&mut backoff, error).await,
                end => end,
            };
            match end {
                End::Again => backoff.reset(),
                End::Stop => break,
                End::Lost(_) => {}
            }
        }
        self.upstream.release().await;
    }

    /// Connects and stays connected as long as it goes.
    async fn connected(&mut self, backoff: &mut Backoff) -> End {
        let connecting = self.upstream.connect();
        let connection = tokio::select! {
            biased;
            end = idle_asks(&mut self.asks, &self.feeder) => return end,
            connection = connecting => connection,
        };
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => return End::Lost(error),
        };
        if let Some(version) = connection.version.clone() {
            self.say(Event::Version(version)).await;
        }
        let opened = Instant::now();
        let (end, was_live) = self.listen(connection).await;
        if was_live && opened.elapsed() >= limits::HEALTHY_AFTER {
            backoff.reset();
        }
        self.say(Event::StreamLost).await;
        end
    }

    /// Follows an open stream to its end. True if the server's state was read meanwhile.
    async fn listen(&mut self, connection: Connection<U::Stream, U::Rest>) -> (End, bool) {
        let rest = connection.rest.clone();
        let directories = mem::take(&mut self.directories);
        let heard = directories.iter().cloned().collect();
        let offers_models = connection.dialect == Dialect::V1;
        let mut live = Live::new(
            connection,
            self.feeder.clone(),
            self.clock.clone(),
            directories,
        );
        let end = self.follow(&mut live, rest, heard, offers_models).await;
        let was_live = live.is_released();
        self.directories = live.into_directories();
        (end, was_live)
    }

    /// Reads the state while holding events back, then lets them through until the stream ends.
    async fn follow(
        &mut self,
        live: &mut Live<U::Stream>,
        rest: U::Rest,
        heard: Vec<Arc<str>>,
        offers_models: bool,
    ) -> End {
        if let Err(error) = live.first_event().await {
            return End::Lost(error);
        }
        let reading = read_state(&rest, heard);
        tokio::pin!(reading);
        let mut reads = Reads::new(rest.clone(), self.feeder.clone());
        let mut snapshot_read = false;
        let mut heard_at = Instant::now();
        let mut stale = false;
        loop {
            let silence = if stale {
                self.patience.dead
            } else {
                self.patience.stale
            };
            tokio::select! {
                // Asks are few and done at once. Bytes go before the timer of silence, which they put off: what has
                // arrived was not silence. A read and its end come between, so that a flood of bytes cannot delay them.
                biased;
                ask = self.asks.recv() => match ask {
                    None | Some(Ask::Stop) => return End::Stop,
                    Some(Ask::Reconnect) => return End::Again,
                    Some(ask) if snapshot_read => reads.ask(ask),
                    // A read that began before the stream is sure to be heard could miss something for ever. The
                    // engine asks again once the state is told.
                    Some(_) => {}
                },
                snapshot = &mut reading, if !snapshot_read => match snapshot {
                    Err(error) => return End::Lost(error),
                    Ok(snapshot) => {
                        snapshot_read = true;
                        live.release(snapshot).await;
                        self.say(Event::Link(LinkStatus::Connected)).await;
                        if offers_models {
                            reads.catalog();
                        }
                    }
                },
                () = reads.reap() => {}
                chunk = live.chunk() => {
                    let taken = match chunk {
                        Ok(chunk) => live.take(&chunk).await,
                        Err(error) => Err(error),
                    };
                    if let Err(error) = taken {
                        return End::Lost(error);
                    }
                    heard_at = Instant::now();
                    if mem::take(&mut stale) {
                        self.say(Event::Link(LinkStatus::Connected)).await;
                    }
                }
                () = tokio::time::sleep_until(heard_at + silence), if snapshot_read => {
                    if stale {
                        let reason = format!("nothing was heard for {} s", self.patience.dead.as_secs());
                        return End::Lost(UpstreamError::Unreachable(reason.into()));
                    }
                    stale = true;
                    self.say(Event::Link(LinkStatus::Stale)).await;
                }
            }
        }
    }

    /// Waits until the next try is due, or someone asks for it.
    async fn wait(&mut self, backoff: &mut Backoff, error: UpstreamError) -> End {
        let next = backoff.failed(&mut self.random);
        match next {
            Next::Retry { attempt, delay } => {
                let retry_at = Timestamp(
                    self.clock
                        .now()
                        .0
                        .saturating_add_unsigned(delay.as_millis() as u64),
                );
                let reason = error.reason();
                self.say(Event::Link(LinkStatus::Error {
                    attempt,
                    of: self.policy.attempts,
                    retry_at,
                    reason,
                }))
                .await;
                tokio::select! {
                    biased;
                    end = idle_asks(&mut self.asks, &self.feeder) => end,
                    () = sleep(delay) => End::Lost(error),
                }
            }
            Next::GiveUp => {
                self.say(Event::Link(LinkStatus::Disconnected {
                    reason: error.reason(),
                }))
                .await;
                let upstream = self.upstream.clone();
                let probing = async move {
                    loop {
                        sleep(limits::SLOW_PROBE).await;
                        if upstream.is_healthy().await {
                            return;
                        }
                    }
                };
                tokio::select! {
                    biased;
                    end = idle_asks(&mut self.asks, &self.feeder) => end,
                    () = probing => End::Again,
                }
            }
        }
    }

    async fn say(&self, event: Event) {
        self.feeder.tell(vec![Heard::ours(event)]).await;
    }
}

/// Reads a server's state, once its stream has settled.
async fn read_state<R: Rest>(rest: &R, heard: Vec<Arc<str>>) -> Result<Snapshot, UpstreamError> {
    sleep(limits::SETTLE).await;
    let read = timeout(limits::READ_STATE, rest.snapshot(heard)).await;
    read.unwrap_or_else(|_| {
        let seconds = limits::READ_STATE.as_secs();
        let reason = format!("its state could not be read within {seconds} s");
        Err(UpstreamError::Unreachable(reason.into()))
    })
}

/// Answers asks while there is no connection to ask with.
async fn idle_asks(asks: &mut mpsc::Receiver<Ask>, feeder: &Feeder) -> End {
    loop {
        match asks.recv().await {
            None | Some(Ask::Stop) => return End::Stop,
            Some(Ask::Reconnect) => return End::Again,
            Some(Ask::Messages(session) | Ask::Older(session, _)) => {
                let reason = "the server cannot be reached now".into();
                feeder
                    .tell(vec![Heard::ours(Event::ReadFailed { session, reason })])
                    .await;
            }
            Some(Ask::Session(session)) => feeder.session_unread(session).await,
        }
    }
}

#[cfg(test)]
mod tests;
