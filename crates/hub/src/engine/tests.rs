#![allow(clippy::unwrap_used)]
//! What the engine asks supervisors for, and when.

use std::time::Duration;

use model::event::{MessagesRead, ReadPage, Snapshot};
use model::state::{LinkStatus, MessageInfo, Origin, Role, RunStatus, SessionInfo};
use model::time::Timestamp;
use tokio::time::timeout;

use super::*;

/// An engine with one live instance, whose supervisor is the test.
struct Bench {
    engine: Handle,
    feeder: Feeder,
    asked: mpsc::Receiver<SupervisorCommand>,
}

impl Bench {
    async fn new(room: usize) -> Self {
        let engine = start(Clock::new(|| Timestamp(7)), "e1".into());
        let (asks, asked) = mpsc::channel(room);
        let origin = Origin::Url("http://x/".into());
        let feeder = engine.add("i".into(), "i".into(), origin, asks).await;
        let bench = Self {
            engine,
            feeder,
            asked,
        };
        bench.tell([Event::Link(LinkStatus::Connected)]).await;
        bench
    }

    async fn tell(&self, events: impl IntoIterator<Item = Event>) {
        let inbound = events.into_iter().map(Inbound::ours).collect();
        self.feeder.tell(inbound).await;
    }

    async fn watch(&self, session: &str) -> Watched {
        let newest = HistoryDepth::Newest;
        self.engine.watch("i".into(), session.into(), newest).await
    }

    async fn next(&mut self) -> SupervisorCommand {
        let asked = timeout(Duration::from_secs(60), self.asked.recv()).await;
        asked.expect("something is asked for").unwrap()
    }

    async fn until_loaded(&self, session: &str, loaded: bool) {
        let id = session.into();
        let so = |state: &State| {
            let session = state.session(&"i".into(), &id);
            session.is_some_and(|session| session.loaded().is_some() == loaded)
        };
        let until = self.engine.until(so);
        timeout(Duration::from_secs(60), until).await.unwrap();
    }
}

fn info(id: &str) -> SessionInfo {
    SessionInfo {
        directory: "/p".into(),
        ..SessionInfo::bare(id.into(), Timestamp(1))
    }
}

fn snapshot(ids: &[&str]) -> Event {
    Event::Snapshot(Snapshot {
        sessions: ids.iter().map(|id| info(id)).collect(),
        listed: vec!["/p".into()],
        asked: vec!["/p".into()],
        ..Snapshot::default()
    })
}

fn read(page: ReadPage) -> Event {
    Event::MessagesRead(MessagesRead {
        proven: None,
        session: "s".into(),
        messages: vec![],
        older: Some("cursor".into()),
        page,
        todos: None,
    })
}

/// Messages with these numbers: prompts and answers in turn, as conversations have them.
fn more(range: std::ops::Range<usize>) -> Vec<Event> {
    let message = |number: usize| {
        let (id, at) = (format!("m{number:04}"), Timestamp(number as i64));
        let role = match number % 2 {
            0 => Role::User,
            _ => Role::Assistant,
        };
        Event::Message(MessageInfo::bare(id.as_str().into(), "s".into(), role, at))
    };
    range.map(message).collect()
}

fn messages(session: &str) -> SupervisorCommand {
    SupervisorCommand::Messages(session.into())
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_the_state_was_told_is_asked_again_after_it() {
    let mut bench = Bench::new(64).await;
    bench.tell([snapshot(&["s"]), read(ReadPage::Newest)]).await;
    let _watched = bench.watch("s").await;
    bench.tell([Event::StreamLost]).await;
    bench.engine.older("i".into(), "s".into()).await;
    let older = SupervisorCommand::Older("s".into(), "cursor".into());
    assert_eq!(bench.next().await, older);
    bench.tell([snapshot(&["s"])]).await;
    assert_eq!(bench.next().await, messages("s"));
}

#[tokio::test(start_paused = true)]
async fn the_newest_messages_are_read_after_an_older_page() {
    let mut bench = Bench::new(64).await;
    bench.tell([snapshot(&["s"]), read(ReadPage::Newest)]).await;
    bench.engine.older("i".into(), "s".into()).await;
    assert!(matches!(bench.next().await, SupervisorCommand::Older(..)));
    let busy = Event::Status {
        session: "s".into(),
        status: RunStatus::Busy,
    };
    let disposed = Event::DirectoryDisposed("/p".into());
    bench.tell([busy, disposed]).await;
    bench.tell([read(ReadPage::Older("cursor".into()))]).await;
    assert_eq!(bench.next().await, messages("s"));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_an_overrun_supervisor_refused_is_asked_for_again() {
    let mut bench = Bench::new(1).await;
    let created = ["s", "t"].map(|id| Event::SessionCreated(info(id)));
    bench.tell(created).await;
    let _watched = (bench.watch("s").await, bench.watch("t").await);
    bench.tell([Event::StreamLost, snapshot(&["s", "t"])]).await;
    bench.until_loaded("t", false).await;
    assert_eq!(bench.next().await, messages("s"));
    bench.tell([Event::BytesReceived]).await;
    assert_eq!(bench.next().await, messages("t"));
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_read_again_is_kept() {
    let bench = Bench::new(64).await;
    bench.tell([Event::SessionCreated(info("s"))]).await;
    let read = Event::Snapshot(Snapshot::default());
    bench.tell([Event::StreamLost, read]).await;
    bench.tell([Event::SessionCreated(info("t"))]).await;
    bench.until_loaded("t", true).await;
    bench.until_loaded("s", true).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_at_and_could_not_be_read_is_tried_again() {
    let mut bench = Bench::new(64).await;
    bench.tell([snapshot(&["s"])]).await;
    let _watched = bench.watch("s").await;
    assert_eq!(bench.next().await, messages("s"));
    let failed = Event::ReadFailed {
        session: "s".into(),
        reason: "no answer".into(),
    };
    bench.tell([failed]).await;
    assert_eq!(bench.next().await, messages("s"));
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_at_is_cut_once_it_is_too_long_for_those_who_look() {
    let mut bench = Bench::new(64).await;
    bench.tell([Event::SessionCreated(info("s"))]).await;
    let older = bench
        .engine
        .watch("i".into(), "s".into(), HistoryDepth::Older)
        .await;
    let _newest = bench.watch("s").await;
    bench.tell(more(0..limits::WATCHED_MESSAGES)).await;
    tokio::time::sleep(limits::READ_BODIES_AGAIN * 2).await;
    bench
        .tell(more(
            limits::WATCHED_MESSAGES..limits::WATCHED_OLDER_MESSAGES,
        ))
        .await;
    tokio::time::sleep(limits::READ_BODIES_AGAIN * 2).await;
    assert!(bench.asked.try_recv().is_err(), "all of it is looked at");
    bench.tell(more(20_000..20_001)).await;
    assert_eq!(bench.next().await, SupervisorCommand::Trim("s".into()));
    assert_eq!(
        bench.next().await,
        SupervisorCommand::Trim("s".into()),
        "until it is cut"
    );
    let cut = |begins: &str| Event::BodyTrimmed {
        session: "s".into(),
        begins: begins.into(),
        older: "cursor".into(),
    };
    bench.tell([cut("m11000")]).await;
    tokio::time::sleep(limits::READ_BODIES_AGAIN * 2).await;
    assert!(bench.asked.try_recv().is_err(), "it is short enough");
    drop(older);
    assert_eq!(bench.next().await, SupervisorCommand::Trim("s".into()));
    bench.tell([cut("m11900")]).await;
    tokio::time::sleep(limits::READ_BODIES_AGAIN * 2).await;
    assert!(bench.asked.try_recv().is_err());
    let taken_back = SessionInfo {
        reverted_from: Some("m11999".into()),
        ..info("s")
    };
    bench.tell([Event::Session(taken_back)]).await;
    bench.tell(more(21_000..21_100)).await;
    tokio::time::sleep(limits::READ_BODIES_AGAIN * 2).await;
    assert!(bench.asked.try_recv().is_err(), "it could not be cut");
}

fn durable(seq: u64) -> Event {
    Event::Durable {
        session: "s".into(),
        seq,
    }
}

fn folder() -> SupervisorCommand {
    SupervisorCommand::Directory("/p".into())
}

fn folder_read() -> Event {
    Event::DirectoryRead {
        directory: "/p".into(),
        snapshot: Snapshot::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_while_messages_are_read_has_them_read_once_more() {
    let mut bench = Bench::new(64).await;
    bench.tell([snapshot(&["s"]), durable(1)]).await;
    let _watched = bench.watch("s").await;
    assert_eq!(bench.next().await, messages("s"));
    let begun = Event::ReadStarted {
        session: "s".into(),
    };
    bench.tell([begun, durable(3), durable(5)]).await;
    assert_eq!(bench.next().await, folder());
    bench.tell([read(ReadPage::Newest)]).await;
    assert_eq!(bench.next().await, messages("s"));
    bench.tell([read(ReadPage::Newest)]).await;
    bench.until_loaded("s", true).await;
    assert!(
        bench.asked.try_recv().is_err(),
        "two gaps are one more read"
    );
}

#[tokio::test(start_paused = true)]
async fn of_a_folder_one_read_is_under_way_and_at_most_one_due() {
    let mut bench = Bench::new(64).await;
    let begun = || Event::DirectoryReadStarted("/p".into());
    bench.tell([snapshot(&["s"]), durable(1), durable(3)]).await;
    bench.tell([durable(5)]).await;
    assert_eq!(bench.next().await, folder());
    bench.tell([begun(), durable(7), durable(9)]).await;
    bench.tell([folder_read()]).await;
    assert_eq!(bench.next().await, folder());
    bench.tell([begun(), folder_read()]).await;
    bench.tell([Event::SessionCreated(info("end"))]).await;
    bench.until_loaded("end", true).await;
    assert!(bench.asked.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_an_overrun_supervisor_refused_is_asked_for_again() {
    let mut bench = Bench::new(1).await;
    bench.tell([Event::SessionCreated(info("s"))]).await;
    bench.tell([durable(1), durable(3)]).await;
    assert_eq!(bench.next().await, messages("s"));
    assert_eq!(bench.next().await, folder());
}

#[tokio::test(start_paused = true)]
async fn how_a_run_ended_is_asked_until_it_is_known() {
    let mut bench = Bench::new(64).await;
    let busy = Event::Status {
        session: "s".into(),
        status: RunStatus::Busy,
    };
    bench.tell([snapshot(&["s"]), busy]).await;
    bench.tell([Event::StreamLost, snapshot(&["s"])]).await;
    assert_eq!(bench.next().await, messages("s"));
    let failed = Event::ReadFailed {
        session: "s".into(),
        reason: "no answer".into(),
    };
    bench.tell([failed]).await;
    // Nobody looks at it.
    assert_eq!(bench.next().await, messages("s"));
}

#[tokio::test]
async fn an_engine_that_panics_leaves_no_link_that_is_called_connected() {
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let breaks = broken.clone();
    let clock = Clock::new(move || {
        let breaks = breaks.swap(false, std::sync::atomic::Ordering::SeqCst);
        assert!(!breaks, "the clock panics");
        Timestamp(7)
    });
    let engine = start(clock, "e1".into());
    let (asks, _asked) = mpsc::channel(4);
    let origin = Origin::Url("http://x/".into());
    let feeder = engine.add("i".into(), "i".into(), origin, asks).await;
    let live = Event::Link(LinkStatus::Connected);
    feeder.tell(vec![Inbound::ours(live)]).await;
    assert!(engine.is_alive().await);
    assert_eq!(engine.failure(), None);

    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    engine.reviewed("i".into(), "ses_1".into()).await;
    let why = timeout(Duration::from_secs(60), engine.failed()).await;
    assert_eq!(&*why.unwrap(), "the clock panics");
    assert!(!engine.is_alive().await);
    engine.read(|state| {
        let link = &state.instances["i"].link.status;
        let reason = link.reason().expect("no longer connected");
        assert_eq!(reason.kind, ReasonKind::HubFailed);
        assert!(state.notices[0].contains("The hub failed (the clock panics) and ends"));
    });
}

#[tokio::test(start_paused = true)]
async fn of_what_nobody_looks_at_the_one_looked_at_longest_ago_goes_first() {
    let bench = Bench::new(64).await;
    let large = |session: &str, id: &str| {
        let text = "x".repeat(limits::UNWATCHED_BYTES / 3);
        Event::Message(MessageInfo {
            raw: model::json::Json::of(&text.into()),
            ..MessageInfo::bare(id.into(), session.into(), Role::User, Timestamp(1))
        })
    };
    for session in ["never", "first", "last"] {
        bench.tell([Event::SessionCreated(info(session))]).await;
        bench.tell([large(session, "m1")]).await;
    }
    for session in ["first", "last"] {
        drop(bench.watch(session).await);
    }
    // All but fit; those that nobody looked at since change last.
    bench.until_loaded("last", true).await;
    bench
        .tell([large("first", "m2"), large("never", "m3")])
        .await;
    bench.until_loaded("never", false).await;
    bench.until_loaded("first", false).await;
    bench.until_loaded("last", true).await;
}
