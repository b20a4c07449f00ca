//! A server may have any number of sessions and requests, and the state has not.

use super::*;
use crate::limits;
use crate::state::Instance;
use crate::state::PermissionRequest;

fn a(bench: &Bench) -> &Instance {
    &bench.state.instances[&InstanceId::from("a")]
}

fn updated(id: &str, at: usize) -> SessionInfo {
    SessionInfo {
        updated: Timestamp(i64::try_from(at).unwrap()),
        ..info(id, None)
    }
}

fn asks(id: usize, session: usize, bytes: usize) -> Permission {
    Permission::new(PermissionRequest {
        id: format!("per_{id:06}").as_str().into(),
        session: format!("ses_{session:04}").as_str().into(),
        permission: "bash".into(),
        patterns: Vec::new(),
        always: Vec::new(),
        tool: None,
        asked: Timestamp(1),
        raw: Json::of(&serde_json::json!("x".repeat(bytes))),
    })
}

fn left_out(bench: &Bench) -> u64 {
    let counters = &a(bench).counters;
    counters
        .malformed
        .get("beyond a bound")
        .copied()
        .unwrap_or_default()
}

#[test]
fn of_too_many_sessions_those_stay_that_run_or_ask_or_changed_last() {
    let mut bench = Bench::new();
    bench.a([
        Event::Session(updated("runs", 0)),
        Event::Session(updated("ses_0000", 0)),
    ]);
    let status = RunStatus::Busy;
    bench.a([
        Event::Status {
            session: "runs".into(),
            status,
        },
        Event::PermissionAsked(asks(1, 0, 1)),
    ]);
    let last = 3 * limits::SESSIONS;
    bench.a((1..=last).map(|n| Event::SessionCreated(updated(&format!("s{n}"), n))));
    let kept = &a(&bench).sessions;
    assert!(
        kept.len() <= limits::SESSIONS && kept.len() >= limits::SESSIONS - limits::SESSIONS_SLICE
    );
    for id in ["runs", "ses_0000", &format!("s{last}")] {
        assert!(kept.contains_key(id), "{id}");
    }
    assert!(!kept.contains_key("s1"));
    assert_eq!(
        bench.state.owners.len(),
        kept.len(),
        "owners of what is gone"
    );
    assert_eq!(left_out(&bench), (last + 2 - kept.len()) as u64);
    // It is not deleted: what is heard of it has it read again.
    bench.a([Event::Status {
        session: "s1".into(),
        status: RunStatus::Busy,
    }]);
    assert_eq!(
        bench.effects,
        [Effect::ReadSession("a".into(), "s1".into())]
    );
}

#[test]
fn roots_go_last_and_what_is_above_one_that_runs_stays() {
    let mut bench = Bench::new();
    let child = |id: &str, parent: &str, at| SessionInfo {
        parent: Some(parent.into()),
        ..updated(id, at)
    };
    bench.a([
        Event::SessionCreated(updated("root", 1)),
        Event::SessionCreated(child("middle", "root", 2)),
        Event::SessionCreated(child("runs", "middle", 3)),
        Event::Status {
            session: "runs".into(),
            status: RunStatus::Busy,
        },
    ]);
    let roots = 100;
    bench.a((0..roots).map(|n| Event::SessionCreated(updated(&format!("r{n}"), 10 + n))));
    let last = 2 * limits::SESSIONS;
    bench.a((0..last).map(|n| Event::SessionCreated(child(&format!("c{n}"), "r0", 1000 + n))));
    let kept = &a(&bench).sessions;
    for id in ["root", "middle", "runs"] {
        assert!(kept.contains_key(id), "{id}");
    }
    assert!((0..roots).all(|n| kept.contains_key(format!("r{n}").as_str())));
    assert!(!kept.contains_key("c0"));
    // Who asks for older ones finds what went.
    let before = a(&bench).older.get("/p").copied();
    let newest_gone = (0..last)
        .rev()
        .find(|n| !kept.contains_key(format!("c{n}").as_str()));
    let gone_at = newest_gone.map(|n| Timestamp(i64::try_from(1000 + n).unwrap()));
    assert!(
        before > gone_at && gone_at.is_some(),
        "{before:?} {gone_at:?}"
    );
}

#[test]
fn where_a_list_was_cut_is_known_until_it_was_read_on() {
    let mut bench = Bench::new();
    let cut = |at: Option<i64>| {
        Event::Snapshot(Snapshot {
            asked: vec!["/p".into()],
            older: at
                .map(|at| ("/p".into(), Timestamp(at)))
                .into_iter()
                .collect(),
            ..Snapshot::default()
        })
    };
    let older = |sessions, older| Event::OlderSessions {
        directory: "/p".into(),
        sessions,
        older,
    };
    let known = |bench: &Bench| a(bench).older.get("/p").map(|at| at.0);
    bench.a([cut(Some(50))]);
    assert_eq!(known(&bench), Some(50));
    bench.a([older(vec![updated("old", 40)], Some(Timestamp(40)))]);
    assert!(a(&bench).sessions.contains_key("old"));
    // The same list, read again, is cut where it was; what was read beyond that is here.
    bench.a([cut(Some(60))]);
    assert_eq!(known(&bench), Some(40));
    assert!(a(&bench).has_older());
    bench.a([older(Vec::new(), None), cut(Some(60))]);
    assert!(!a(&bench).has_older(), "all of it was read");
    bench.a([cut(None)]);
    assert_eq!(known(&bench), None, "the list is whole now");
    bench.a([cut(Some(50))]);
    assert!(a(&bench).has_older());
}

#[test]
fn where_all_sessions_run_the_newest_is_left_out() {
    let mut bench = Bench::new();
    for n in 0..limits::SESSIONS + 3 {
        let id = format!("s{n}");
        let (session, status) = (id.as_str().into(), RunStatus::Busy);
        bench.a([
            Event::Session(updated(&id, n)),
            Event::Status { session, status },
        ]);
    }
    assert_eq!(a(&bench).sessions.len(), limits::SESSIONS);
    assert!(a(&bench).sessions.contains_key("s0"));
    assert_eq!(left_out(&bench), 3);
}

#[test]
fn requests_are_bounded_whether_told_or_read() {
    let told = |bench: &mut Bench, request| {
        bench.a([Event::PermissionAsked(request)]);
    };
    let read = |bench: &mut Bench, requests: Vec<Permission>| {
        bench.a([Event::Snapshot(Snapshot {
            permissions: requests,
            asked: vec!["/p".into()],
            ..Snapshot::default()
        })]);
    };
    let floods: [(Vec<Permission>, usize); 3] = [
        (
            (0..limits::REQUESTS + 9).map(|n| asks(n, n, 1)).collect(),
            limits::REQUESTS,
        ),
        (
            (0..limits::REQUESTS).map(|n| asks(n, 0, 1)).collect(),
            limits::REQUESTS_OF_SESSION,
        ),
        (
            (0..40).map(|n| asks(n, n, (1 << 20) - 2)).collect(),
            limits::REQUESTS_BYTES >> 20,
        ),
    ];
    for (flood, most) in floods {
        let (mut one, mut other) = (Bench::new(), Bench::new());
        flood
            .iter()
            .for_each(|request| told(&mut one, request.clone()));
        read(&mut other, flood.clone());
        for bench in [&one, &other] {
            assert_eq!(a(bench).permissions.len(), most);
            assert!(a(bench).permissions.contains_key("per_000000"));
            assert_eq!(left_out(bench), (flood.len() - most) as u64);
        }
        // One that goes makes room for the next.
        let next = asks(900_000, 900, 1);
        one.a([Event::PermissionReplied("per_000000".into(), Outcome::Once)]);
        told(&mut one, next.clone());
        assert!(a(&one).permissions.contains_key(&next.id));
    }
}
