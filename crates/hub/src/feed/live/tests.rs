#![allow(clippy::unwrap_used)]
//! Viewers of every patience, under paused time.
// Longer than 600 lines: every way in which a viewer is served, beside each other.

use std::time::Duration;

use model::Event;
use model::event::{MessagesRead, ReadPage};
use model::ids::InstanceId;
use model::json::Json;
use model::state::{LinkStatus, MessageInfo, Origin, Part, PartKind, Role, SessionInfo};
use model::text::Delta;
use model::time::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::clock::Clock;
use crate::engine::SupervisorCommand;
use crate::engine::{self, Feeder, Handle, Inbound};
use crate::feed::Drawing;

/// A link that holds so many frames: a viewer that does not read blocks the next.
struct Memory {
    to_viewer: mpsc::Sender<String>,
    from_viewer: mpsc::Receiver<String>,
}

impl ViewerLink for Memory {
    async fn send(&mut self, text: String) -> bool {
        self.to_viewer.send(text).await.is_ok()
    }

    async fn receive(&mut self) -> Option<String> {
        self.from_viewer.recv().await
    }
}

struct Bench {
    engine: Handle,
    feeder: Feeder,
    frames: mpsc::Receiver<String>,
    say: mpsc::Sender<String>,
    viewer: tokio::task::JoinHandle<()>,
    asked: mpsc::Receiver<SupervisorCommand>,
    renderer: Arc<Renderer>,
    live: LiveShared,
}

async fn bench() -> Bench {
    bench_with(1).await
}

async fn bench_with(frames: usize) -> Bench {
    let engine = engine::start(Clock::new(|| Timestamp(7)), "e1".into());
    let (asks, asked) = mpsc::channel(64);
    let id = InstanceId::new("i");
    let feeder = engine
        .add(id, "proj".into(), Origin::Url("http://x/".into()), asks)
        .await;
    let (to_viewer, frames) = mpsc::channel(frames);
    let (say, from_viewer) = mpsc::channel(64);
    let renderer = Arc::new(Renderer::new());
    let live = LiveShared::new(engine.clone(), renderer.clone(), Drawing::on_threads());
    let viewer = tokio::spawn(live.clone().serve(Memory {
        to_viewer,
        from_viewer,
    }));
    let mut bench = Bench {
        engine,
        feeder,
        frames,
        say,
        viewer,
        asked,
        renderer,
        live,
    };
    assert_eq!(bench.next().await["t"], "hello");
    bench
        .tell([
            Event::Link(LinkStatus::Connected),
            Event::SessionCreated(info()),
            Event::Message(message()),
            Event::Part(text()),
        ])
        .await;
    bench
}

impl Bench {
    async fn next(&mut self) -> Value {
        let text = timeout(Duration::from_secs(60), self.frames.recv())
            .await
            .expect("a frame comes")
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The next frame that is no beat.
    async fn news(&mut self) -> Value {
        for _ in 0..20 {
            let frame = self.next().await;
            if frame["t"] != "beat" {
                return frame;
            }
        }
        panic!("nothing but beats")
    }

    /// Takes a batch, and asks for the next ones no sooner than so long after one another.
    async fn take(&mut self, every: Duration) -> u64 {
        let rev = self.news().await[1].as_u64().unwrap();
        let every = u64::try_from(every.as_millis()).unwrap();
        self.say(json!({"t": "ack", "rev": rev, "every": every}))
            .await;
        rev
    }

    async fn tell(&self, events: impl IntoIterator<Item = Event>) {
        self.feeder
            .tell(events.into_iter().map(Inbound::ours).collect())
            .await;
    }

    async fn look(&self, rev: u64, hidden: bool) {
        self.say(json!({"t": "look", "n": 1, "epoch": "e1", "rev": rev, "instance": "i", "session": "s", "from": null, "hidden": hidden})).await;
    }

    async fn say(&self, said: Value) {
        self.say.send(said.to_string()).await.unwrap();
    }

    async fn grow(&self, by: &str) {
        self.tell([Event::PartDelta {
            session: "s".into(),
            message: "m".into(),
            part: "p".into(),
            delta: Delta::from(by),
        }])
        .await;
    }

    fn rev(&self) -> u64 {
        self.engine.read(|state| state.rev.0)
    }

    async fn reaches(&self, rev: u64) {
        let mut changes = self.engine.changes();
        changes.wait_for(|now| now.0 >= rev).await.unwrap();
    }
}

fn info() -> SessionInfo {
    SessionInfo {
        title: "title".into(),
        ..SessionInfo::bare("s".into(), Timestamp(1))
    }
}

fn message() -> MessageInfo {
    MessageInfo::bare("m".into(), "s".into(), Role::Assistant, Timestamp(1))
}

fn text() -> Part {
    Part {
        place: Default::default(),
        id: "p".into(),
        message: "m".into(),
        session: "s".into(),
        kind: PartKind::Text {
            text: "".into(),
            synthetic: false,
            ignored: false,
            ended: false,
        },
        raw: Json::null(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_gets_everything_once_and_then_what_changed() {
    let mut bench = bench().await;
    bench.look(0, false).await;
    let all = bench.news().await;
    assert!(all.to_string().contains("title"), "{all}");
    bench.grow("first words").await;
    let change = bench.news().await;
    assert_eq!(change[0], 1);
    assert!(
        change.to_string().contains("first words") && !change.to_string().contains("title"),
        "{change}"
    );
    assert_eq!(change[1], bench.rev());
}

#[tokio::test(start_paused = true)]
async fn documents_and_fragments_share_the_rows_of_live_viewers() {
    let mut bench = bench().await;
    bench.look(0, false).await;
    bench.news().await;
    let made = bench.live.common.made();
    assert!(made > 0, "the viewer has made them");
    let look = Viewport {
        instance: Some("i".into()),
        session: Some("s".into()),
        ..Viewport::default()
    };
    let document = position::open(&bench.live, look.clone(), None).await;
    assert_eq!(document.seen.tree.map(|rows| rows.len()), Some(1));
    let tree = position::element(
        &bench.live,
        page::Language::English,
        look,
        "tree".to_owned(),
        None,
        false,
    )
    .await;
    assert!(tree.is_some());
    assert_eq!(bench.live.common.made(), made);
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_growing_is_named_once_for_each_look() {
    let mut bench = bench().await;
    bench.look(0, false).await;
    bench.news().await;
    let mut kinds = Vec::new();
    for word in ["first", " second", " third", " fourth"] {
        if word == " fourth" {
            let had = bench.rev();
            bench.look(had, false).await;
        }
        bench.grow(word).await;
        let batch = bench.news().await;
        bench.say(json!({"t": "ack", "rev": batch[1]})).await;
        kinds.push(batch[2][0].clone());
    }
    let length = "<p>first second</p>\n".len();
    assert_eq!(kinds, [json!("f"), json!("b"), json!(length), json!("b")]);
}

#[tokio::test(start_paused = true)]
async fn words_are_drawn_where_they_are_found_and_what_takes_long_is_not() {
    let bench = bench().await;
    let look = Viewport {
        instance: Some("i".into()),
        session: Some("s".into()),
        ..Viewport::default()
    };
    let is_light = || {
        let since = Rev(bench.rev() - 1);
        bench
            .engine
            .read(|state| is_light(&view::delta(state, &look, since)))
    };
    let mut words = Vec::new();
    for bytes in [10, limits::DRAWN_AT_ONCE_BYTES - 10, 1] {
        let before = bench.rev();
        bench.grow(&"x".repeat(bytes)).await;
        bench.reaches(before + 1).await;
        words.push(is_light());
    }
    assert_eq!(words, [true, true, false]);
    let mut closed = text();
    closed.kind = PartKind::Text {
        text: "whole".into(),
        synthetic: false,
        ignored: false,
        ended: true,
    };
    let before = bench.rev();
    bench.tell([Event::Part(closed)]).await;
    bench.reaches(before + 1).await;
    assert!(!is_light(), "a finished text is drawn anew");
}

#[tokio::test(start_paused = true)]
async fn a_slow_viewer_skips_what_lies_between_and_ends_at_the_truth() {
    let mut bench = bench().await;
    bench.look(0, false).await;
    bench.news().await;
    let before = bench.rev();
    for _ in 0..1000 {
        bench.grow("word ").await;
    }
    bench.grow("the end").await;
    bench.reaches(before + 1001).await;
    let mut batches = 0;
    let last = loop {
        let batch = bench.news().await;
        batches += 1;
        bench.say(json!({"t": "ack", "rev": batch[1]})).await;
        if batch[1] == bench.rev() {
            break batch;
        }
    };
    assert!(batches <= 4, "{batches} batches for 1001 changes");
    assert!(last.to_string().contains("the end"));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_is_changed_as_seldom_as_it_wants_and_lacks_nothing() {
    let wanted = Duration::from_millis(120);
    let mut bench = bench_with(64).await;
    bench.look(0, false).await;
    bench.take(wanted).await;
    let began = Instant::now();
    let (mut came, mut has) = (Vec::new(), 0);
    while began.elapsed() < Duration::from_secs(3) {
        bench.grow("word ").await;
        if let Ok(rev) = timeout(Duration::from_millis(10), bench.take(wanted)).await {
            came.push(began.elapsed());
            has = rev;
        }
    }
    let shortest = came.windows(2).map(|two| two[1] - two[0]).min().unwrap();
    assert!(shortest >= wanted - Duration::from_millis(10), "{came:?}");
    assert!(came.len() > 20, "{came:?}");
    while has < bench.rev() {
        has = bench.take(wanted).await;
    }
    tokio::time::sleep(limits::VIEWER_RESTS).await;
    let quiet = Instant::now();
    bench.grow("the end").await;
    assert!(bench.news().await.to_string().contains("the end"));
    assert!(quiet.elapsed() <= limits::TICK, "{:?}", quiet.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_asks_for_long_waits_is_changed_after_the_longest() {
    let minute = Duration::from_mins(1);
    let mut bench = bench_with(64).await;
    bench.look(0, false).await;
    bench.take(minute).await;
    bench.grow("one").await;
    bench.take(minute).await;
    let before = Instant::now();
    bench.grow("two").await;
    bench.take(minute).await;
    let waited = before.elapsed();
    assert!(
        waited > limits::TICK * 2 && waited <= limits::VIEWER_RESTS,
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_acknowledges_nothing_is_sent_little() {
    let mut bench = bench_with(64).await;
    bench.look(0, false).await;
    let mut batches = 0;
    for _ in 0..20 {
        bench.grow("x").await;
        if let Ok(Some(frame)) = timeout(Duration::from_millis(100), bench.frames.recv()).await {
            batches += usize::from(frame.starts_with('['));
        }
    }
    assert_eq!(batches, limits::UNACKNOWLEDGED);
    let rev = bench.rev();
    bench.say(json!({"t": "ack", "rev": rev})).await;
    assert_eq!(
        bench.news().await[1],
        rev,
        "an acknowledgement brings the rest"
    );
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_stops_reading_is_closed() {
    let mut bench = bench().await;
    bench.look(0, false).await;
    let closed = timeout(limits::VIEWER_WRITE + limits::BEAT * 2, &mut bench.viewer).await;
    closed.expect("it is closed by its write deadline").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_takes_everything_and_acknowledges_nothing_is_closed() {
    let mut bench = bench_with(64).await;
    bench.look(0, false).await;
    let began = Instant::now();
    let closed = timeout(limits::VIEWER_ACKNOWLEDGES * 2, &mut bench.viewer).await;
    closed.expect("it is closed").unwrap();
    assert!(began.elapsed() >= limits::VIEWER_ACKNOWLEDGES);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_of_another_life_is_told_to_begin_anew() {
    let mut bench = bench().await;
    bench.say(json!({"t": "look", "n": 1, "epoch": "earlier", "rev": 3, "instance": "i", "session": "s", "from": null})).await;
    assert_eq!(bench.news().await["t"], "reset");
    bench.look(1_000_000, false).await;
    assert_eq!(bench.news().await["t"], "reset");
}

#[tokio::test(start_paused = true)]
async fn who_looks_at_an_instance_that_is_removed_is_told_to_begin_anew() {
    let mut bench = bench().await;
    bench.look(0, false).await;
    bench.news().await;
    bench.engine.remove("i".into()).await;
    assert_eq!(bench.news().await["t"], "reset");
}

#[tokio::test(start_paused = true)]
async fn a_hidden_page_gets_beats_and_then_what_it_missed() {
    let mut bench = bench().await;
    bench.reaches(5).await;
    let had = bench.rev();
    bench.look(had, true).await;
    bench.grow("while hidden").await;
    for _ in 0..3 {
        assert_eq!(bench.next().await["t"], "beat");
    }
    bench.look(had, false).await;
    assert!(bench.news().await.to_string().contains("while hidden"));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_with_its_cursor_gets_only_the_difference() {
    let mut bench = bench().await;
    bench.reaches(5).await;
    bench.grow("known ").await;
    bench.reaches(6).await;
    let had = bench.rev();
    bench.grow("missed").await;
    bench.look(had, false).await;
    let batch = bench.news().await;
    assert!(
        batch.to_string().contains("missed") && !batch.to_string().contains("Sessions"),
        "{batch}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_lacks_more_than_a_batch_holds_fetches_the_page() {
    let mut bench = bench().await;
    bench.reaches(5).await;
    let had = bench.rev();
    let long = "word ".repeat(2_000);
    for n in 0..10 {
        let message = MessageInfo::bare(
            format!("m{n}").as_str().into(),
            "s".into(),
            Role::User,
            Timestamp(2 + n),
        );
        let part = Part {
            id: format!("p{n}").as_str().into(),
            message: message.id.clone(),
            kind: PartKind::Text {
                text: long.as_str().into(),
                synthetic: false,
                ignored: false,
                ended: true,
            },
            ..text()
        };
        bench
            .tell([Event::Message(message), Event::Part(part)])
            .await;
    }
    bench.reaches(had + 20).await;
    // Nothing at all is a lack, too.
    for had in [had, 0] {
        bench.look(had, false).await;
        assert_eq!(bench.news().await["t"], "reset");
    }
    // It looks again with the revision of the page that it fetched, and goes on from there.
    let now = bench.rev();
    bench.look(now, false).await;
    bench.grow("onwards").await;
    assert!(bench.news().await.to_string().contains("onwards"));
}

#[tokio::test(start_paused = true)]
async fn nonsense_ends_the_link() {
    let mut bench = bench().await;
    bench.say(json!({"t": "dance"})).await;
    bench.viewer.await.unwrap();
    assert!(bench.frames.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_a_viewer_showed_before_a_gap_is_read_again() {
    let mut bench = bench().await;
    bench
        .tell([Event::MessagesRead(MessagesRead {
            proven: None,
            session: "s".into(),
            messages: vec![(message(), vec![])],
            older: Some("cursor".into()),
            page: ReadPage::Newest,
            todos: None,
        })])
        .await;
    bench.reaches(6).await;
    bench
        .say(json!({"t": "look", "n": 1, "epoch": "e1", "rev": 0, "instance": "i", "session": "s", "from": "older"}))
        .await;
    let asked = timeout(Duration::from_secs(60), bench.asked.recv()).await;
    assert_eq!(
        asked.unwrap(),
        Some(SupervisorCommand::Older("s".into(), "cursor".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_was_let_go_of_comes_back_whole() {
    let mut bench = bench().await;
    bench.look(0, false).await;
    bench.news().await;
    bench
        .tell([Event::BodyDropped {
            session: "s".into(),
        }])
        .await;
    let gone = bench.news().await.to_string();
    assert!(gone.contains(r#"["o","ms",[]]"#), "{gone}");
    let completed = MessageInfo {
        completed: Some(Timestamp(2)),
        ..message()
    };
    let read = MessagesRead {
        proven: None,
        session: "s".into(),
        messages: vec![(completed, vec![text()])],
        older: None,
        page: ReadPage::Newest,
        todos: None,
    };
    bench.tell([Event::MessagesRead(read)]).await;
    let back = bench.news().await.to_string();
    // The page let go of the message with everything in it.
    for part in [
        r#" data-k=\"m:m\" "#,
        r#"["f","<div data-k=\"p:p\" "#,
        r#"["o","ps:m",["p:p"]]"#,
    ] {
        assert!(back.contains(part), "{part} in {back}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_what_does_not_exist_nothing_is_remembered() {
    let mut bench = bench_with(64).await;
    bench.look(0, false).await;
    bench.news().await;
    let before = bench.renderer.bytes();
    assert!(before > 0);
    for nth in 0..50 {
        let (instance, session) = match nth % 2 {
            0 => ("i".to_owned(), format!("made-up-{nth}")),
            _ => (format!("made-up-{nth}"), "s".to_owned()),
        };
        bench.say(json!({"t": "look", "n": nth, "epoch": "e1", "rev": 0, "instance": instance, "session": session, "from": null})).await;
        assert_eq!(bench.news().await[0], nth);
    }
    assert_eq!(bench.renderer.bytes(), before);
    // A name that is too long is no place: nothing is drawn, and the link goes on.
    bench.say(json!({"t": "look", "n": 50, "epoch": "e1", "rev": 0, "instance": "i", "session": "s".repeat(10_000), "from": null})).await;
    bench.look(0, false).await;
    assert_eq!(bench.news().await[0], 1);
    assert_eq!(bench.renderer.bytes(), before);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_asks_is_told_what_to_notify_of_once_and_when_that_is_over() {
    let mut bench = bench_with(8).await;
    bench.say(json!({"t": "notify", "on": true})).await;
    let begin = bench.news().await;
    assert_eq!((&begin["t"], &begin["items"]), (&json!("news"), &json!([])));
    let asked = model::state::Question {
        id: "que_1".into(),
        session: "s".into(),
        items: vec![model::state::QuestionItem {
            header: "H".into(),
            question: "Which one?".into(),
            custom: true,
            ..model::state::QuestionItem::default()
        }],
        tool: None,
        asked: Timestamp(7),
        raw: Json::null(),
    };
    bench.tell([Event::QuestionAsked(asked)]).await;
    let told = bench.news().await;
    assert_eq!(told["items"][0]["kind"], "needs");
    assert_eq!(told["items"][0]["key"], "que_1");
    assert_eq!(told["items"][0]["path"], "/i/i/s/s");
    // What changes nothing of it is not told.
    bench.grow("more").await;
    for _ in 0..3 {
        assert_eq!(bench.next().await["t"], "beat");
    }
    bench.say(json!({"t": "notify", "on": false})).await;
    bench.say(json!({"t": "notify", "on": true})).await;
    assert_eq!(bench.news().await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_with_other_settings_is_told_them_and_every_page_of_a_change() {
    let engine = engine::start(Clock::new(|| Timestamp(7)), "e1".into());
    let (change, settings) = watch::channel(Arc::new(page::Settings::default()));
    let live = LiveShared::new(engine, Arc::default(), Drawing::Here).with_settings(settings);
    let (to_viewer, mut frames) = mpsc::channel(8);
    let (say, from_viewer) = mpsc::channel(8);
    tokio::spawn(live.serve(Memory {
        to_viewer,
        from_viewer,
    }));
    let mut next = async || -> Value {
        loop {
            let frame: Value = serde_json::from_str(&frames.recv().await.unwrap()).unwrap();
            if frame["t"] == "settings" {
                return frame["settings"]["revision"].clone();
            }
        }
    };
    let look = json!({"t": "look", "n": 1, "epoch": "e1", "rev": 0, "hidden": true, "settings": 4});
    say.send(look.to_string()).await.unwrap();
    assert_eq!(next().await, 0);
    change.send_replace(Arc::new(page::Settings {
        revision: 1,
        ..page::Settings::default()
    }));
    assert_eq!(next().await, 1);
}
