//! The task that sends: what is new goes to everybody, and what is answered or reviewed is withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::time::Timestamp;
use model::view::{self, NewsKind, NewsRow};
use page::{Notify, Settings};
use reqwest::RequestBuilder;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::book::{Book, Recipients};
use super::message::{Item, Notice};
use super::post::{Outcome, attempt_once, deliver};
use super::recipients::{Trial, is_quiet};
use crate::engine::Handle;
use crate::limits;
use crate::settings::SettingsStore;

impl Book {
    /// Sends until the hub ends. `callers` are the names of those whose keys are valid; `None` if nobody needs a key.
    pub async fn keep(
        &self,
        engine: &Handle,
        settings: &SettingsStore,
        callers: impl Fn() -> Option<BTreeSet<Arc<str>>> + Send + Sync,
    ) {
        let (mut changes, mut recipients) = (engine.changes(), self.changes());
        let mut rounds = Rounds::new(self.clone(), engine.clone());
        loop {
            let callers = callers();
            let to = self.recipients(callers.as_ref());
            if to.devices.is_empty() && to.targets.is_empty() {
                // Whoever subscribes looks at the page: it knows what is there.
                rounds.know_all();
                if recipients.changed().await.is_err() {
                    return;
                }
                rounds.know_all();
                continue;
            }
            rounds.round(to, &settings.now()).await;
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                changed = recipients.changed() => if changed.is_err() { return },
                () = sleep(limits::PUSH_SETTLES) => {}
            }
            // What is answered at once is not sent, and much at once is one notification.
            sleep(limits::PUSH_EVERY).await;
        }
    }

    /// Sends a trial to every device and target, once, and says what came of each.
    pub async fn try_all(&self, now: Timestamp, needs: usize) -> Vec<Trial> {
        let to = self.recipients(None);
        let notice = Notice::Trial;
        let devices = to.devices.iter().map(|device| {
            let request = self.to_device(device, &notice, needs, now);
            (device.listed(), request)
        });
        let targets = to.targets.iter().map(|target| {
            let request = self.to_target(target, &notice);
            (target.listed(), request)
        });
        let tried = devices.chain(targets).map(|(to, request)| async move {
            let outcome = match request {
                Some(request) => attempt_once(&request).await.0,
                None => Outcome::Unreachable,
            };
            if outcome == Outcome::Gone && to.owner.is_some() {
                self.forget(to.id.clone()).await;
            }
            Trial {
                sent: outcome == Outcome::Sent,
                outcome: outcome.sentence(),
                to,
            }
        });
        futures_util::future::join_all(tried).await
    }

    /// Removes a device whose address is gone.
    async fn forget(&self, id: String) {
        let book = self.clone();
        let removed = tokio::task::spawn_blocking(move || book.remove(&id, None)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, "a device that is gone was not removed");
        }
    }
}

/// What was sent so far.
struct Rounds {
    book: Book,
    engine: Handle,
    began: Instant,
    /// Time of the hub's clock at the start.
    since: Timestamp,
    /// Items that were there at the last look.
    last: BTreeSet<String>,
    /// Items that were sent, and the tags of their notifications.
    sent: BTreeMap<String, String>,
    lanes: Lanes,
}

impl Rounds {
    fn new(book: Book, engine: Handle) -> Self {
        Self {
            sent: book.sent(),
            lanes: Lanes::new(book.clone()),
            book,
            began: Instant::now(),
            since: engine.now(),
            last: BTreeSet::new(),
            engine,
        }
    }

    /// Takes everything that is there as known.
    fn know_all(&mut self) {
        let rows = self.engine.read(view::news);
        self.last = rows.into_iter().map(|row| row.key).collect();
        self.sent.clear();
    }

    async fn round(&mut self, to: Recipients, settings: &Settings) {
        let (rows, needs) = self
            .engine
            .read(|state| (view::news(state), view::needed(state)));
        let now = self.engine.now();
        let there: BTreeSet<&String> = rows.iter().map(|row| &row.key).collect();
        let before = self.sent.clone();
        for notice in self.withdrawn(&there) {
            self.lanes.send(&to, &notice, needs, now, &settings.notify);
        }
        let fresh: Vec<NewsRow> = rows
            .iter()
            .filter(|row| !self.last.contains(&row.key) && !self.sent.contains_key(&row.key))
            // What ended before this hub began is on the page.
            .filter(|row| row.kind == NewsKind::Needs || row.at >= self.since)
            .filter(|row| is_wanted(&settings.notify, row))
            .cloned()
            .collect();
        self.last = there.into_iter().cloned().collect();
        for (notice, keys) in self.announced(fresh) {
            // What nobody gets, as in quiet hours, is not withdrawn.
            if self.lanes.send(&to, &notice, needs, now, &settings.notify) {
                let tag = notice.tag();
                self.sent
                    .extend(keys.into_iter().map(|key| (key, tag.to_owned())));
            }
        }
        while self.sent.len() > limits::PUSH_SENT {
            self.sent.pop_first();
        }
        self.lanes.tidy(&to);
        if self.sent != before {
            let (book, sent) = (self.book.clone(), self.sent.clone());
            // A panic of the disk's thread is logged by the runtime; the next change writes again.
            let _written = tokio::task::spawn_blocking(move || book.set_sent(sent)).await;
        }
    }

    /// Notifications all of whose items are gone. Servers are still being connected for a while after the start: items that a hub
    /// before this one sent are missing then.
    fn withdrawn(&mut self, there: &BTreeSet<&String>) -> Vec<Notice> {
        let settled = self.began.elapsed() >= limits::PUSH_SETTLES;
        let gone = |key: &String| !there.contains(key) && (settled || self.last.contains(key));
        let over: Vec<String> = self.sent.keys().filter(|key| gone(key)).cloned().collect();
        let tags: BTreeSet<String> = over
            .iter()
            .filter_map(|key| self.sent.remove(key))
            .collect();
        tags.into_iter()
            .filter(|tag| !self.sent.values().any(|standing| standing == tag))
            .map(|tag| Notice::Closed { tag })
            .collect()
    }

    /// The notices of what is new, each with the keys of its items.
    fn announced(&self, fresh: Vec<NewsRow>) -> Vec<(Notice, Vec<String>)> {
        if fresh.len() > limits::PUSH_ALONE {
            let keys = fresh.iter().map(|row| row.key.clone()).collect();
            return vec![(Notice::Many(fresh), keys)];
        }
        let requests = self.engine.read(view::needs);
        let notices = fresh.into_iter().map(|row| {
            let its = |need: &&view::NeedRow| match &need.kind {
                view::NeedKind::Permission(one) => one.id.as_str() == row.key,
                view::NeedKind::Question(one) => one.id.as_str() == row.key,
            };
            let need = requests.iter().find(its).cloned();
            let key = row.key.clone();
            (Notice::One(Box::new(Item { row, need })), vec![key])
        });
        notices.collect()
    }
}

/// True if the settings ask for notifications of this kind and instance.
fn is_wanted(notify: &Notify, row: &NewsRow) -> bool {
    let kind = match row.kind {
        NewsKind::Needs => notify.needs,
        NewsKind::Failed => notify.failed,
        NewsKind::Finished => notify.finished,
    };
    kind && !notify.muted.contains(&row.instance)
}

/// A queue for each recipient, so that one that is slow delays no other, and each gets everything in order.
struct Lanes {
    book: Book,
    open: BTreeMap<String, mpsc::Sender<RequestBuilder>>,
    running: JoinSet<()>,
}

impl Lanes {
    fn new(book: Book) -> Self {
        Self {
            book,
            open: BTreeMap::new(),
            running: JoinSet::new(),
        }
    }

    /// Sends a notice to everybody, but what is new not in quiet hours. True if anybody gets it.
    fn send(
        &mut self,
        to: &Recipients,
        notice: &Notice,
        needs: usize,
        now: Timestamp,
        notify: &Notify,
    ) -> bool {
        let mut any = false;
        let silent = matches!(notice, Notice::Closed { .. });
        for device in &to.devices {
            if !silent && device.is_quiet(notify.quiet, now) {
                continue;
            }
            if let Some(request) = self.book.to_device(device, notice, needs, now) {
                self.push(&device.id, request);
                any = true;
            }
        }
        if !silent && is_quiet(notify.quiet, now, jiff::tz::TimeZone::system()) {
            return any;
        }
        for target in &to.targets {
            if let Some(request) = self.book.to_target(target, notice) {
                self.push(&target.id, request);
                any = true;
            }
        }
        any
    }

    fn push(&mut self, id: &str, request: RequestBuilder) {
        let lane = self.open.get(id).filter(|lane| !lane.is_closed()).cloned();
        let lane = lane.unwrap_or_else(|| {
            let (lane, requests) = mpsc::channel(limits::PUSH_QUEUED);
            let running = run(self.book.clone(), id.to_owned(), requests);
            self.running.spawn(running);
            self.open.insert(id.to_owned(), lane.clone());
            lane
        });
        if lane.try_send(request).is_err() {
            tracing::warn!(%id, "a notification was dropped: earlier ones still wait for the server");
        }
    }

    /// Ends the queues of recipients that were removed.
    fn tidy(&mut self, to: &Recipients) {
        let devices = to.devices.iter().map(|device| &device.id);
        let known: BTreeSet<&String> = devices
            .chain(to.targets.iter().map(|one| &one.id))
            .collect();
        self.open.retain(|id, _| known.contains(id));
        while let Some(ended) = self.running.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "sending notifications to a recipient failed");
            }
        }
    }
}

/// Sends what a recipient gets, one after the other.
async fn run(book: Book, id: String, mut requests: mpsc::Receiver<RequestBuilder>) {
    while let Some(request) = requests.recv().await {
        match deliver(request).await {
            Outcome::Sent => {}
            // An ntfy server of before sequences knows no such address: its messages still arrive.
            Outcome::Gone
                if book
                    .list()
                    .iter()
                    .any(|one| one.id == id && one.kind == "device") =>
            {
                tracing::info!(%id, "a device was removed: its push service does not know it any more");
                return book.forget(id).await;
            }
            outcome => {
                tracing::warn!(%id, outcome = outcome.sentence(), "a notification was not sent");
            }
        }
    }
}
