#![allow(clippy::unwrap_used)]
//! The supervisor under paused time, against a server that is a script.
// Longer than 600 lines: every way in which a link goes, beside each other.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use model::event::{MessagesRead, Snapshot};
use model::ids::SessionId;
use model::state::{Catalog, Origin, Rev, SessionInfo};
use rand::SeedableRng;
use tokio::sync::watch;

use super::*;
use crate::engine::{self, Handle};
use crate::ingest::dialect::Dialect;
use crate::ingest::upstream::EventBytes;
use crate::record::log::{LogRead, Payload};

/// What makes a stream panic, as a fault of the hub would.
const PANIC: &str = "panic";

/// What the next connection does.
enum Plan {
    Refuse,
    /// Sends these, each after a wait, then ends; or stays open and silent.
    Stream(Vec<(Duration, &'static str)>, After),
}

#[derive(Clone, Copy)]
enum After {
    End,
    Silence,
}

#[derive(Default)]
struct Script {
    plans: Mutex<VecDeque<Plan>>,
    connects: Mutex<Vec<Duration>>,
    healthy: Mutex<VecDeque<bool>>,
    open: Arc<AtomicUsize>,
    released: AtomicUsize,
    /// Never tells its state.
    mute: AtomicBool,
    /// Folders that were read beside the stream.
    folders: Mutex<Vec<String>>,
    /// Sessions that it was asked for.
    asked: AtomicUsize,
    began: Mutex<Option<Instant>>,
}

struct Bytes1 {
    chunks: VecDeque<(Duration, &'static str)>,
    after: After,
    open: Arc<AtomicUsize>,
    due: Option<Instant>,
}

impl Drop for Bytes1 {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl EventBytes for Bytes1 {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        let Some((wait, _)) = self.chunks.front() else {
            return match self.after {
                After::End => Ok(None),
                After::Silence => std::future::pending().await,
            };
        };
        let due = *self.due.get_or_insert_with(|| Instant::now() + *wait);
        tokio::time::sleep_until(due).await;
        self.due = None;
        let (_, text) = self.chunks.pop_front().unwrap();
        assert_ne!(text, PANIC, "a stream panics");
        Ok(Some(Bytes::from(format!("data: {text}\n\n"))))
    }
}

#[derive(Clone)]
struct NoRest(Arc<Script>);

impl Rest for NoRest {
    async fn snapshot(&self, _heard: Vec<Arc<str>>) -> Result<Snapshot, UpstreamError> {
        if self.0.mute.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_millis(100)).await;
        Ok(Snapshot::default())
    }

    async fn directory(&self, directory: Arc<str>) -> Result<Snapshot, UpstreamError> {
        let mut folders = self.0.folders.lock().unwrap();
        folders.push(directory.to_string());
        // The first time, nothing comes of it.
        if folders.len() == 1 {
            return Err(none());
        }
        Ok(Snapshot {
            asked: vec![directory],
            ..Snapshot::default()
        })
    }

    async fn catalog(&self) -> Result<Catalog, UpstreamError> {
        Ok(Catalog::default())
    }

    async fn messages(
        &self,
        _: SessionId,
        _: Option<Arc<str>>,
    ) -> Result<MessagesRead, UpstreamError> {
        Err(none())
    }

    async fn session(&self, _: SessionId) -> Result<SessionInfo, UpstreamError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        Err(none())
    }
}

fn none() -> UpstreamError {
    UpstreamError::NotFound(Reason::new(ReasonKind::NotOpenCode, "none"))
}

impl Upstream for Arc<Script> {
    type Stream = Bytes1;
    type Rest = NoRest;

    async fn connect(&self) -> Result<Connection<Bytes1, NoRest>, UpstreamError> {
        let began = *self.began.lock().unwrap().get_or_insert_with(Instant::now);
        self.connects.lock().unwrap().push(began.elapsed());
        let plan = self
            .plans
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Plan::Refuse);
        let Plan::Stream(chunks, after) = plan else {
            return Err(UpstreamError::down(ReasonKind::Refused, "nothing listens"));
        };
        self.open.fetch_add(1, Ordering::SeqCst);
        let stream = Bytes1 {
            chunks: chunks.into(),
            after,
            open: self.open.clone(),
            due: None,
        };
        Ok(Connection {
            dialect: Dialect::V1,
            version: None,
            stream,
            rest: NoRest(self.clone()),
        })
    }

    async fn is_healthy(&self) -> bool {
        self.healthy.lock().unwrap().pop_front().unwrap_or(false)
    }

    async fn release(&self) {
        self.released.fetch_add(1, Ordering::SeqCst);
    }
}

struct Bench {
    script: Arc<Script>,
    engine: Handle,
    asks: mpsc::Sender<SupervisorCommand>,
    changes: watch::Receiver<Rev>,
    supervisor: tokio::task::JoinHandle<()>,
}

const HELLO: (Duration, &str) = (
    Duration::ZERO,
    r#"{"type":"server.connected","properties":{}}"#,
);

async fn bench(plans: Vec<Plan>, healthy: Vec<bool>) -> Bench {
    bench_with(plans, healthy, Timeouts::default()).await
}

async fn bench_with(plans: Vec<Plan>, healthy: Vec<bool>, timeouts: Timeouts) -> Bench {
    let script = Arc::new(Script {
        plans: Mutex::new(plans.into()),
        healthy: Mutex::new(healthy.into()),
        ..Script::default()
    });
    let clock = Clock::new(|| Timestamp(0));
    let engine = engine::start(clock.clone(), "test".into());
    let (asks, asked) = mpsc::channel(8);
    let id = InstanceId::new("i");
    let feeder = engine
        .add(
            id.clone(),
            "i".into(),
            Origin::Url("http://x/".into()),
            asks.clone(),
        )
        .await;
    let supervisor = Supervisor {
        instance: id,
        upstream: Arc::new(script.clone()),
        feeder,
        asks: asked,
        policy: Policy {
            jitter_percent: 0,
            ..Policy::default()
        },
        timeouts,
        clock,
        random: StdRng::seed_from_u64(1),
        directories: BTreeSet::new(),
    };
    let changes = engine.changes();
    Bench {
        script,
        engine,
        asks,
        changes,
        supervisor: tokio::spawn(supervisor.run()),
    }
}

impl Bench {
    /// Waits until the link is in a state, and tells which.
    async fn link(&mut self, wanted: impl Fn(&LinkStatus) -> bool) -> LinkStatus {
        loop {
            let status = self.engine.read(|state| {
                state
                    .instances
                    .values()
                    .next()
                    .map(|i| i.link.status.clone())
            });
            if let Some(status) = status.filter(|status| wanted(status)) {
                return status;
            }
            timeout(Duration::from_secs(600), self.changes.changed())
                .await
                .expect("the link changes")
                .unwrap();
        }
    }

    fn connects(&self) -> Vec<u64> {
        self.script
            .connects
            .lock()
            .unwrap()
            .iter()
            .map(Duration::as_secs)
            .collect()
    }

    async fn disconnected(&mut self) {
        self.link(|status| matches!(status, LinkStatus::Disconnected { .. }))
            .await;
    }

    async fn connected(&mut self) {
        self.link(|status| *status == LinkStatus::Connected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn five_tries_at_doubling_distance_then_disconnected() {
    let mut bench = bench(vec![], vec![]).await;
    bench.disconnected().await;
    assert_eq!(bench.connects(), [0, 1, 3, 7, 15, 31]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_panics_says_so_and_connects_anew() {
    let fails = || Plan::Stream(vec![HELLO, (Duration::from_secs(1), PANIC)], After::Silence);
    let lives = Plan::Stream(vec![HELLO], After::Silence);
    let mut bench = bench(vec![fails(), fails(), lives], vec![]).await;
    bench.connected().await;
    let shown = bench
        .link(|status| matches!(status, LinkStatus::Error { .. }))
        .await;
    let reason = shown.reason().unwrap();
    assert_eq!(reason.kind, ReasonKind::HubFailed);
    assert!(reason.text.contains("a stream panics"), "{reason}");
    bench
        .link(|status| matches!(status, LinkStatus::Error { attempt: 2, .. }))
        .await;
    bench.connected().await;
    assert_eq!(bench.script.open.load(Ordering::SeqCst), 1);
    bench.asks.send(SupervisorCommand::Stop).await.unwrap();
    bench.supervisor.await.unwrap();
    assert_eq!(bench.script.released.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_given_up_is_only_asked_for_its_health() {
    let plans = (0..6)
        .map(|_| Plan::Refuse)
        .chain([Plan::Stream(vec![HELLO], After::Silence)])
        .collect();
    let mut bench = bench(plans, vec![false, false, true]).await;
    bench.disconnected().await;
    bench.connected().await;
    assert_eq!(bench.connects(), [0, 1, 3, 7, 15, 31, 31 + 180]);
}

#[tokio::test(start_paused = true)]
async fn a_person_can_reconnect_at_any_time() {
    let mut bench = bench(vec![], vec![]).await;
    bench.disconnected().await;
    bench.asks.send(SupervisorCommand::Reconnect).await.unwrap();
    bench
        .link(|status| matches!(status, LinkStatus::Error { attempt: 1, .. }))
        .await;
    bench.disconnected().await;
    assert_eq!(bench.connects()[6..], [31, 32, 34, 38, 46, 62]);
}

#[tokio::test(start_paused = true)]
async fn flapping_does_not_reset_the_backoff() {
    let flap = || Plan::Stream(vec![HELLO, (Duration::from_secs(1), "{}")], After::End);
    let mut bench = bench((0..9).map(|_| flap()).collect(), vec![]).await;
    bench.disconnected().await;
    // Each connection lives 1 s before it ends.
    assert_eq!(bench.connects(), [0, 2, 5, 10, 19, 36]);
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_of_health_reset_the_backoff() {
    let healthy = Plan::Stream(vec![HELLO, (Duration::from_secs(10), "{}")], After::End);
    let mut bench = bench(vec![Plan::Refuse, Plan::Refuse, healthy], vec![]).await;
    bench.connected().await;
    let error = bench
        .link(|status| matches!(status, LinkStatus::Error { .. }))
        .await;
    assert!(
        matches!(error, LinkStatus::Error { attempt: 1, .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_state_cannot_be_read_is_given_up() {
    let mute = || {
        let beats = (0..8).map(|_| (Duration::from_secs(10), "{}"));
        let frames = std::iter::once(HELLO).chain(beats).collect();
        Plan::Stream(frames, After::Silence)
    };
    let mut bench = bench((0..9).map(|_| mute()).collect(), vec![]).await;
    bench.script.mute.store(true, Ordering::SeqCst);
    bench.disconnected().await;
    assert_eq!(bench.connects().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_before_the_state_is() {
    let mut bench = bench(vec![Plan::Stream(vec![HELLO], After::Silence)], vec![]).await;
    while bench.script.open.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    bench
        .asks
        .send(SupervisorCommand::Session("ses_early".into()))
        .await
        .unwrap();
    bench.connected().await;
    let asked = |script: &Script| script.asked.load(Ordering::SeqCst);
    assert_eq!(asked(&bench.script), 0);
    bench
        .asks
        .send(SupervisorCommand::Session("ses_late".into()))
        .await
        .unwrap();
    // Answered with "not found", which buries the session.
    let buried = |state: &model::State| {
        let mut instances = state.instances.values();
        instances.any(|i| i.tombstones.contains(&"ses_late".into()))
    };
    while !bench.engine.read(buried) {
        tokio::task::yield_now().await;
    }
    assert_eq!(asked(&bench.script), 1);
}

#[tokio::test(start_paused = true)]
async fn more_folders_than_are_read_are_told_with_how_many_are() {
    let frame = |n: usize| {
        let text = format!(
            r#"{{"directory":"/f{n}","payload":{{"type":"lsp.updated","properties":{{}}}}}}"#
        );
        (Duration::ZERO, &*Box::leak(text.into_boxed_str()))
    };
    let cut = |bench: &Bench| {
        bench.engine.read(|state| {
            let notices = model::view::notices(state);
            let cut = state.instances.values().find_map(|one| one.folders_cut);
            assert_eq!(
                cut.is_some(),
                notices
                    .iter()
                    .any(|one| one.contains("more than 32 folders"))
            );
            cut
        })
    };
    for (folders, reported) in [
        (limits::DIRECTORIES, None),
        (limits::DIRECTORIES + 2, Some(limits::DIRECTORIES)),
    ] {
        let frames = std::iter::once(HELLO).chain((0..folders).map(frame));
        let mut bench = bench(vec![Plan::Stream(frames.collect(), After::Silence)], vec![]).await;
        bench.connected().await;
        // All was sent at once: once the link is stale, all was taken.
        bench.link(|status| *status == LinkStatus::Stale).await;
        assert_eq!(cut(&bench), reported);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_stale_and_then_the_end() {
    let mut bench = bench(vec![Plan::Stream(vec![HELLO], After::Silence)], vec![]).await;
    bench.connected().await;
    let began = Instant::now();
    bench.link(|status| *status == LinkStatus::Stale).await;
    // The link was alive when it opened, 350 ms before its state was read.
    assert_eq!(began.elapsed().as_millis().div_ceil(500) * 500, 25_000);
    let error = bench
        .link(|status| matches!(status, LinkStatus::Error { .. }))
        .await;
    assert_eq!(began.elapsed().as_millis().div_ceil(500) * 500, 45_000);
    let LinkStatus::Error { reason, .. } = error else {
        panic!("matched above")
    };
    assert_eq!(reason.kind, ReasonKind::Silent);
    assert!(reason.text.starts_with("no data was received for 45 s"));
    assert_eq!(bench.script.open.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stale_link_that_speaks_is_connected_again() {
    let stream = Plan::Stream(vec![HELLO, (Duration::from_secs(30), "{}")], After::Silence);
    let mut bench = bench(vec![stream], vec![]).await;
    bench.link(|status| *status == LinkStatus::Stale).await;
    bench.connected().await;
    assert_eq!(bench.connects(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_first_event_is_given_up() {
    let mut bench = bench(vec![Plan::Stream(vec![], After::Silence)], vec![]).await;
    let error = bench
        .link(|status| matches!(status, LinkStatus::Error { .. }))
        .await;
    let LinkStatus::Error { reason, .. } = error else {
        panic!("matched above")
    };
    assert_eq!(reason.kind, ReasonKind::Timeout);
    assert!(reason.text.contains("nothing within 3 s"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_the_state_is_read_is_not_lost() {
    let created = r#"{"type":"session.created","properties":{"info":{"id":"ses_1","title":"early","time":{"created":1,"updated":1}}}}"#;
    let stream = Plan::Stream(
        vec![HELLO, (Duration::from_millis(10), created)],
        After::Silence,
    );
    let mut bench = bench(vec![stream], vec![]).await;
    bench.connected().await;
    let titles = bench.engine.read(|state| {
        let sessions = state.instances.values().flat_map(|i| i.sessions.values());
        sessions
            .map(|session| session.info.title().to_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(titles, ["early"]);
    // Two events, and the hub's own word before and after them.
    assert_eq!(bench.engine.log().end().seq, 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_on_a_stream_that_breaks_too_early_is_in_the_log_alone() {
    let created = r#"{"type":"session.created","properties":{"info":{"id":"ses_1","title":"early","time":{"created":1,"updated":1}}}}"#;
    let soon = Duration::from_millis(10);
    let broken = Plan::Stream(vec![HELLO, (soon, created), (soon, "{odd")], After::End);
    let whole = Plan::Stream(vec![HELLO], After::Silence);
    let mut bench = bench(vec![broken, whole], vec![]).await;
    bench.connected().await;
    let log = bench.engine.log();
    let Some(LogRead::Entries(entries)) = log.read(&log.begin(), 100) else {
        panic!("the log begins here");
    };
    let payloads: Vec<_> = entries
        .into_iter()
        .map(|entry| entry.payload.clone())
        .collect();
    let upstream: Vec<_> = payloads
        .iter()
        .filter_map(|payload| match payload {
            Payload::Upstream(text) => Some(&**text),
            _ => None,
        })
        .collect();
    assert_eq!(upstream, [HELLO.1, created, "\"{odd\"", HELLO.1]);
    // Connecting, then what was received, and only then that it ended.
    let ours = payloads
        .iter()
        .position(|payload| matches!(payload, Payload::Hub(word) if word.contains("error")));
    assert_eq!(ours, Some(4), "{payloads:?}");
    let known = bench.engine.read(|state| {
        let mut instances = state.instances.values();
        instances.any(|instance| !instance.sessions.is_empty())
    });
    assert!(!known, "nothing is folded without a state to begin from");
}

#[tokio::test(start_paused = true)]
async fn stopping_closes_the_stream_and_lets_go_of_the_server() {
    let mut bench = bench(vec![Plan::Stream(vec![HELLO], After::Silence)], vec![]).await;
    bench.connected().await;
    assert_eq!(bench.script.open.load(Ordering::SeqCst), 1);
    bench.asks.send(SupervisorCommand::Stop).await.unwrap();
    bench.supervisor.await.unwrap();
    assert_eq!(bench.script.open.load(Ordering::SeqCst), 0);
    assert_eq!(bench.script.released.load(Ordering::SeqCst), 1);
}

fn nudge(bench: &Bench) {
    bench.asks.try_send(SupervisorCommand::Nudge).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_dies_while_the_state_is_read_is_noticed() {
    let mut bench = bench(vec![Plan::Stream(vec![HELLO], After::Silence)], vec![]).await;
    bench.script.mute.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let error = bench
        .link(|status| matches!(status, LinkStatus::Error { .. }))
        .await;
    assert_eq!(error.reason().unwrap().kind, ReasonKind::Silent);
    assert_eq!(began.elapsed().as_secs(), 45);
}

#[tokio::test(start_paused = true)]
async fn silence_means_what_is_set() {
    let timeouts = Timeouts::new(Duration::from_secs(12), Duration::from_secs(20)).unwrap();
    let stream = Plan::Stream(vec![HELLO], After::Silence);
    let mut bench = bench_with(vec![stream], vec![], timeouts).await;
    bench.connected().await;
    let began = Instant::now();
    bench.link(|status| *status == LinkStatus::Stale).await;
    assert_eq!(began.elapsed().as_millis().div_ceil(500) * 500, 12_000);
    let error = bench
        .link(|status| matches!(status, LinkStatus::Error { .. }))
        .await;
    let text = &error.reason().unwrap().text;
    assert!(text.starts_with("no data was received for 20 s"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_nudge_is_cause_for_a_try_at_once() {
    let mut bench = bench(vec![], vec![]).await;
    bench.disconnected().await;
    nudge(&bench);
    bench
        .link(|status| matches!(status, LinkStatus::Error { attempt: 5, .. }))
        .await;
    bench.disconnected().await;
    // One try at once, and one more at the longest wait.
    assert_eq!(bench.connects()[6..], [31, 47]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_nudges_is_no_storm_of_tries() {
    let mut bench = bench(vec![], vec![]).await;
    bench.disconnected().await;
    for _ in 0..600 {
        sleep(Duration::from_millis(100)).await;
        nudge(&bench);
    }
    let tries = bench.connects().len() - 6;
    assert!((5..=7).contains(&tries), "{tries} in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_nudged_has_to_be_heard_soon() {
    let beats = (0..3).map(|_| (Duration::from_secs(10), "{}"));
    let beating = Plan::Stream([HELLO].into_iter().chain(beats).collect(), After::Silence);
    let mut bench = bench(vec![beating], vec![]).await;
    bench.connected().await;
    let began = Instant::now();
    sleep(Duration::from_secs(3)).await;
    nudge(&bench);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(bench.connects(), [0], "it was received in time");
    sleep(Duration::from_secs(12)).await;
    nudge(&bench);
    let error = bench
        .link(|status| matches!(status, LinkStatus::Error { .. }))
        .await;
    assert_eq!(error.reason().unwrap().kind, ReasonKind::Silent);
    assert_eq!(began.elapsed().as_secs(), 35 + 12);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_heard_of_is_read_beside_the_stream() {
    let elsewhere = r#"{"directory":"/other","payload":{"type":"session.status","properties":{"sessionID":"ses_o","status":{"type":"busy"}}}}"#;
    let global = r#"{"directory":"global","payload":{"type":"x","properties":{}}}"#;
    let stream = Plan::Stream(
        vec![
            HELLO,
            (Duration::from_secs(1), global),
            (Duration::from_secs(1), elsewhere),
        ],
        After::Silence,
    );
    let mut bench = bench(vec![stream], vec![]).await;
    bench.connected().await;
    while bench.script.folders.lock().unwrap().len() < 2 {
        sleep(Duration::from_millis(100)).await;
    }
    let folders = bench.script.folders.lock().unwrap().clone();
    assert_eq!(folders, ["/other", "/other"], "it failed once");
    let asked = |state: &model::State| {
        let asked = &state.instances.values().next().unwrap().asked;
        asked.folders.contains("/other")
    };
    timeout(Duration::from_secs(60), async {
        while !bench.engine.read(asked) {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("the folder is read");
}
