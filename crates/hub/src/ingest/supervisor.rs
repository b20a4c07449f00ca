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
use model::ids::InstanceId;
use model::state::{LinkStatus, Reason, ReasonKind};
use model::time::Timestamp;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::backoff::{Backoff, Next, Policy};
use super::dialect::Dialect;
use super::reads::Reads;
use super::reason;
use super::resync::Live;
use super::server_clock::ServerClock;
use super::silence::{Meaning, Patience, Silence};
use super::upstream::{Connection, Rest, Upstream, UpstreamError};
use crate::clock::Clock;
use crate::engine::{Ask, Feeder, Heard};
use crate::limits;
use crate::tasks;

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
    /// A wait is over.
    Due,
    /// A person asked to try anew.
    Again,
    /// The instance is removed, or the hub ends.
    Stop,
}

/// What is asked while there is no connection.
enum Idle {
    Again,
    Nudge,
    Stop,
}

impl<U: Upstream> Supervisor<U> {
    /// Runs until asked to stop.
    pub async fn run(mut self) {
        let mut backoff = Backoff::new(self.policy);
        let mut failed = None;
        loop {
            let telling = failed.is_some();
            match tasks::caught(self.one_turn(&mut backoff, failed.take())).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(reason) => {
                    tracing::error!(instance = %self.instance, %reason, "a supervisor failed, and begins anew");
                    failed = Some(reason);
                    if telling {
                        // It shall not fail at that without a pause.
                        sleep(limits::TASK_AGAIN).await;
                    }
                }
            }
        }
        self.upstream.release().await;
    }

    /// Connects once, follows the stream to its end, and waits until the next try is due. False once it is to stop. After a
    /// failure of its own it only tells of that, and waits.
    async fn one_turn(&mut self, backoff: &mut Backoff, failed: Option<Arc<str>>) -> bool {
        let end = match failed {
            Some(why) => self.wait_after_failure(backoff, &why).await,
            None => self.try_once(backoff).await,
        };
        if matches!(end, End::Again) {
            backoff.reset();
        }
        !matches!(end, End::Stop)
    }

    /// Says that it failed itself, and waits as after any failure.
    async fn wait_after_failure(&mut self, backoff: &mut Backoff, why: &str) -> End {
        self.wait(backoff, failed(why), Some(Event::StreamLost))
            .await
    }

    async fn try_once(&mut self, backoff: &mut Backoff) -> End {
        let attempt = backoff.attempt();
        self.say([Event::Link(LinkStatus::Connecting { attempt })])
            .await;
        let (end, opened) = self.connected(backoff).await;
        // Told together with what follows from it: nobody sees a lost stream as connected.
        let lost = opened.then_some(Event::StreamLost);
        match end {
            End::Lost(error) => self.wait(backoff, error.reason(), lost).await,
            end => {
                self.say(lost).await;
                end
            }
        }
    }

    /// Connects and stays connected as long as it goes. True if a stream was opened.
    async fn connected(&mut self, backoff: &mut Backoff) -> (End, bool) {
        let connection = {
            let connecting = self.upstream.connect();
            tokio::pin!(connecting);
            loop {
                tokio::select! {
                    biased;
                    idle = idle_asks(&mut self.asks, &self.feeder) => match idle {
                        Idle::Stop => return (End::Stop, false),
                        Idle::Again => return (End::Again, false),
                        // It is being tried already.
                        Idle::Nudge => {}
                    },
                    connection = &mut connecting => break connection,
                }
            }
        };
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => return (End::Lost(error), false),
        };
        if let Some(version) = connection.version.clone() {
            self.say([Event::Version(version)]).await;
        }
        let opened = Instant::now();
        let (end, was_live) = self.listen(connection).await;
        if was_live && opened.elapsed() >= limits::HEALTHY_AFTER {
            backoff.reset();
        }
        (end, true)
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
        let followed = self.follow(&mut live, rest, heard, offers_models);
        // What the stream held and told of is kept, also where following it fails.
        let end = tasks::caught(followed).await.unwrap_or_else(|why| {
            tracing::error!(instance = %self.instance, reason = %why, "a supervisor failed at a stream");
            End::Lost(UpstreamError::Down(failed(&why)))
        });
        let was_live = live.is_released();
        if !was_live {
            live.abandon().await;
        }
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
        let mut clock = ServerClock::default();
        let mut silence = Silence::new(self.patience, Instant::now());
        // Every byte puts off what it waits for: it is set anew once it rings too early, not with every byte.
        let alarm = sleep_until(silence.due(false));
        tokio::pin!(alarm);
        loop {
            let shown = live.is_released();
            let due = silence.due(shown);
            if due < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                // Asks are few and done at once. Bytes go before the timer of silence, which they put off: what has
                // arrived was not silence. A read and its end come between, so that a flood of bytes cannot delay them.
                biased;
                ask = self.asks.recv() => match ask {
                    None | Some(Ask::Stop) => return End::Stop,
                    Some(Ask::Reconnect) => return End::Again,
                    Some(Ask::Nudge) => silence.doubt(Instant::now()),
                    Some(Ask::Directory(directory)) if shown => reads.directory(directory),
                    Some(ask) if shown => reads.ask(ask),
                    // A read that began before the stream is sure to be heard could miss something for ever. The
                    // engine asks again once the state is told.
                    Some(_) => {}
                },
                snapshot = &mut reading, if !shown => match snapshot {
                    Err(error) => return End::Lost(UpstreamError::Down(reason::unreadable(error.reason()))),
                    Ok(snapshot) => {
                        self.follow_clock(&mut clock, &rest).await;
                        live.release(snapshot).await;
                        if offers_models {
                            reads.catalog();
                        }
                    }
                },
                () = reads.reap() => self.follow_clock(&mut clock, &rest).await,
                chunk = live.chunk() => {
                    let taken = match chunk {
                        Ok(chunk) => live.take(&chunk).await,
                        Err(error) => Err(error),
                    };
                    if let Err(error) = taken {
                        return End::Lost(error);
                    }
                    if silence.broken(Instant::now()) {
                        self.say([Event::Link(LinkStatus::Connected)]).await;
                    }
                }
                () = &mut alarm => match silence.passed(Instant::now(), shown) {
                    Some(Meaning::Dead(reason)) => return End::Lost(UpstreamError::Down(reason)),
                    Some(Meaning::Stale) => self.say([Event::Link(LinkStatus::Stale)]).await,
                    None => {}
                }
            }
        }
    }

    /// Tells how far the server's clock is from ours, if its last reply shows that it is other than it was.
    async fn follow_clock(&self, clock: &mut ServerClock, rest: &U::Rest) {
        let ahead = rest.dated().and_then(|reply| clock.heard(reply));
        self.say(ahead.map(|ahead| Event::Clock { ahead })).await;
    }

    /// Waits until the next try is due, or there is cause for one.
    async fn wait(&mut self, backoff: &mut Backoff, reason: Reason, lost: Option<Event>) -> End {
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
                    Idle::Stop => return End::Stop,
                    Idle::Again => return End::Again,
                    Idle::Nudge if backoff.nudged(Instant::now()) => return End::Due,
                    Idle::Nudge => {}
                },
                () = &mut waiting => {
                    if due.is_none() {
                        backoff.resume();
                    }
                    return End::Due;
                }
            }
        }
    }

    async fn say(&self, events: impl IntoIterator<Item = Event>) {
        let heard: Vec<_> = events.into_iter().map(Heard::ours).collect();
        if !heard.is_empty() {
            self.feeder.tell(heard).await;
        }
    }
}

/// The reason of a failure of the hub's own.
fn failed(why: &str) -> Reason {
    let text = format!(
        "Drovers itself failed at this server's stream ({why}). It connects anew; please report it"
    );
    Reason::new(ReasonKind::HubFailed, text)
}

/// Waits for the next try; for a server that was given up, until it answers again.
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

/// Reads a server's state, once its stream has settled.
async fn read_state<R: Rest>(rest: &R, heard: Vec<Arc<str>>) -> Result<Snapshot, UpstreamError> {
    sleep(limits::SETTLE).await;
    let read = timeout(limits::READ_STATE, rest.snapshot(heard)).await;
    read.unwrap_or_else(|_| {
        let text = format!("no whole answer within {} s", limits::READ_STATE.as_secs());
        Err(UpstreamError::down(ReasonKind::Timeout, text))
    })
}

/// Answers asks while there is no connection to ask with.
async fn idle_asks(asks: &mut mpsc::Receiver<Ask>, feeder: &Feeder) -> Idle {
    loop {
        match asks.recv().await {
            None | Some(Ask::Stop) => return Idle::Stop,
            Some(Ask::Reconnect) => return Idle::Again,
            Some(Ask::Nudge) => return Idle::Nudge,
            Some(Ask::Messages(session) | Ask::Older(session, _)) => {
                let reason = "the server cannot be reached now".into();
                let failed = Event::ReadFailed { session, reason };
                feeder.tell(vec![Heard::ours(failed)]).await;
            }
            Some(Ask::Trim(_) | Ask::OlderSessions(..)) => {}
            Some(Ask::Session(session)) => feeder.session_unread(session).await,
            Some(Ask::Directory(directory)) => {
                let unread = Event::DirectoryUnread(directory);
                feeder.tell(vec![Heard::ours(unread)]).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
