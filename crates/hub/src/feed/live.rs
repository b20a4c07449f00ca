//! State synchronization: sends each viewer the difference between its revision and the current state.
//!
//! A viewer is a cursor: its revision and its viewport. Nothing is queued for a viewer; once it can accept a batch, the
//! difference to the current state is computed, so that a slow viewer skips intermediate states and costs no more than
//! a fast one. Of the sent elements one key is remembered. Rendering happens here, outside the engine.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use model::State;
use model::ids::SessionId;
use model::state::Rev;
use model::text::OpenText;
use model::view::{self, NewsRow, ViewDelta, Viewport};
use page::wire::{self, Batch, ClientMessage, Frame, News, Op};
use page::{Language, Renderer, speak};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::position;
use super::shared::LiveShared;
use crate::engine::{HistoryDepth, Watched};
use crate::limits;

/// The port to a viewer: text frames in both directions.
pub trait ViewerLink: Send {
    /// Sends a frame. False once the viewer has disconnected.
    fn send(&mut self, text: String) -> impl Future<Output = bool> + Send;

    /// The next frame; `None` once the viewer has disconnected. Cancel safe.
    fn receive(&mut self) -> impl Future<Output = Option<String>> + Send;
}

impl LiveShared {
    /// Serves one viewer until it disconnects.
    pub async fn serve(self, link: impl ViewerLink) {
        let viewer = Viewer {
            live: self,
            link,
            look: None,
            language: Language::English,
            number: 0,
            rev: Rev(0),
            spliced: None,
            unacknowledged: VecDeque::new(),
            every: Duration::ZERO,
            rests: None,
            watched: None,
            older_pages: 0,
            asked_before: None,
            news: None,
            marks: 0,
        };
        viewer.run().await;
    }
}

/// Guards of retained conversations.
type Guards = BTreeMap<SessionId, Watched>;

struct Viewer<L> {
    live: LiveShared,
    link: L,
    /// The viewport; `None` while the page is hidden.
    look: Option<Viewport>,
    /// Language of the viewer's document.
    language: Language,
    /// The sequence number of its newest viewport, which every batch names.
    number: u64,
    /// The revision that it has.
    rev: Rev,
    /// The element of the last splice since its viewport changed, which the next splice may omit.
    spliced: Option<String>,
    /// Batches that it has not acknowledged.
    unacknowledged: VecDeque<SentBatch>,
    /// The minimum interval between two batches that it requests.
    every: Duration,
    /// The end of the current interval.
    rests: Option<Instant>,
    /// The viewport whose conversations are retained, and the guards of these, by session.
    watched: Option<(Viewport, Guards)>,
    /// Number of older pages requested for this viewport.
    older_pages: usize,
    /// The cursor of the last requested page.
    asked_before: Option<Arc<str>>,
    /// Notification items sent last; `None` without a subscription.
    news: Option<LastNews>,
    /// The change of marks and comments that it was sent last.
    marks: u64,
}

/// Notification items sent last to a viewer.
#[derive(Default)]
struct LastNews {
    /// Revision of the state that they were made from.
    rev: Rev,
    items: Option<Vec<News>>,
    /// End of the interval in which no further list is made.
    rests: Option<Instant>,
}

/// A batch that was sent.
struct SentBatch {
    rev: Rev,
    at: Instant,
}

impl<L: ViewerLink> Viewer<L> {
    async fn run(mut self) {
        let mut beat = interval_at(Instant::now() + limits::BEAT, limits::BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = self.live.ticks.clone();
        let mut news_ticks = self.live.ticks.clone();
        let mut settings = self.live.settings.clone();
        settings.mark_unchanged();
        let mut marks = self.live.marks.clone();
        if !self.hello().await {
            return;
        }
        loop {
            let ready = self.look.is_some()
                && self.rests.is_none()
                && self.unacknowledged.len() < limits::UNACKNOWLEDGED;
            let rests = self.rests;
            let overdue = self.overdue();
            let news_rest = self.news.as_ref().and_then(|news| news.rests);
            let reviews = self.look.as_ref().is_some_and(|look| look.review);
            let wants_news = self.news.is_some() && news_rest.is_none();
            let going = tokio::select! {
                // The heartbeat first, as it is seldom due; then frames of the viewer, which may change its viewport: a
                // viewer that sends without pause delays only its own ticks.
                biased;
                _ = beat.tick() => self.beat().await,
                message = self.link.receive() => match message {
                    Some(message) => self.received(&message).await,
                    None => false,
                },
                () = sleep_until(rests.unwrap_or_else(Instant::now)), if rests.is_some() => {
                    self.rests = None;
                    true
                }
                Ok(()) = settings.changed() => self.tell_settings().await,
                Ok(()) = marks.changed(), if reviews => self.tell_marks().await,
                () = sleep_until(news_rest.unwrap_or_else(Instant::now)), if news_rest.is_some() => {
                    self.news.iter_mut().for_each(|news| news.rests = None);
                    true
                }
                more = news_ticks.next(), if wants_news => more && self.tell_news().await,
                more = ticks.next(), if ready => more && self.bring_up_to_date().await,
                () = sleep_until(overdue.unwrap_or_else(Instant::now)), if overdue.is_some() => false,
            };
            if !going {
                return;
            }
        }
    }

    /// The time at which a viewer that acknowledges nothing is disconnected, although the kernel accepts its frames.
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

    async fn tell_settings(&mut self) -> bool {
        let settings = self.live.settings.borrow().clone();
        self.send(&Frame::Settings {
            settings: &settings,
        })
        .await
    }

    /// Sends what changed in marks and comments of reviews.
    async fn tell_marks(&mut self) -> bool {
        let marks = self.live.marks.borrow().clone();
        let since = std::mem::replace(&mut self.marks, marks.revision);
        let Some(changes) = marks.since(since) else {
            return self.tell_all_marks(marks.revision).await;
        };
        for one in changes {
            let frame = Frame::Marks {
                revision: one.revision,
                folder: Some(&one.folder),
                path: one.path.as_deref(),
                comments: one.comments,
            };
            if !self.send(&frame).await {
                return false;
            }
        }
        true
    }

    /// Says at which change marks and comments are, so that a list from before is read again.
    async fn tell_all_marks(&mut self, revision: u64) -> bool {
        self.marks = revision;
        let frame = Frame::Marks {
            revision,
            folder: None,
            path: None,
            comments: true,
        };
        self.send(&frame).await
    }

    /// Sends the notification items if they changed since the last list.
    async fn tell_news(&mut self) -> bool {
        let Some(last) = &mut self.news else {
            return true;
        };
        last.rests = Some(Instant::now() + limits::NEWS_EVERY);
        let (rev, items) = self.live.handle.read(|state| {
            let same = state.rev == last.rev && last.items.is_some();
            (state.rev, (!same).then(|| view::news(state)))
        });
        last.rev = rev;
        let drawn = |rows: Vec<NewsRow>| {
            speak(self.language, || {
                rows.iter().map(News::from).collect::<Vec<_>>()
            })
        };
        let Some(items) = items.map(drawn) else {
            return true;
        };
        if last.items.as_ref() == Some(&items) {
            return true;
        }
        last.items = Some(items.clone());
        self.send(&Frame::News { items: &items }).await
    }

    async fn received(&mut self, text: &str) -> bool {
        let Ok(message) = serde_json::from_str::<ClientMessage>(text) else {
            tracing::debug!("a message of a viewer cannot be parsed");
            return false;
        };
        match message {
            ClientMessage::Ack { rev, every } => {
                self.unacknowledged.retain(|sent| sent.rev.0 > rev);
                self.every = Duration::from_millis(every.into()).min(limits::VIEWER_RESTS);
                true
            }
            ClientMessage::Notify { on } => {
                self.news = on.then(LastNews::default);
                !on || self.tell_news().await
            }
            ClientMessage::Look {
                n,
                ref epoch,
                rev,
                hidden,
                settings,
                ..
            } => {
                let now = self.live.settings.borrow().revision;
                if settings.is_some_and(|has| has != now) && !self.tell_settings().await {
                    return false;
                }
                self.number = n;
                self.language = message.language();
                let known = self.live.handle.read(|state| state.rev);
                let same_life = **epoch == **self.live.handle.epoch() && rev <= known.0;
                if !same_life && rev != 0 {
                    return self.send(&Frame::Reset).await;
                }
                self.rev = Rev(rev);
                self.spliced = None;
                self.unacknowledged.clear();
                self.look_at(message.look().filter(|_| !hidden)).await;
                let marks = self.live.marks.borrow().revision;
                let reviews = self.look.as_ref().is_some_and(|look| look.review);
                if reviews && !self.tell_all_marks(marks).await {
                    return false;
                }
                self.look.is_none() || self.bring_up_to_date().await
            }
        }
    }

    /// Retains the conversation in the viewport, and releases the previous one only after that.
    async fn look_at(&mut self, look: Option<Viewport>) {
        let unchanged = self.watched.as_ref().map(|(watched, _)| watched) == look.as_ref();
        self.look.clone_from(&look);
        if unchanged {
            return;
        }
        self.older_pages = 0;
        self.asked_before = None;
        let before = self.watched.take();
        if let Some(look) = look {
            self.watched = Some((look, Guards::new()));
            self.retain().await;
        }
        drop(before);
    }

    /// Retains the conversations in the viewport; a parallel run gets its sessions one after the other.
    async fn retain(&mut self) {
        let Some((look, guards)) = &mut self.watched else {
            return;
        };
        let Some(instance) = &look.instance else {
            return;
        };
        let handle = &self.live.handle;
        let shown = handle.read(|state| position::shown(state, look));
        for session in shown {
            if let Entry::Vacant(place) = guards.entry(session.clone()) {
                let reach = HistoryDepth::of(look.from.as_ref());
                place.insert(handle.watch(instance.clone(), session, reach).await);
            }
        }
    }

    /// Sends the changes that the viewer lacks, if any.
    async fn bring_up_to_date(&mut self) -> bool {
        let Some(look) = self.look.clone() else {
            return true;
        };
        self.widen(&look).await;
        if look.parallel.is_some() {
            self.retain().await;
        }
        let since = self.rev;
        let common = &self.live.common;
        let seen = self.live.handle.read(|state| {
            let exists = position::exists(state, &look);
            (!left(state, &look, since))
                .then(|| (view::delta_with(state, &look, since, common), exists))
        });
        let Some((seen, exists)) = seen else {
            // No row covers an instance that was removed: the page finds out when it reloads.
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
            // The whole page, compressed, is smaller than this many changes, and none of it is buffered for a slow
            // reader.
            self.look = None;
            return self.send(&Frame::Reset).await;
        }
        self.rev = rev;
        if ops.is_empty() {
            return true;
        }
        let at = Instant::now();
        self.unacknowledged.push_back(SentBatch { rev, at });
        // Ticks already limit the rate, and are shared.
        self.rests = (self.every > limits::TICK).then(|| at + self.every);
        wire::leave_out_keys(&mut ops, &mut self.spliced);
        let n = self.number;
        self.send(&Batch { n, rev, ops: &ops }).await
    }

    /// The changes that the viewer lacks. Nothing is cached for a viewport that does not exist, because viewers can
    /// invent any number of them.
    async fn patch(&mut self, seen: ViewDelta, since: Rev, exists: bool) -> Option<Vec<Op>> {
        let language = self.language;
        if !exists {
            return self
                .live
                .draw(language, move |shared| {
                    shared.forget(&seen);
                    Renderer::new().patch(&seen, since)
                })
                .await;
        }
        if is_light(&seen) {
            return Some(speak(language, || self.live.renderer.patch(&seen, since)));
        }
        self.live
            .draw(language, move |renderer| renderer.patch(&seen, since))
            .await
    }

    /// Requests older messages until the oldest message of the viewport is loaded, which may not be the case after a
    /// gap.
    async fn widen(&mut self, look: &Viewport) {
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
        // Each page is requested once: its arrival changes the loaded messages, and so leads here again.
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

/// True if rendering takes less time than handing it to another thread: a few rows, and growing texts.
fn is_light(seen: &ViewDelta) -> bool {
    if seen.parallel.is_some() {
        return false;
    }
    let lists = [
        seen.tabs.as_ref().map(|rows| rows.len()),
        seen.overview.as_ref().map(|all| all.rows.len()),
        seen.needs.as_ref().map(|rows| rows.len()),
        seen.attention.as_ref().map(|all| all.rows.len()),
        seen.tree.as_ref().map(|rows| rows.len()),
        seen.strip.as_ref().map(Vec::len),
    ];
    let rows: usize = lists.into_iter().flatten().sum();
    let messages = seen.log.iter().flat_map(|log| &log.messages);
    let parts = messages.flat_map(|message| &message.parts);
    // `None` if a part is anything else than a growing text.
    let texts: Option<usize> = parts
        .map(|part| part.open.as_ref().map(OpenText::bytes))
        .sum();
    rows <= limits::DRAWN_AT_ONCE_ROWS
        && texts.is_some_and(|bytes| bytes <= limits::DRAWN_AT_ONCE_BYTES)
}

/// True if the instance of the viewport was removed since then.
fn left(state: &State, look: &Viewport, since: Rev) -> bool {
    let known = |id| state.instances.contains_key(id);
    since != Rev(0)
        && state.instances_rev > since
        && look.instance.as_ref().is_some_and(|id| !known(id))
}

#[cfg(test)]
mod tests;
