//! What a hub before this one knew: it adds to what servers tell, and never contradicts them.

use std::collections::BTreeMap;

use super::*;
use crate::event::Recalled;
use crate::text::OpenText;

fn remembered(running: bool) -> Event {
    let mut text = OpenText::starting_with("beginning");
    text.mark_gap();
    let session = Recalled {
        open: BTreeMap::from([("p".into(), text)]),
        running,
        ..Recalled::default()
    };
    Event::Recalled(BTreeMap::from([("s".into(), session)]))
}

fn running() -> Event {
    let Event::Snapshot(listed) = snapshot(&["s"]) else {
        panic!("it is one")
    };
    Event::Snapshot(Snapshot {
        statuses: BTreeMap::from([("s".into(), RunStatus::Busy)]),
        ..listed
    })
}

#[test]
fn a_text_goes_on_after_its_gap_and_its_closing_update_replaces_it() {
    let mut bench = Bench::new();
    bench.a([remembered(true), running()]);
    bench.a([read(vec![(message("m"), vec![text("p", "", false)])])]);
    bench.a([delta("p", "end")]);
    let known = |text: &str| Segment::Known(text.into());
    assert_eq!(
        bench.open("p"),
        [known("beginning"), Segment::Gap, known("end")]
    );
    bench.a([Event::Part(text("p", "beginning, middle, end", true))]);
    assert!(bench.session("s").open.is_empty());
}

#[test]
fn a_text_that_closed_meanwhile_is_dropped() {
    let mut bench = Bench::new();
    bench.a([remembered(true), running()]);
    bench.a([read(vec![(message("m"), vec![text("p", "whole", true)])])]);
    assert!(bench.session("s").open.is_empty());
}

#[test]
fn what_ran_and_runs_no_more_is_judged_by_what_is_read() {
    let mut bench = Bench::new();
    bench.a([remembered(true), snapshot(&["s"])]);
    assert_eq!(
        bench.effects,
        [Effect::ReadMessages("a".into(), "s".into())]
    );
    assert_eq!(bench.session("s").run, Run::Unknown);
    bench.a([read(vec![(message("m"), vec![])])]);
    let run = &bench.session("s").run;
    assert!(matches!(run, Run::Interrupted { .. }), "{run:?}");
}

#[test]
fn what_still_runs_runs() {
    let mut bench = Bench::new();
    bench.a([remembered(true), running()]);
    assert!(bench.session("s").run.is_running());
    bench.a([read(vec![(message("m"), vec![])])]);
    assert!(bench.session("s").run.is_running());
}

#[test]
fn what_did_not_run_is_not_judged_and_where_nobody_was_asked_nothing_is() {
    let mut bench = Bench::new();
    bench.a([remembered(false), snapshot(&["s"])]);
    assert_eq!(bench.effects, []);
    let mut bench = Bench::new();
    let Event::Snapshot(listed) = snapshot(&["s"]) else {
        panic!("it is one")
    };
    let unasked = Snapshot {
        asked: Vec::new(),
        ..listed
    };
    bench.a([remembered(true), Event::Snapshot(unasked)]);
    bench.a([read(vec![(message("m"), vec![])])]);
    assert_eq!(bench.session("s").run, Run::Unknown);
    // Asked later, it is judged after all.
    bench.a([Event::StreamLost, snapshot(&["s"])]);
    assert_eq!(
        bench.effects,
        [Effect::ReadMessages("a".into(), "s".into())]
    );
}

#[test]
fn the_server_that_ran_a_session_shows_how_it_ended_unless_another_runs_it_now() {
    let mut bench = Bench::new();
    bench.at("b", snapshot(&["s"]));
    bench.a([remembered(true), snapshot(&["s"])]);
    assert_eq!(bench.state.owners[&SessionId::from("s")], "a".into());
    let mut bench = Bench::new();
    bench.at("b", running());
    bench.a([remembered(true), snapshot(&["s"])]);
    assert_eq!(bench.state.owners[&SessionId::from("s")], "b".into());
}

#[test]
fn a_deleted_session_is_to_be_forgotten_however_it_is_learned() {
    let forget = [Effect::Forget("a".into(), "s".into())];
    let mut bench = Bench::new();
    bench.a([Event::SessionDeleted("s".into())]);
    assert_eq!(bench.effects, forget);
    let mut bench = Bench::new();
    bench.a([snapshot(&["s"]), snapshot(&[]), snapshot(&[])]);
    assert_eq!(bench.effects, forget);
}

#[test]
fn notices_are_told_when_they_change() {
    let mut bench = Bench::new();
    let before = bench.state.rev;
    crate::reduce::notice(&mut bench.state, vec!["full".into()]);
    let seen = view_delta(&bench.state, &front("a", "s"), before);
    assert_eq!(seen.notices, Some(vec!["full".into()]));
    let now = bench.state.rev;
    crate::reduce::notice(&mut bench.state, vec!["full".into()]);
    assert_eq!(
        view_delta(&bench.state, &front("a", "s"), now).notices,
        None
    );
}
