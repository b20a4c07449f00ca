//! `GET /api/inspect/frames`: the frames of the log as rows, described, as server-sent events.
//!
//! | event | data | meaning |
//! |---|---|---|
//! | `frames` | `{"frames", "bins", "revs"}` | selected frames; what arrived by instance and second; times of revisions of the state |
//! | `gap` | `{"after", "resume"}` | the entries between these two cursors are lost to this reader |
//! | `instances` | `[{"id", "name", "gaps", "unknown", "malformed"}]` | the instances and their counters since the hub began |
//! | `end` | `{}` | all entries of a bundle were sent |
//!
//! The `id` of each is the cursor after it. Nothing is left out for a slow reader: it reads on where it was.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use model::ids::{InstanceId, SessionId};
use model::state::Rev;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use super::super::app::App;
use super::super::ending::Ending;
use super::super::problem::Problem;
use super::super::shield::Revocation;
use crate::engine::Handle;
use crate::inspect::{Described, Describer, FrameFilter};
use crate::limits;
use crate::record::log::{Cursor, Entry, LogRead};
use crate::record::past::Step;

/// Selects frames.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct FrameQuery {
    /// Frames after this cursor, or `now`. Without it, and without `Last-Event-ID`, the newest `recent` entries and all later
    /// ones.
    after: Option<String>,
    /// Number of older entries to begin with; 0 by default.
    recent: Option<u64>,
    /// Frames of this instance only.
    #[param(value_type = Option<String>)]
    instance: Option<InstanceId>,
    /// Frames of sessions whose id begins so.
    #[param(value_type = Option<String>)]
    session: Option<SessionId>,
    /// Frames whose type contains this.
    #[serde(rename = "type")]
    name: Option<String>,
    /// Frames whose JSON contains this.
    text: Option<String>,
    /// The cursor up to which the reader has counted frames before: `bins` has later ones only.
    counted: Option<String>,
    /// Frames of this opened bundle instead of the log.
    bundle: Option<u64>,
}

/// Follows the frames of the log, each described in a row: size, type, session, number, lag. Events: `frames`, `gap`,
/// `instances`, and `end` of a bundle.
#[utoipa::path(
    get, path = "/api/inspect/frames", tag = "feeds", params(FrameQuery, ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub(in crate::http) async fn follow(
    State(app): State<App>,
    Extension(ended): Extension<Revocation>,
    headers: HeaderMap,
    Query(query): Query<FrameQuery>,
) -> Result<Response, Problem> {
    let place = app.place()?;
    let engine = app.hub().engine().clone();
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty());
    let mut named = None;
    let source = match query.bundle {
        Some(id) => {
            let bundle = app.inspections().bundle(id);
            let bundle = bundle.ok_or_else(|| super::no_history(Some(id)))?;
            named = Some(bundle.instances());
            Source::Bundle(bundle.steps.iter().cloned().collect())
        }
        None => Source::Log(match last.or(query.after.as_deref()) {
            Some("now") => engine.log().end(),
            Some(cursor) => cursor.parse()?,
            None => recent(&engine, query.recent.unwrap_or(0)),
        }),
    };
    let mut describer = Describer::default();
    describer.counted = query.counted.as_deref().map(str::parse).transpose()?;
    let feed = FrameFeed {
        newest: engine.log().newest(),
        changes: engine.changes(),
        filter: FrameFilter {
            instance: query.instance,
            session: query.session,
            name: query.name,
            text: query.text,
        },
        source,
        named,
        describer,
        revs: Vec::new(),
        listed: None,
        next: Instant::now(),
        ending: Ending::of(&app, ended),
        engine,
        done: false,
        _place: place,
    };
    let pieces = unfold(feed, async |mut feed| {
        let piece = feed.piece().await?;
        Some((Ok::<_, Infallible>(piece), feed))
    });
    let kind = [(CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    let body = Body::from_stream(pieces.fuse());
    Ok((kind, [("x-accel-buffering", "no")], body).into_response())
}

/// The cursor before the newest `many` entries of this epoch.
fn recent(engine: &Handle, many: u64) -> Cursor {
    let end = engine.log().end();
    Cursor {
        seq: end.seq.saturating_sub(many.min(limits::FRAMES_RECENT)),
        epoch: end.epoch,
    }
}

enum Source {
    /// After this cursor.
    Log(Cursor),
    /// The steps that are left.
    Bundle(VecDeque<Step>),
}

struct FrameFeed {
    engine: Handle,
    newest: watch::Receiver<u64>,
    changes: watch::Receiver<Rev>,
    filter: FrameFilter,
    source: Source,
    /// The instances of a bundle.
    named: Option<BTreeSet<InstanceId>>,
    describer: Describer,
    /// Revisions of the state since the last event, and when they were published.
    revs: Vec<(u64, i64)>,
    /// When the instances were sent last.
    listed: Option<Instant>,
    /// The earliest time of the next event of few frames.
    next: Instant,
    ending: Ending,
    done: bool,
    _place: OwnedSemaphorePermit,
}

/// The counters of an instance.
#[derive(Serialize)]
struct InstanceCounters {
    id: InstanceId,
    name: Arc<str>,
    gaps: u64,
    unknown: BTreeMap<Arc<str>, u64>,
    malformed: BTreeMap<Arc<str>, u64>,
}

impl InstanceCounters {
    /// An instance of a bundle, of which nothing else is known.
    fn of_bundle(id: &InstanceId) -> Self {
        Self {
            id: id.clone(),
            name: id.as_str().into(),
            gaps: 0,
            unknown: BTreeMap::new(),
            malformed: BTreeMap::new(),
        }
    }
}

impl FrameFeed {
    /// The next bytes of the stream; `None` at its end.
    async fn piece(&mut self) -> Option<Bytes> {
        loop {
            if self.done || self.ending.is_there().is_some() {
                return None;
            }
            let due = |listed: Instant| listed.elapsed() >= limits::FRAMES_COUNTERS;
            if self.listed.is_none_or(due) {
                return Some(self.instances());
            }
            if let Source::Bundle(steps) = &mut self.source {
                let page = take_page(steps);
                return Some(self.bundled(page));
            }
            if let Some(piece) = self.read().await {
                return Some(piece);
            }
            self.wait().await?;
            if !self.revs.is_empty() && Instant::now() >= self.next && !self.has_more() {
                self.next = Instant::now() + limits::FRAMES_EVERY;
                return Some(self.frames(&[]));
            }
        }
    }

    fn has_more(&self) -> bool {
        self.newest.has_changed().unwrap_or(false)
    }

    /// The next entries of the log; `None` if the reader is at the end, or too few came for another event so soon.
    async fn read(&mut self) -> Option<Bytes> {
        let Source::Log(cursor) = &self.source else {
            return None;
        };
        if Instant::now() < self.next {
            return None;
        }
        self.newest.borrow_and_update();
        match self
            .engine
            .journal()
            .read(cursor, limits::FRAMES_PAGE)
            .await
        {
            LogRead::Gap { resume } => {
                let data = json!({ "after": cursor.to_string(), "resume": resume.to_string() });
                let piece = event("gap", &resume.to_string(), &data.to_string());
                self.source = Source::Log(resume);
                Some(piece)
            }
            LogRead::Entries(entries) => {
                let last = entries.last()?;
                self.source = Source::Log(last.cursor());
                if entries.len() < limits::FRAMES_PAGE {
                    self.next = Instant::now() + limits::FRAMES_EVERY;
                }
                Some(self.frames(&entries))
            }
        }
    }

    /// The entries of a bundle: a run of frames, or a gap.
    fn bundled(&mut self, steps: Vec<Step>) -> Bytes {
        if let [Step::Gap { after, resume }] = &steps[..] {
            let data = json!({ "after": after.to_string(), "resume": resume.to_string() });
            return event("gap", &resume.to_string(), &data.to_string());
        }
        if steps.is_empty() {
            self.done = true;
            return event("end", "", "{}");
        }
        let entries: Vec<Arc<Entry>> = steps
            .into_iter()
            .filter_map(|step| match step {
                Step::Frame(entry) => Some(entry),
                Step::Gap { .. } => None,
            })
            .collect();
        self.frames(&entries)
    }

    fn frames(&mut self, entries: &[Arc<Entry>]) -> Bytes {
        let Described { rows, bins } = self.describer.describe(entries, &self.filter);
        let revs = std::mem::take(&mut self.revs);
        let id = match (&self.source, entries.last()) {
            (Source::Log(cursor), _) => cursor.to_string(),
            (_, Some(last)) => last.cursor().to_string(),
            _ => String::new(),
        };
        let data = json!({ "frames": rows, "bins": bins, "revs": revs });
        event("frames", &id, &data.to_string())
    }

    fn instances(&mut self) -> Bytes {
        self.listed = Some(Instant::now());
        let (instances, clocks) = self.engine.read(|state| {
            let all = state.instances.values();
            let clocks = all.clone().map(|one| (one.id.clone(), one.clock_ahead));
            let counters = all.map(|one| InstanceCounters {
                id: one.id.clone(),
                name: one.name.clone(),
                gaps: one.counters.gaps,
                unknown: one.counters.unknown.clone(),
                malformed: one.counters.malformed.clone(),
            });
            let counters: Vec<_> = counters.collect();
            (counters, clocks.collect())
        });
        self.describer.clocks = clocks;
        let instances = match &self.named {
            None => instances,
            Some(named) => named.iter().map(InstanceCounters::of_bundle).collect(),
        };
        let data = serde_json::to_string(&instances).unwrap_or_default();
        // It has no cursor of its own: the last one stays.
        Bytes::from(format!("event: instances\ndata: {data}\n\n"))
    }

    /// Waits for more; `None` at the end.
    async fn wait(&mut self) -> Option<()> {
        let now = Instant::now();
        let listed = self.listed.unwrap_or(now) + limits::FRAMES_COUNTERS;
        let held = self.next > now;
        let until = if held { self.next.min(listed) } else { listed };
        tokio::select! {
            biased;
            _end = self.ending.comes() => None,
            rev = self.changes.changed() => {
                rev.ok()?;
                let rev = self.changes.borrow_and_update().0;
                self.published(rev);
                Some(())
            }
            more = self.newest.changed(), if !held => more.ok(),
            () = sleep_until(until) => Some(()),
        }
    }

    /// Notes when a revision was published; of those within a moment the first.
    fn published(&mut self, rev: u64) {
        let at = self.engine.now().0;
        let apart = |last: &(u64, i64)| at - last.1 >= limits::FRAMES_REVS_APART;
        if self.revs.last().is_none_or(apart) && self.revs.len() < limits::FRAMES_REVS {
            self.revs.push((rev, at));
        }
    }
}

/// Takes the next page of a bundle: a run of frames, or one gap.
fn take_page(steps: &mut VecDeque<Step>) -> Vec<Step> {
    if matches!(steps.front(), Some(Step::Gap { .. })) {
        return steps.pop_front().into_iter().collect();
    }
    let frames = steps.iter().take(limits::FRAMES_PAGE);
    let run = frames.take_while(|step| matches!(step, Step::Frame(_)));
    let run = run.count();
    steps.drain(..run).collect()
}

fn event(name: &str, id: &str, data: &str) -> Bytes {
    Bytes::from(format!("id: {id}\nevent: {name}\ndata: {data}\n\n"))
}
