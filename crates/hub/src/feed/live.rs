//! State synchronisation: what a viewer has is brought to what is true.
//!
//! A viewer is a cursor: the revision it has, and what it looks at. Nothing is queued for it; when it can take
//! something, it gets the difference between what it has and what is true then, so that a slow one skips what lies
//! between and costs no more than a fast one. Of what it was sent, one key is known. Drawing happens here, outside the engine.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use model::State;
use model::state::Rev;
use model::text::OpenText;
use model::view::{self, Common, Look, Seen};
use page::Renderer;
use page::wire::{self, Batch, Frame, Op, Said};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::{Ticks, place};
use crate::engine::{Handle, Reach, Watched};
use crate::limits;

/// The port to a viewer: text frames both ways.
pub trait ViewerLink: Send {
    /// Sends a frame. False once the viewer is gone.
    fn send(&mut self, text: String) -> impl Future<Output = bool> + Send;

    /// The next frame; `None` once the viewer is gone. Cancel safe.
    fn receive(&mut self) -> impl Future<Output = Option<String>> + Send;
}

/// Where pages are drawn.
#[derive(Clone, Debug)]
pub enum Drawing {
    /// What is not light: on threads of their own, off the event loop, so many at a time.
    Threads(Arc<Semaphore>),
    /// At once, where it is asked for: what a simulation needs, in which nothing may happen beside it.
    Here,
}

impl Drawing {
    /// On as many threads as there are cores.
    pub fn on_threads() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::Threads(Arc::new(Semaphore::new(cores)))
    }
}

/// What all viewers share.
#[derive(Clone, Debug)]
pub struct Live {
    handle: Handle,
    renderer: Arc<Renderer>,
    ticks: Ticks,
    drawing: Drawing,
    /// Rows that are the same for many viewers.
    common: Arc<Common>,
}

impl Live {
    /// The live feed of an engine.
    pub fn new(handle: Handle, renderer: Arc<Renderer>, drawing: Drawing) -> Self {
        let ticks = Ticks::start(handle.changes(), limits::TICK);
        Self {
            handle,
            renderer,
            ticks,
            drawing,
            common: Arc::default(),
        }
    }

    /// Waits until the feed has ended: from then on no viewer is told anything.
    pub async fn ended(&self) {
        self.ticks.ended().await;
    }

    /// The engine whose state is shown.
    pub fn engine(&self) -> &Handle {
        &self.handle
    }

    /// Serves one viewer until it is gone.
    pub async fn serve(self, link: impl ViewerLink) {
        let viewer = Viewer {
            live: self,
            link,
            look: None,
            number: 0,
            rev: Rev(0),
            spliced: None,
            unacknowledged: VecDeque::new(),
            every: Duration::ZERO,
            rests: None,
            watched: None,
            older_pages: 0,
            asked_before: None,
        };
        viewer.run().await;
    }

    /// Draws where this hub draws. `None` if that went wrong.
    pub async fn draw<T: Send + 'static>(
        &self,
        draw: impl FnOnce(&Renderer) -> T + Send + 'static,
    ) -> Option<T> {
        let turns = match &self.drawing {
            Drawing::Here => return Some(draw(&self.renderer)),
            Drawing::Threads(turns) => turns,
        };
        let _turn = turns.acquire().await.ok()?;
        let renderer = self.renderer.clone();
        tokio::task::spawn_blocking(move || draw(&renderer))
            .await
            .ok()
    }
}

struct Viewer<L> {
    live: Live,
    link: L,
    /// What it looks at; `None` while nobody can see it.
    look: Option<Look>,
    /// The number of its newest look, which every batch names.
    number: u64,
    /// What it has.
    rev: Rev,
    /// The element of the last splice that it was sent since it looked, which the next one need not name.
    spliced: Option<String>,
    /// Batches that it has not acknowledged.
    unacknowledged: VecDeque<Sent>,
    /// The shortest time between two batches that it wants.
    every: Duration,
    /// Until when it is left alone for that.
    rests: Option<Instant>,
    watched: Option<(Look, Watched)>,
    /// Pages of older messages asked for, to show what this look shows.
    older_pages: usize,
    /// The cursor of the page that was asked for last.
    asked_before: Option<Arc<str>>,
}

/// A batch that was sent.
struct Sent {
    rev: Rev,
    at: Instant,
}

impl<L: ViewerLink> Viewer<L> {
    async fn run(mut self) {
        let mut beat = interval_at(Instant::now() + limits::BEAT, limits::BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = self.live.ticks.clone();
        if !self.hello().await {
            return;
        }
        loop {
            let ready = self.look.is_some()
                && self.rests.is_none()
                && self.unacknowledged.len() < limits::UNACKNOWLEDGED;
            let rests = self.rests;
            let overdue = self.overdue();
            let going = tokio::select! {
                // The beat first, as it is due seldom; then what the viewer says, which may change what it is to be
                // sent: one that never stops talking delays its own ticks only.
                biased;
                _ = beat.tick() => self.beat().await,
                said = self.link.receive() => match said {
                    Some(said) => self.said(&said).await,
                    None => false,
                },
                () = sleep_until(rests.unwrap_or_else(Instant::now)), if rests.is_some() => {
                    self.rests = None;
                    true
                }
                more = ticks.next(), if ready => more && self.bring_up_to_date().await,
                () = sleep_until(overdue.unwrap_or_else(Instant::now)), if overdue.is_some() => false,
            };
            if !going {
                return;
            }
        }
    }

    /// When a viewer is given up that takes what it is sent, or leaves it to the kernel, and acknowledges none of it.
    fn overdue(&self) -> Option<Instant> {
        let oldest = self.unacknowledged.front()?;
        Some(oldest.at + limits::VIEWER_ACKNOWLEDGES)
    }

    async fn hello(&mut self) -> bool {
        let epoch = self.live.handle.epoch().clone();
        let rev = self.live.handle.read(|state| state.rev);
        self.send(&Frame::Hello {
            epoch: &epoch,
            rev,
            version: wire::VERSION,
        })
        .await
    }

    async fn beat(&mut self) -> bool {
        let at = self.live.handle.now().0;
        let needs = self.live.handle.read(view::needed);
        self.send(&Frame::Beat { at, needs }).await
    }

    async fn said(&mut self, text: &str) -> bool {
        let Ok(said) = serde_json::from_str::<Said>(text) else {
            tracing::debug!("a viewer said something that is not understood");
            return false;
        };
        match said {
            Said::Ack { rev, every } => {
                self.unacknowledged.retain(|sent| sent.rev.0 > rev);
                self.every = Duration::from_millis(every.into()).min(limits::VIEWER_RESTS);
                true
            }
            Said::Look {
                n,
                ref epoch,
                rev,
                hidden,
                ..
            } => {
                self.number = n;
                let known = self.live.handle.read(|state| state.rev);
                let same_life = **epoch == **self.live.handle.epoch() && rev <= known.0;
                if !same_life && rev != 0 {
                    return self.send(&Frame::Reset).await;
                }
                self.rev = Rev(rev);
                self.spliced = None;
                self.unacknowledged.clear();
                self.look_at(said.look().filter(|_| !hidden)).await;
                self.look.is_none() || self.bring_up_to_date().await
            }
        }
    }

    /// Keeps the conversation that is looked at, and lets go of the one before it only then.
    async fn look_at(&mut self, look: Option<Look>) {
        let unchanged = self.watched.as_ref().map(|(watched, _)| watched) == look.as_ref();
        self.look.clone_from(&look);
        if unchanged {
            return;
        }
        self.older_pages = 0;
        self.asked_before = None;
        let before = self.watched.take();
        if let Some(look) = look
            && let (Some(instance), Some(session)) = (look.instance.clone(), look.session.clone())
        {
            let reach = Reach::of(look.from.as_ref());
            let guard = self.live.handle.watch(instance, session, reach).await;
            self.watched = Some((look, guard));
        }
        drop(before);
    }

    /// Sends what the viewer lacks, if anything.
    async fn bring_up_to_date(&mut self) -> bool {
        let Some(look) = self.look.clone() else {
            return true;
        };
        self.widen(&look).await;
        let since = self.rev;
        let common = &self.live.common;
        let seen = self.live.handle.read(|state| {
            let exists = place::exists(state, &look);
            (!left(state, &look, since))
                .then(|| (view::look_among(state, &look, since, common), exists))
        });
        let Some((seen, exists)) = seen else {
            // No row tells of an instance that is gone: the page finds that out when it fetches itself again.
            self.look = None;
            return self.send(&Frame::Reset).await;
        };
        let rev = seen.rev;
        if seen.is_empty() {
            self.rev = rev;
            return true;
        }
        let Some(mut ops) = self.patch(seen, since, exists).await else {
            return false;
        };
        if ops.iter().map(Op::bytes).sum::<usize>() > limits::BATCH_BYTES {
            // The whole page, compressed, is less than so many changes, and none of it is kept for a slow reader.
            self.look = None;
            return self.send(&Frame::Reset).await;
        }
        self.rev = rev;
        if ops.is_empty() {
            return true;
        }
        let at = Instant::now();
        self.unacknowledged.push_back(Sent { rev, at });
        // Ticks keep others from more, and are shared.
        self.rests = (self.every > limits::TICK).then(|| at + self.every);
        wire::leave_out_keys(&mut ops, &mut self.spliced);
        let n = self.number;
        self.send(&Batch { n, rev, ops: &ops }).await
    }

    /// What the viewer lacks. Of a place that does not exist nothing is remembered: there are as many as viewers make up.
    async fn patch(&mut self, seen: Seen, since: Rev, exists: bool) -> Option<Vec<Op>> {
        if !exists {
            return self
                .live
                .draw(move |shared| {
                    shared.forget(&seen);
                    Renderer::new().patch(&seen, since)
                })
                .await;
        }
        if is_light(&seen) {
            return Some(self.live.renderer.patch(&seen, since));
        }
        self.live
            .draw(move |renderer| renderer.patch(&seen, since))
            .await
    }

    /// Asks for older messages until the oldest one that the viewer shows is kept, which it may not be after a gap.
    async fn widen(&mut self, look: &Look) {
        let (Some(instance), Some(session), Some(from)) =
            (&look.instance, &look.session, &look.from)
        else {
            return;
        };
        let handle = &self.live.handle;
        let before = handle.read(|state| {
            let loaded = state.session(instance, session)?.loaded()?;
            loaded
                .older
                .clone()
                .filter(|_| !loaded.messages.contains_key(from))
        });
        // Each page is asked for once: its arrival changes what is kept, and so leads here again.
        if before.is_some() && before != self.asked_before && self.older_pages < limits::OLDER_PAGES
        {
            self.older_pages += 1;
            self.asked_before = before;
            handle.older(instance.clone(), session.clone()).await;
        }
    }

    async fn send(&mut self, frame: &(impl Serialize + Sync)) -> bool {
        let Ok(text) = serde_json::to_string(frame) else {
            return false;
        };
        timeout(limits::VIEWER_WRITE, self.link.send(text))
            .await
            .unwrap_or(false)
    }
}

/// True if it is drawn in less time than it takes to hand it to another thread: a few rows, and texts that grow.
fn is_light(seen: &Seen) -> bool {
    let lists = [
        seen.tabs.as_ref().map(|rows| rows.len()),
        seen.needs.as_ref().map(|rows| rows.len()),
        seen.interrupted.as_ref().map(|rows| rows.len()),
        seen.tree.as_ref().map(|rows| rows.len()),
        seen.strip.as_ref().map(Vec::len),
    ];
    let rows: usize = lists.into_iter().flatten().sum();
    let messages = seen.log.iter().flat_map(|log| &log.messages);
    let parts = messages.flat_map(|message| &message.parts);
    // None if one of them is anything else than a text that grows.
    let texts: Option<usize> = parts
        .map(|part| part.open.as_ref().map(OpenText::bytes))
        .sum();
    rows <= limits::DRAWN_AT_ONCE_ROWS
        && texts.is_some_and(|bytes| bytes <= limits::DRAWN_AT_ONCE_BYTES)
}

/// True if the instance that is looked at was removed since.
fn left(state: &State, look: &Look, since: Rev) -> bool {
    let known = |id| state.instances.contains_key(id);
    since != Rev(0)
        && state.instances_rev > since
        && look.instance.as_ref().is_some_and(|id| !known(id))
}

#[cfg(test)]
mod tests;
