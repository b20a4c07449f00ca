//! Servers that tell objects in pieces, and whose ids say nothing of an order.

use super::*;
use crate::state::{Place, SessionChange};

fn change(change: SessionChange, at: Option<i64>) -> Event {
    Event::SessionChanged {
        session: "s".into(),
        change,
        at: at.map(Timestamp),
    }
}

fn asked(id: &str) -> Event {
    Event::PermissionAsked(Permission::new(PermissionRequest {
        id: id.into(),
        session: "s".into(),
        permission: "bash".into(),
        patterns: vec!["ls".into()],
        always: Vec::new(),
        tool: None,
        asked: Timestamp(0),
        raw: Json::null(),
    }))
}

#[test]
fn one_thing_of_a_row_changes_and_the_rest_stays() {
    let mut bench = Bench::new();
    bench.a([
        created("s"),
        change(SessionChange::Title("T".into()), Some(9)),
    ]);
    let info = bench.session("s").info.clone();
    assert_eq!((&*info.title, info.updated), ("T", Timestamp(9)));
    assert_eq!(&*info.directory, "/p");
    assert_eq!(info.raw.value()["title"], "T");
    bench.a([
        change(SessionChange::Archived(true), Some(12)),
        change(
            SessionChange::Used {
                cost: 2.0,
                tokens: Default::default(),
            },
            None,
        ),
        // One that was held while the state was read is older.
        change(SessionChange::Touched, Some(3)),
    ]);
    let info = &bench.session("s").info;
    assert_eq!(
        (info.archived, info.cost, info.updated),
        (Some(Timestamp(12)), 2.0, Timestamp(12))
    );
    bench.a([change(SessionChange::Archived(false), Some(13))]);
    assert_eq!(bench.session("s").info.archived, None);
    bench.a([Event::SessionChanged {
        session: "unknown".into(),
        change: SessionChange::Touched,
        at: None,
    }]);
    let read = Effect::ReadSession("a".into(), "unknown".into());
    assert_eq!(bench.effects, [read]);
}

#[test]
fn parts_stand_where_they_began_and_not_by_their_ids() {
    let mut bench = Bench::new();
    let at = |id: &str, place| Part {
        place,
        ..text(id, "x", true)
    };
    bench.a([created("s"), Event::Message(message("m"))]);
    bench.a(["c", "a", "b"].map(|id| Event::Part(at(id, Place::Last))));
    let order = |bench: &Bench| {
        let loaded = bench.session("s").loaded().unwrap();
        let parts = loaded.messages["m"].in_order();
        parts.map(|part| part.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(order(&bench), ["c", "a", "b"]);
    // One that is known keeps its place.
    let news = bench.news([Event::Part(Part {
        kind: text("c", "y", true).kind,
        ..at("c", Place::Last)
    })]);
    assert_eq!(order(&bench), ["c", "a", "b"]);
    let row = &news.log.unwrap().messages[0];
    assert_eq!(row.order, ["c".into(), "a".into(), "b".into()]);
    let read = [("z", 0), ("c", 1)].map(|(id, place)| at(id, Place::At(place)));
    bench.a([
        Event::ReadStarted {
            session: "s".into(),
        },
        Event::Part(at("n", Place::Last)),
        Event::MessagesRead(MessagesRead {
            proven: None,
            session: "s".into(),
            messages: vec![(message("m"), read.to_vec())],
            older: None,
            page: ReadPage::Newest,
            todos: None,
        }),
    ]);
    assert_eq!(order(&bench), ["z", "c", "n"]);
    assert_eq!(
        bench.session("s").loaded().unwrap().messages["m"].parts["n"].place,
        Place::At(2)
    );
}

#[test]
fn messages_of_one_time_stand_by_their_places() {
    let mut bench = Bench::new();
    let tied = |id: &str, tie| Event::Message(MessageInfo { tie, ..message(id) });
    bench.a([created("s"), tied("z", 0), tied("m", 1), tied("a", 2)]);
    let loaded = bench.session("s").loaded().unwrap();
    let order: Vec<_> = loaded
        .in_order()
        .map(|message| message.info.id.to_string())
        .collect();
    assert_eq!(order, ["z", "m", "a"]);
    assert_eq!(loaded.last_assistant().unwrap().info.id.as_str(), "a");
    bench.a([Event::MessageRemoved {
        session: "s".into(),
        message: "m".into(),
    }]);
    assert_eq!(bench.session("s").loaded().unwrap().order.len(), 2);
}

#[test]
fn a_doubted_conversation_is_read_where_it_is_kept() {
    let mut bench = Bench::new();
    let doubted = || Event::ConversationDoubted {
        session: "s".into(),
    };
    bench.a([Event::Session(info("s", None)), doubted()]);
    assert_eq!(bench.effects, []);
    bench.a([
        Event::ReadStarted {
            session: "s".into(),
        },
        doubted(),
    ]);
    let read = Effect::ReadMessages("a".into(), "s".into());
    assert_eq!(bench.effects, [read]);
}

#[test]
fn requests_of_a_folder_go_while_its_runs_go_on() {
    let mut bench = Bench::new();
    bench.a([created("s"), busy("s"), asked("p")]);
    bench.a([Event::RequestsVoid("/elsewhere".into())]);
    assert_eq!(needs(&bench.state).len(), 1);
    bench.a([Event::RequestsVoid("/p".into())]);
    assert_eq!(needs(&bench.state).len(), 0);
    assert!(bench.session("s").run.is_running());
    assert!(
        bench.state.instances[&InstanceId::from("a")]
            .expired
            .is_empty()
    );
}
