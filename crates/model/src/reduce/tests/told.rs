//! What viewers are told of each change, and of servers that share a database or did not answer.

use super::*;
use crate::state::Tokens;

#[test]
fn taking_messages_back_changes_them_for_who_has_them() {
    let mut bench = streaming();
    let back = SessionInfo {
        reverted_from: Some("m".into()),
        ..info("s", None)
    };
    let rows = |seen: ViewDelta| seen.log.unwrap().messages;
    assert!(rows(bench.news([Event::Session(back)]))[0].reverted);
    assert!(!rows(bench.news([Event::Session(info("s", None))]))[0].reverted);
}

#[test]
fn a_server_that_falls_silent_changes_the_lists_of_its_neighbours() {
    let mut bench = Bench::new();
    bench.at("a", snapshot(&["s"]));
    bench.at("b", snapshot(&["s"]));
    let now = bench.state.rev;
    bench.at("a", Event::Link(LinkStatus::Stale));
    let seen = view_delta(&bench.state, &front("b", "s"), now);
    assert_eq!(seen.tree.unwrap().len(), 1);
}

#[test]
fn of_three_servers_of_one_database_one_speaks_for_a_silent_one() {
    let mut bench = Bench::new();
    let (name, origin) = ("c".into(), Origin::Url("c".into()));
    bench.at("c", Event::InstanceAdded { name, origin });
    bench.at("c", Event::Link(LinkStatus::Connected));
    for id in ["a", "b", "c"] {
        bench.at(id, snapshot(&["s"]));
    }
    let shown = |bench: &Bench| ["b", "c"].map(|id| bench.marks(id).len());
    bench.at("a", Event::Link(LinkStatus::Stale));
    assert_eq!(shown(&bench), [1, 0]);
    bench.at("a", Event::InstanceRemoved);
    assert_eq!(shown(&bench), [1, 0]);
    bench.at("b", Event::SessionDeleted("s".into()));
    bench.at("c", Event::SessionDeleted("s".into()));
    assert!(bench.state.owners.is_empty(), "nobody has it any more");
}

#[test]
fn a_child_whose_parent_another_server_shows_is_still_seen() {
    let mut bench = Bench::new();
    bench.at("a", snapshot(&["s"]));
    bench.at("b", snapshot(&["s"]));
    bench.at("b", Event::SessionCreated(info("child", Some("s"))));
    assert_eq!(bench.marks("b"), [("child".to_owned(), 0, Mark::Idle)]);
}

#[test]
fn requests_of_a_folder_that_was_not_asked_still_wait() {
    let mut bench = Bench::new();
    let elsewhere = SessionInfo {
        directory: "/other".into(),
        ..info("o", None)
    };
    bench.a([created("s"), Event::SessionCreated(elsewhere)]);
    bench.a([permission("here", "s"), permission("there", "o")]);
    bench.a([Event::StreamLost, snapshot(&["s"])]);
    let waiting = needs(&bench.state);
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].session.as_str(), "o");
}

#[test]
fn an_end_that_nobody_could_judge_is_judged_after_the_next_connection() {
    let mut bench = streaming();
    bench.a([Event::StreamLost, snapshot(&["s"])]);
    bench.a([Event::StreamLost, snapshot(&["s"])]);
    assert_eq!(
        bench.effects,
        [Effect::ReadMessages("a".into(), "s".into())]
    );
}

#[test]
fn what_could_not_be_read_again_is_not_shown_as_true() {
    let mut bench = streaming();
    let session = || SessionId::from("s");
    let failed = || Event::ReadFailed {
        session: session(),
        reason: "no answer".into(),
    };
    bench.a([failed()]);
    assert!(bench.session("s").loaded().is_some(), "an older page only");
    bench.a([Event::ReadStarted { session: session() }, failed()]);
    assert!(bench.session("s").loaded().is_none());
}

#[test]
fn the_context_in_use_follows_the_conversation() {
    let mut bench = streaming();
    let used = |input| MessageInfo {
        tokens: Tokens {
            input,
            ..Tokens::default()
        },
        ..message("m")
    };
    let seen = bench.news([Event::Message(used(7))]);
    assert_eq!(seen.side.unwrap().context_used, 7);
    assert!(bench.news([delta("p", "two")]).side.is_none());
    bench.a([Event::BodyDropped {
        session: "s".into(),
    }]);
    let seen = bench.news([read(vec![(used(7), vec![])])]);
    assert_eq!(seen.side.unwrap().context_used, 7);
}

#[test]
fn a_request_is_told_again_when_its_session_gets_its_title() {
    let mut bench = Bench::new();
    bench.a([permission("per", "s")]);
    let titled = SessionInfo {
        title: "Mend the roof".into(),
        ..info("s", None)
    };
    let seen = bench.news([Event::Session(titled)]);
    assert_eq!(&*seen.needs.unwrap()[0].title, "Mend the roof");
}

#[test]
fn a_message_whose_standing_changes_is_told_again() {
    let mut bench = streaming();
    let elsewhere = Event::Snapshot(Snapshot {
        sessions: vec![info("s", None)],
        listed: vec!["/p".into()],
        ..Snapshot::default()
    });
    let status = |seen: ViewDelta| seen.log.unwrap().messages[0].status;
    assert_eq!(status(bench.news([elsewhere])), MessageStatus::Unknown);
    let seen = bench.news([idle("s")]);
    assert_eq!(status(seen), MessageStatus::Interrupted);
    bench.a([busy("s"), Event::StreamLost]);
    let later = MessageInfo {
        created: Timestamp(9),
        ..message("n")
    };
    let seen = bench.news([read(vec![
        (message("m"), vec![text("p", "", false)]),
        (later, vec![]),
    ])]);
    assert_eq!(status(seen), MessageStatus::Interrupted);
    let rows = view_delta(&bench.state, &front("a", "s"), Rev(0))
        .log
        .unwrap();
    assert!(
        rows.messages[0].parts[0].cut_off,
        "it will not go on, though its session does"
    );
}

#[test]
fn an_older_page_never_leaves_a_hole() {
    let mut bench = Bench::new();
    let page = |id: &str, page, older: &str| {
        Event::MessagesRead(MessagesRead {
            proven: None,
            session: "s".into(),
            messages: vec![(message(id), vec![])],
            older: Some(older.into()),
            page,
            todos: None,
        })
    };
    bench.a([created("s"), page("m3", ReadPage::Newest, "m3")]);
    bench.a([page("m4", ReadPage::Newest, "m4")]);
    bench.a([page("m2", ReadPage::Older("m3".into()), "m2")]);
    assert_eq!(bench.session("s").loaded().unwrap().messages.len(), 1);
    bench.a([page("m3", ReadPage::Older("m4".into()), "m3")]);
    assert_eq!(bench.session("s").loaded().unwrap().messages.len(), 2);
}
