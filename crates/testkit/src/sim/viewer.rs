//! A page that someone has open: it does what `page/client` does, with a person who goes, comes, hides and reloads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::feed::live::ViewerLink;
use hub::feed::position;
use hub::limits;
use model::ids::{InstanceId, MessageId, SessionId};
use model::state::Rev;
use model::view::Viewport;
use page::Context;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::core::{Core, Invariant, lock};
use super::hub::HubLife;
use super::page::{Page, Splice};
use super::pipe::{End, Pipe};

/// Frames that the kernel holds for a viewer who does not read.
const KERNEL_FRAMES: usize = 6;

/// The hub as viewers find it: none while it restarts.
pub(super) type Door = Arc<Mutex<Option<Arc<HubLife>>>>;

/// Where someone goes next.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(pub Arc<Mutex<Vec<Viewport>>>);

/// The hub's end of a viewer's link.
struct Socket {
    down: Arc<Pipe<String>>,
    up: Arc<Pipe<String>>,
    latency: Duration,
    core: Arc<Core>,
    /// Batches that were not acknowledged since the last look.
    open: VecDeque<u64>,
}

/// A viewer's end.
struct Line {
    down: Arc<Pipe<String>>,
    up: Arc<Pipe<String>>,
}

impl ViewerLink for Socket {
    async fn send(&mut self, text: String) -> bool {
        if !self.down.has_room(KERNEL_FRAMES).await {
            return false;
        }
        if text.starts_with('[') {
            let frame: Value = serde_json::from_str(&text).unwrap_or_default();
            self.open.push_back(frame[1].as_u64().unwrap_or_default());
            let open = self.open.len();
            let wrong = (open > limits::UNACKNOWLEDGED)
                .then(|| format!("{open} batches wait for a viewer"));
            self.core.check(Invariant::Bounds, wrong);
        }
        self.down.send(text, self.latency);
        let waiting = self.down.len();
        let wrong =
            (waiting > KERNEL_FRAMES).then(|| format!("{waiting} frames wait for a viewer"));
        self.core.check(Invariant::Bounds, wrong);
        true
    }

    async fn receive(&mut self) -> Option<String> {
        let sent = self.up.receive().await.ok()?;
        let frame: Value = serde_json::from_str(&sent).unwrap_or_default();
        match (frame["t"].as_str(), frame["rev"].as_u64()) {
            (Some("ack"), Some(rev)) => self.open.retain(|sent| *sent > rev),
            _ => self.open.clear(),
        }
        Some(sent)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.down.end(End::Finished);
        self.up.close();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.down.close();
        self.up.end(End::Finished);
    }
}

/// What a page shows and has sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// What it shows.
    pub page: Page,
    /// Where.
    pub look: Viewport,
    /// The life of the hub that it is of.
    pub epoch: String,
    /// The revision that it is at.
    pub rev: u64,
    /// True while nobody sees it.
    pub hidden: bool,
    /// True while its link is open and alive.
    pub linked: bool,
}

/// A viewer.
pub(super) struct Viewer {
    core: Arc<Core>,
    index: usize,
    door: Door,
    places: Places,
    random: StdRng,
    /// What it shows, for those who check.
    pub shown: Arc<Mutex<Shown>>,
    line: Option<Line>,
    looks: u64,
    /// The element of the last splice.
    spliced: String,
    last_received: Instant,
}

/// Why a page stops doing what it does.
enum Turn {
    /// The link is gone.
    Lost,
    /// The page is to be fetched anew.
    Reload,
    /// A person acts.
    Act,
}

impl Viewer {
    /// A viewer who has not opened anything yet.
    pub(super) fn new(core: Arc<Core>, index: usize, door: Door, places: Places) -> Self {
        Self {
            random: core.random(&format!("viewer {index}")),
            core,
            index,
            door,
            places,
            shown: Arc::default(),
            line: None,
            looks: 0,
            spliced: String::new(),
            last_received: Instant::now(),
        }
    }

    /// Looks at things until the end.
    pub(super) async fn run(mut self) {
        self.go(None).await;
        loop {
            let timeouts = Duration::from_millis(self.random.random_range(500..9000));
            match self.follow(Instant::now() + timeouts).await {
                Turn::Lost => self.connect().await,
                Turn::Reload => self.go(None).await,
                Turn::Act if self.core.is_calm() => self.settle().await,
                Turn::Act => self.act().await,
            }
        }
    }

    /// Once nothing goes wrong any more, a page is seen and reads.
    async fn settle(&mut self) {
        if lock(&self.shown).hidden {
            lock(&self.shown).hidden = false;
            self.look();
        }
        if self.line.is_none() {
            self.connect().await;
        }
    }

    async fn act(&mut self) {
        match self.random.random_range(0..12) {
            0..4 => self.go_elsewhere().await,
            4 => self.toggle_hidden(),
            5 => {
                self.note("loses its link");
                self.core
                    .fault("viewer link cut", format_args!("v{}", self.index));
                self.line = None;
                let pause = Duration::from_millis(self.random.random_range(1..8000));
                sleep(pause).await;
                self.connect().await;
            }
            6 => {
                let pause = Duration::from_millis(self.random.random_range(200..20_000));
                self.core.fault(
                    "viewer stops reading",
                    format_args!("v{} for {pause:?}", self.index),
                );
                sleep(pause).await;
            }
            7 => self.go(None).await,
            8 => self.older().await,
            9 => self.again(),
            _ => {}
        }
    }

    fn note(&self, what: &str) {
        self.core.trace(format_args!("v{} {what}", self.index));
    }

    fn toggle_hidden(&mut self) {
        let hidden = {
            let mut shown = lock(&self.shown);
            shown.hidden = !shown.hidden;
            shown.hidden
        };
        self.note(if hidden { "hides" } else { "is seen" });
        self.look();
    }

    /// Says once more what it looks at.
    fn again(&mut self) {
        self.note("says again where it looks");
        self.look();
    }

    async fn go_elsewhere(&mut self) {
        let look = {
            let places = lock(&self.places.0);
            if places.is_empty() {
                return;
            }
            places[self.random.random_range(0..places.len())].clone()
        };
        lock(&self.shown).look = look;
        self.go(None).await;
    }

    /// Asks for the messages before those that are shown.
    async fn older(&mut self) {
        let Some(hub) = self.hub() else { return };
        let look = lock(&self.shown).look.clone();
        let first = hub.engine.read(|state| {
            let seen = model::view::delta(state, &look, Rev(0));
            let log = seen.log?;
            log.older.then(|| log.order?.first().cloned()).flatten()
        });
        if let Some(first) = first {
            self.note("asks for older messages");
            self.go(Some(first)).await;
        }
    }

    fn hub(&self) -> Option<Arc<HubLife>> {
        lock(&self.door).clone()
    }

    /// Fetches its page, as `navigate.ts` does: the old one goes on until the new one is there.
    async fn go(&mut self, before: Option<MessageId>) {
        loop {
            let Some(hub) = self.hub() else {
                sleep(Duration::from_millis(700)).await;
                continue;
            };
            let mut look = lock(&self.shown).look.clone();
            if before.is_none() {
                look.from = self.window();
            }
            self.note(&format!("fetches {}", name(&look)));
            sleep(self.latency()).await;
            let opened = position::open(&hub.live, look, before.as_ref());
            let Ok(opened) = timeout(Duration::from_secs(20), opened).await else {
                continue;
            };
            let seen = opened.seen;
            let (look, rev) = (seen.viewport.clone(), seen.rev.0);
            let now = hub.engine.now();
            let epoch = hub.engine.epoch().to_string();
            let drawn = hub.live.draw(page::Language::English, {
                let epoch = epoch.clone();
                move |renderer| {
                    let context = Context {
                        epoch: &epoch,
                        version: "sim",
                        now,
                        recent: &[],
                        notices: &[],
                        found: &[],
                        settings: &page::Settings::default(),
                        inspect: false,
                        adds: true,
                        lacks: &[],
                        drafted: None,
                    };
                    renderer.document(&seen, &context)
                }
            });
            let html = drawn.await.unwrap_or_default();
            let kept = opened.kept;
            tokio::spawn(async move {
                sleep(limits::DOCUMENT_KEPT).await;
                drop(kept);
            });
            drop(hub);
            sleep(self.latency()).await;
            {
                let mut shown = lock(&self.shown);
                shown.page = Page::of(&html);
                shown.look = look;
                shown.rev = rev;
                shown.epoch = epoch;
            }
            self.note(&format!("shows {} at {rev}", name(&lock(&self.shown).look)));
            if self.line.is_none() {
                self.connect().await;
            } else {
                self.look();
            }
            return;
        }
    }

    /// A reload keeps the window that was asked for.
    fn window(&self) -> Option<MessageId> {
        lock(&self.shown).look.from.clone()
    }

    fn latency(&mut self) -> Duration {
        Duration::from_millis(self.random.random_range(1..40))
    }

    async fn connect(&mut self) {
        self.line = None;
        lock(&self.shown).linked = false;
        loop {
            if let Some(hub) = self.hub() {
                let (down, up) = (Pipe::new(), Pipe::new());
                let latency = self.latency();
                hub.serve(Socket {
                    down: down.clone(),
                    up: up.clone(),
                    latency,
                    core: self.core.clone(),
                    open: VecDeque::new(),
                });
                self.core.count(|stats| stats.links += 1);
                self.line = Some(Line { down, up });
                self.note("is linked");
                self.last_received = Instant::now();
                self.look();
                return;
            }
            sleep(Duration::from_millis(self.random.random_range(250..2500))).await;
        }
    }

    /// Tells what it looks at, and what it has of it.
    fn look(&mut self) {
        self.looks += 1;
        let Some(line) = &self.line else { return };
        let shown = lock(&self.shown);
        let look = &shown.look;
        let viewport = json!({
            "t": "look", "n": self.looks, "epoch": shown.epoch, "rev": shown.rev,
            "instance": look.instance.as_ref().map(InstanceId::as_str),
            "session": look.session.as_ref().map(SessionId::as_str),
            "from": look.from.as_ref().map(MessageId::as_str), "hidden": shown.hidden,
        });
        line.up.send(viewport.to_string(), Duration::from_millis(3));
    }

    /// Takes frames until something else is to be done.
    async fn follow(&mut self, until: Instant) -> Turn {
        loop {
            let Some(line) = &self.line else {
                return Turn::Lost;
            };
            let silence = self.last_received + Duration::from_secs(12);
            let frame = tokio::select! {
                biased;
                frame = line.down.receive() => frame,
                () = tokio::time::sleep_until(until.min(silence)) => {
                    if until < silence {
                        return Turn::Act;
                    }
                    self.note("hears nothing");
                    return Turn::Lost;
                }
            };
            let Ok(text) = frame else {
                self.line = None;
                lock(&self.shown).linked = false;
                self.note("is cut off");
                return Turn::Lost;
            };
            self.last_received = Instant::now();
            let frame: Value = serde_json::from_str(&text).unwrap_or_default();
            if let Some([n, rev, ops @ ..]) = frame.as_array().map(Vec::as_slice) {
                if n.as_u64() == Some(self.looks)
                    && let Some(rev) = rev.as_u64()
                    && !self.apply(rev, ops).await
                {
                    return Turn::Reload;
                }
                continue;
            }
            match frame["t"].as_str() {
                Some("hello") => {
                    lock(&self.shown).linked = true;
                    if frame["epoch"].as_str() != Some(&lock(&self.shown).epoch) {
                        self.note("finds another hub");
                        return Turn::Reload;
                    }
                }
                Some("reset") => {
                    self.note("is reset");
                    return Turn::Reload;
                }
                _ => {}
            }
        }
    }

    /// Applies a batch. False if it cannot.
    async fn apply(&mut self, rev: u64, ops: &[Value]) -> bool {
        self.core.count(|stats| stats.batches += 1);
        self.note(&format!("batch of {} to {rev}", ops.len()));
        for op in ops {
            if !self.apply_one(rev, op).await {
                return false;
            }
        }
        let mut shown = lock(&self.shown);
        shown.page.settle();
        shown.rev = rev;
        drop(shown);
        if let Some(line) = &self.line {
            // Every other one is a phone that takes long to draw.
            let every = if self.index % 2 == 1 { 120 } else { 0 };
            let ack = json!({"t": "ack", "rev": rev, "every": every});
            line.up.send(ack.to_string(), Duration::from_millis(3));
        }
        true
    }

    async fn apply_one(&mut self, rev: u64, op: &Value) -> bool {
        let text = |at: usize| op[at].as_str().unwrap_or_default();
        let keys = |at: usize| -> Vec<String> {
            serde_json::from_value(op[at].clone()).unwrap_or_default()
        };
        match op[0].as_str() {
            Some("f") => lock(&self.shown).page.put(text(1)),
            Some("t") => lock(&self.shown).page.tag(text(1)),
            Some("o") => return self.order(rev, text(1), &keys(2)).await,
            Some("e") => {
                let children = lock(&self.shown).page.extended(text(1), &keys(2), &keys(3));
                return self.order(rev, text(1), &children).await;
            }
            Some("b") => {
                text(1).clone_into(&mut self.spliced);
                return self.splice(rev, op, 2).await;
            }
            Some("g") => return self.replace(text(1), rev).await,
            Some(_) => {}
            None => return self.splice(rev, op, 0).await,
        }
        true
    }

    async fn order(&mut self, rev: u64, key: &str, children: &[String]) -> bool {
        let lacking = lock(&self.shown).page.lacking(key, children);
        let mut fetched = BTreeMap::new();
        for name in lacking {
            match self.fetch(&name, rev).await {
                Err(()) => return false,
                Ok(Some(html)) => drop(fetched.insert(name, html)),
                Ok(None) => {}
            }
        }
        lock(&self.shown).page.order(key, children, &fetched);
        true
    }

    /// Applies a splice whose numbers begin at `at`.
    async fn splice(&mut self, rev: u64, op: &Value, at: usize) -> bool {
        let number = |at: usize| op[at].as_u64().unwrap_or_default() as usize;
        let splice = Splice {
            length: number(at),
            end: number(at + 1),
            text: op[at + 2].as_str().unwrap_or_default(),
            gone: number(at + 3),
        };
        let key = self.spliced.clone();
        let done = lock(&self.shown).page.splice(&key, &splice);
        done || self.replace(&key, rev).await
    }

    async fn replace(&mut self, key: &str, rev: u64) -> bool {
        match self.fetch(key, rev).await {
            Ok(Some(html)) => {
                lock(&self.shown).page.put(&html);
                true
            }
            Ok(None) => true,
            Err(()) => false,
        }
    }

    /// Fetches an element as the hub has it for a page at this revision.
    async fn fetch(&mut self, key: &str, rev: u64) -> Result<Option<String>, ()> {
        self.note(&format!("fetches {key} at {rev}"));
        sleep(self.latency()).await;
        let hub = self.hub().ok_or(())?;
        let look = lock(&self.shown).look.clone();
        let fetched = position::element(
            &hub.live,
            page::Language::English,
            look,
            key.to_owned(),
            Some(Rev(rev)),
            false,
        );
        let fetched = timeout(Duration::from_secs(15), fetched)
            .await
            .map_err(drop)?;
        sleep(self.latency()).await;
        Ok(fetched)
    }
}

/// A place in a word.
pub(super) fn name(look: &Viewport) -> String {
    let part = |part: Option<&str>| part.unwrap_or("-").to_owned();
    format!(
        "{}/{}/{}",
        part(look.instance.as_ref().map(InstanceId::as_str)),
        part(look.session.as_ref().map(SessionId::as_str)),
        part(look.from.as_ref().map(MessageId::as_str)),
    )
}
