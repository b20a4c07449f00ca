//! Keeps the stream of one server connected, and reports the status of the link.
//!
//! connect → first event → settle → read the state while holding events → snapshot, then the held events → live. Any
//! end leads to a wait by the backoff policy, and after five consecutive failures to `disconnected`, which a slow probe
//! or a request of a person ends. The supervisor only *reports* events; the engine folds them.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use model::Event;
use model::event::Snapshot;
use model::ids::InstanceId;
use model::state::{Capability, LinkStatus, Reason, ReasonKind};
use model::time::Timestamp;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::backoff::{Backoff, Next, Policy};
use super::dialect::Dialect;
use super::reads::Reads;
use super::reason;
use super::resync::LiveFrames;
use super::server_clock::ServerClock;
use super::timeouts::{Silence, Timeouts, Verdict};
use super::upstream::{Connection, Rest, Upstream, UpstreamError};
use crate::clock::Clock;
use crate::engine::{Feeder, Inbound, SupervisorCommand};
use crate::limits;
use crate::tasks;

/// The supervisor of one server.
pub struct Supervisor<U: Upstream> {
    /// Identifier of the instance this supervisor serves.
    pub instance: InstanceId,
    /// The server.
    pub upstream: Arc<U>,
    /// The handle to the engine.
    pub feeder: Feeder,
    /// Queue of commands from the engine.
    pub asks: mpsc::Receiver<SupervisorCommand>,
    /// The backoff policy.
    pub policy: Policy,
    /// The timeouts of a silent stream.
    pub timeouts: Timeouts,
    /// The time of day.
    pub clock: Clock,
    /// Source of the jitter of delays.
    pub random: StdRng,
    /// Folders that appeared on its streams.
    pub directories: BTreeSet<Arc<str>>,
}

/// The reason why a wait or a connection ended.
enum ConnectionEnd {
    /// The stream ended, or never began.
    Lost(UpstreamError),
    /// A wait is over.
    Due,
    /// A person requested a reconnect.
    Again,
    /// The instance is removed, or the hub shuts down.
    Stop,
}

/// A command that arrives while there is no connection.
enum Idle {
    Again,
    Nudge,
    Stop,
}

impl<U: Upstream> Supervisor<U> {
    /// Runs until it receives [`SupervisorCommand::Stop`].
    pub async fn run(mut self) {
        let mut backoff = Backoff::new(self.policy);
        let mut failed = None;
        loop {
            let telling = failed.is_some();
            match tasks::caught(self.one_turn(&mut backoff, failed.take())).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(reason) => {
                    tracing::error!(instance = %self.instance, %reason, "a supervisor failed and is restarted");
                    failed = Some(reason);
                    if telling {
                        // A persistent failure must not loop without a pause.
                        sleep(limits::TASK_AGAIN).await;
                    }
                }
            }
        }
        self.upstream.release().await;
    }

    /// Connects once, follows the stream to its end, and waits until the next attempt is due. Returns false to stop.
    /// After an internal failure, only reports the failure and waits.
    async fn one_turn(&mut self, backoff: &mut Backoff, failed: Option<Arc<str>>) -> bool {
        let end = match failed {
            Some(why) => self.wait_after_failure(backoff, &why).await,
            None => self.try_once(backoff).await,
        };
        if matches!(end, ConnectionEnd::Again) {
            backoff.reset();
        }
        !matches!(end, ConnectionEnd::Stop)
    }

    /// Reports an internal failure, and waits as after any failure.
    async fn wait_after_failure(&mut self, backoff: &mut Backoff, why: &str) -> ConnectionEnd {
        self.wait(backoff, failed(why), Some(Event::StreamLost))
            .await
    }

    async fn try_once(&mut self, backoff: &mut Backoff) -> ConnectionEnd {
        let attempt = backoff.attempt();
        self.say([Event::Link(LinkStatus::Connecting { attempt })])
            .await;
        let (end, opened) = self.connected(backoff).await;
        // Sent together with the events that follow from it: no reader sees a lost stream as connected.
        let lost = opened.then_some(Event::StreamLost);
        match end {
            ConnectionEnd::Lost(error) => self.wait(backoff, error.reason(), lost).await,
            end => {
                self.say(lost).await;
                end
            }
        }
    }

    /// Connects and follows the stream until it ends. True if a stream was opened.
    async fn connected(&mut self, backoff: &mut Backoff) -> (ConnectionEnd, bool) {
        let connection = {
            let connecting = self.upstream.connect();
            tokio::pin!(connecting);
            loop {
                tokio::select! {
                    biased;
                    idle = idle_asks(&mut self.asks, &self.feeder) => match idle {
                        Idle::Stop => return (ConnectionEnd::Stop, false),
                        Idle::Again => return (ConnectionEnd::Again, false),
                        // An attempt is already running.
                        Idle::Nudge => {}
                    },
                    connection = &mut connecting => break connection,
                }
            }
        };
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => return (ConnectionEnd::Lost(error), false),
        };
        let kind = Event::Server(connection.dialect.kind());
        let version = connection.version.clone().map(Event::Version);
        self.say(version.into_iter().chain([kind])).await;
        let opened = Instant::now();
        let (end, was_live) = self.listen(connection).await;
        if was_live && opened.elapsed() >= limits::HEALTHY_AFTER {
            backoff.reset();
        }
        (end, true)
    }

    /// Follows an open stream to its end. True if the server's state was read.
    async fn listen(
        &mut self,
        connection: Connection<U::Stream, U::Rest>,
    ) -> (ConnectionEnd, bool) {
        let rest = connection.rest.clone();
        let directories = mem::take(&mut self.directories);
        let seen = directories.iter().cloned().collect();
        let dialect = connection.dialect;
        let mut live = LiveFrames::new(
            connection,
            self.feeder.clone(),
            self.clock.clone(),
            directories,
        );
        let followed = self.follow(&mut live, rest, seen, dialect);
        // What the stream has received so far is kept, even where following it panics.
        let end = tasks::caught(followed).await.unwrap_or_else(|why| {
            tracing::error!(instance = %self.instance, reason = %why, "a supervisor failed while reading a stream");
            ConnectionEnd::Lost(UpstreamError::Down(failed(&why)))
        });
        let was_live = live.is_released();
        if !was_live {
            live.abandon().await;
        }
        self.directories = live.into_directories();
        (end, was_live)
    }

    /// Reads the state while holding events, then releases them and follows the stream until it ends.
    async fn follow(
        &mut self,
        live: &mut LiveFrames<U::Stream>,
        rest: U::Rest,
        seen: Vec<Arc<str>>,
        dialect: Dialect,
    ) -> ConnectionEnd {
        if let Err(error) = live.first_event().await {
            return ConnectionEnd::Lost(error);
        }
        let reading = read_state(&rest, seen);
        tokio::pin!(reading);
        let mut reads = Reads::new(rest.clone(), self.feeder.clone());
        let (outdated, mut clock) = (reads.outdated(), ServerClock::default());
        let mut silence = Silence::new(self.timeouts, dialect.proof_after(), Instant::now());
        // Every byte postpones the deadline: the timer is reset when it fires too early, not with every byte.
        let alarm = sleep_until(silence.due(false));
        tokio::pin!(alarm);
        loop {
            let shown = live.is_released();
            let due = silence.due(shown);
            if due < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                // Commands are few and cheap. Bytes have priority over the silence timer, which they postpone: received
                // bytes are no silence. Reads and their ends come between, so that a flood of bytes cannot starve them.
                biased;
                ask = self.asks.recv() => match ask {
                    None | Some(SupervisorCommand::Stop) => return ConnectionEnd::Stop,
                    Some(SupervisorCommand::Reconnect) => return ConnectionEnd::Again,
                    Some(SupervisorCommand::Nudge) => silence.doubt(Instant::now()),
                    Some(SupervisorCommand::Directory(directory)) if shown => reads.directory(directory),
                    Some(ask) if shown => reads.ask(ask),
                    // A read that began before the stream is confirmed could miss events. The engine repeats its
                    // request after the snapshot.
                    Some(_) => {}
                },
                snapshot = &mut reading, if !shown => match snapshot {
                    Err(error) => return ConnectionEnd::Lost(UpstreamError::Down(reason::unreadable(error.reason()))),
                    Ok(snapshot) => {
                        self.follow_clock(&mut clock, &rest).await;
                        reads.branches(snapshot.asked.clone());
                        live.release(snapshot).await;
                        read_beside(&mut reads, dialect);
                    }
                },
                // All of its state is read again.
                () = outdated.notified() => return ConnectionEnd::Again,
                () = reads.reap() => self.follow_clock(&mut clock, &rest).await,
                chunk = live.chunk() => {
                    let taken = match chunk {
                        Ok(chunk) => live.take(&chunk).await,
                        Err(error) => Err(error),
                    };
                    if let Err(error) = taken {
                        return ConnectionEnd::Lost(error);
                    }
                    if silence.broken(Instant::now()) {
                        self.say([Event::Link(LinkStatus::Connected)]).await;
                    }
                }
                () = &mut alarm => match silence.passed(Instant::now(), shown) {
                    Some(Verdict::Dead(reason)) => return ConnectionEnd::Lost(UpstreamError::Down(reason)),
                    Some(Verdict::Stale) => self.say([Event::Link(LinkStatus::Stale)]).await,
                    None => {}
                }
            }
        }
    }

    /// Reports the offset of the server's clock, if the last reply changed the estimate.
    async fn follow_clock(&self, clock: &mut ServerClock, rest: &U::Rest) {
        let ahead = rest.dated().and_then(|reply| clock.sampled(reply));
        self.say(ahead.map(|ahead| Event::Clock { ahead })).await;
    }

    /// Waits until the next attempt is due or triggered.
    async fn wait(
        &mut self,
        backoff: &mut Backoff,
        reason: Reason,
        lost: Option<Event>,
    ) -> ConnectionEnd {
        let next = backoff.failed(&mut self.random);
        let (status, due) = match next {
            Next::Retry { attempt, delay } => {
                let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                let retry_at = Timestamp(self.clock.now().0.saturating_add_unsigned(millis));
                let of = self.policy.attempts;
                let status = LinkStatus::Error {
                    attempt,
                    of,
                    retry_at,
                    reason,
                };
                (status, Some(delay))
            }
            Next::GiveUp => (LinkStatus::Disconnected { reason }, None),
        };
        self.say(lost.into_iter().chain([Event::Link(status)]))
            .await;
        let waiting = wait_or_probe(self.upstream.clone(), due);
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                biased;
                idle = idle_asks(&mut self.asks, &self.feeder) => match idle {
                    Idle::Stop => return ConnectionEnd::Stop,
                    Idle::Again => return ConnectionEnd::Again,
                    Idle::Nudge if backoff.nudged(Instant::now()) => return ConnectionEnd::Due,
                    Idle::Nudge => {}
                },
                () = &mut waiting => {
                    if due.is_none() {
                        backoff.resume();
                    }
                    return ConnectionEnd::Due;
                }
            }
        }
    }

    async fn say(&self, events: impl IntoIterator<Item = Event>) {
        let inbound: Vec<_> = events.into_iter().map(Inbound::ours).collect();
        if !inbound.is_empty() {
            self.feeder.tell(inbound).await;
        }
    }
}

/// The reason for an internal failure of the hub.
fn failed(why: &str) -> Reason {
    let text = format!(
        "Internal error of Drovers while reading this server's stream ({why}). Drovers reconnects; please report this"
    );
    Reason::new(ReasonKind::HubFailed, text)
}

/// Waits for the next attempt; for a server that was given up, until a probe succeeds.
async fn wait_or_probe<U: Upstream>(upstream: Arc<U>, due: Option<Duration>) {
    if let Some(delay) = due {
        return sleep(delay).await;
    }
    loop {
        sleep(limits::SLOW_PROBE).await;
        if upstream.is_healthy().await {
            return;
        }
    }
}

/// Begins to read what the state does not depend on.
fn read_beside<R: Rest>(reads: &mut Reads<R>, dialect: Dialect) {
    if dialect != Dialect::Sketch {
        reads.catalog();
    }
    if dialect.kind().can.has(Capability::Proof) {
        reads.copying();
    }
}

/// Reads a server's state, once its stream has settled.
async fn read_state<R: Rest>(rest: &R, seen: Vec<Arc<str>>) -> Result<Snapshot, UpstreamError> {
    sleep(limits::SETTLE).await;
    let read = timeout(limits::READ_STATE, rest.snapshot(seen)).await;
    read.unwrap_or_else(|_| {
        let text = format!(
            "no complete answer within {} s",
            limits::READ_STATE.as_secs()
        );
        Err(UpstreamError::down(ReasonKind::Timeout, text))
    })
}

/// Answers commands while there is no connection.
async fn idle_asks(asks: &mut mpsc::Receiver<SupervisorCommand>, feeder: &Feeder) -> Idle {
    loop {
        match asks.recv().await {
            None | Some(SupervisorCommand::Stop) => return Idle::Stop,
            Some(SupervisorCommand::Reconnect) => return Idle::Again,
            Some(SupervisorCommand::Nudge) => return Idle::Nudge,
            Some(SupervisorCommand::Messages(session) | SupervisorCommand::Older(session, _)) => {
                let reason = "the server is not reachable".into();
                let failed = Event::ReadFailed { session, reason };
                feeder.tell(vec![Inbound::ours(failed)]).await;
            }
            Some(
                SupervisorCommand::Trim(_)
                | SupervisorCommand::Verify(_)
                | SupervisorCommand::Watermark(_)
                | SupervisorCommand::OlderSessions(..),
            ) => {}
            Some(SupervisorCommand::Session(session)) => feeder.session_unread(session).await,
            Some(SupervisorCommand::Directory(directory)) => {
                let unread = Event::DirectoryUnread(directory);
                feeder.tell(vec![Inbound::ours(unread)]).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
