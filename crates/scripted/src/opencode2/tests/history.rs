//! Inboxes and histories.

use super::*;

#[test]
fn a_prompt_counts_once_by_its_id() {
    let mut lab = Lab::new();
    let (session, other) = (lab.session(), lab.session());
    let send = |lab: &mut Lab, to: &str, text: &str| {
        let body = json!({ "id": "msg_1", "text": text, "delivery": "queue" });
        lab.with_world(|world| world.prompt(to, &body))
    };
    let first = send(&mut lab, &session, "say one").unwrap();
    assert_eq!(send(&mut lab, &session, "say two").unwrap(), first);
    lab.settle();
    assert_eq!(
        send(&mut lab, &session, "say three").unwrap(),
        first,
        "also once it is delivered"
    );
    lab.settle();
    assert_eq!(lab.texts(&session), ["say one"]);
    assert_eq!(lab.store.sessions[&session].messages[0]["id"], "msg_1");
    assert!(matches!(
        send(&mut lab, &other, "x"),
        Err(Refusal::Conflict(_))
    ));
    let kind = lab.with_world(|world| world.compact(&session, &json!({ "id": "msg_1" })));
    assert!(matches!(kind, Err(Refusal::Conflict(_))));
    let again = lab
        .with_world(|world| world.create(&json!({ "id": session })))
        .unwrap();
    assert_eq!(again, session);
}

#[test]
fn steering_goes_into_the_turn_and_queueing_behind_it() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "bash sleep 5 ;; say first");
    lab.pass(1000);
    let send = |lab: &mut Lab, text: &str, delivery: &str| {
        let body = json!({ "text": text, "delivery": delivery });
        lab.with_world(|world| world.prompt(&session, &body))
            .unwrap()
    };
    send(&mut lab, "say queued", "queue");
    send(&mut lab, "say steered", "steer");
    let away = send(&mut lab, "say gone", "queue")["id"].clone();
    let later = send(&mut lab, "say later", "steer")["id"].clone();
    let (away, later) = (away.as_str().unwrap(), later.as_str().unwrap());
    lab.with_world(|world| world.cancel(&session, away))
        .unwrap();
    lab.with_world(|world| world.set_delivery(&session, later, &json!({ "delivery": "queue" })))
        .unwrap();
    assert_eq!(lab.store.sessions[&session].inbox.len(), 3);
    lab.settle();
    let texts = [
        "bash sleep 5 ;; say first",
        "say steered",
        "say queued",
        "say later",
    ];
    assert_eq!(lab.texts(&session), texts);
    assert!(lab.store.sessions[&session].inbox.is_empty());
    assert_eq!(lab.with_world(|world| world.cancel(&session, away)), Ok(()));
    let gone =
        lab.with_world(|world| world.set_delivery(&session, away, &json!({ "delivery": "queue" })));
    assert!(matches!(gone, Err(Refusal::Conflict(_))));
}

#[test]
fn an_interrupt_parks_the_inbox() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "bash sleep 50");
    lab.pass(1000);
    let send = |lab: &mut Lab, text: &str, delivery: &str| {
        let body = json!({ "text": text, "delivery": delivery });
        lab.with_world(|world| world.prompt(&session, &body))
            .unwrap();
    };
    send(&mut lab, "say queued", "queue");
    lab.with_world(|world| world.interrupt(&session, false))
        .unwrap();
    lab.settle();
    assert_eq!(lab.texts(&session).len(), 1, "nothing goes on by itself");
    send(&mut lab, "bash sleep 50", "queue");
    lab.pass(1000);
    send(&mut lab, "say steered", "steer");
    lab.with_world(|world| world.interrupt(&session, true))
        .unwrap();
    lab.settle();
    let texts = lab.texts(&session);
    assert!(texts.contains(&"say steered"), "{texts:?}");
}

#[test]
fn a_fork_copies_what_is_settled_and_its_numbers_jump() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "say a");
    lab.settle();
    let fork = lab
        .with_world(|world| world.fork(&session, &json!({})))
        .unwrap();
    let child = &lab.store.sessions[&fork];
    assert_eq!(child.messages.len(), 3);
    assert_eq!(child.last, Some(3), "past what was copied");
    assert_eq!(child.info["title"], "t (fork #1)");
    assert_eq!(child.info["fork"]["sessionID"], session.as_str());
    assert!(child.info["parentID"].is_null());
    assert!(
        child
            .messages
            .iter()
            .all(|message| message["id"].as_str().unwrap().contains('_'))
    );
    let second = lab.store.sessions[&session].messages[1]["id"].clone();
    let before = lab
        .with_world(|world| world.fork(&session, &json!({ "before": second })))
        .unwrap();
    assert_eq!(lab.messages(&before), ["user"]);
    let nowhere = lab.with_world(|world| world.fork(&session, &json!({ "before": "x" })));
    assert!(matches!(nowhere, Err(Refusal::NoMessage(..))));
    lab.prompt(&fork, "say b");
    lab.settle();
    let numbers = lab
        .frames
        .iter()
        .filter(|frame| frame["durable"]["aggregateID"] == fork.as_str());
    let numbers: Vec<u64> = numbers
        .map(|frame| frame["durable"]["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers[..2], [0, 4]);
}

#[test]
fn messages_are_taken_back_in_steps() {
    let mut lab = Lab::new();
    let session = lab.session();
    for text in ["say a", "say b"] {
        lab.prompt(&session, text);
        lab.settle();
        lab.now += 1000;
    }
    let at = lab.store.sessions[&session].messages[3]["id"].clone();
    let stage = json!({ "messageID": at });
    lab.with_world(|world| world.stage(&session, &stage))
        .unwrap();
    assert_eq!(lab.row(&session)["revert"]["messageID"], at);
    lab.with_world(|world| world.clear(&session)).unwrap();
    assert!(lab.row(&session)["revert"].is_null());
    lab.with_world(|world| world.stage(&session, &stage))
        .unwrap();
    lab.with_world(|world| world.commit_revert(&session))
        .unwrap();
    assert_eq!(lab.messages(&session), ["user", "assistant", "idle"]);
    let first = lab.store.sessions[&session].messages[0]["id"].clone();
    lab.with_world(|world| world.stage(&session, &json!({ "messageID": first })))
        .unwrap();
    lab.prompt(&session, "bash sleep 9");
    lab.pass(100);
    assert_eq!(
        lab.texts(&session),
        ["bash sleep 9"],
        "the next prompt commits"
    );
    let busy = lab.with_world(|world| world.stage(&session, &stage));
    assert_eq!(busy, Err(Refusal::Busy(session.clone())));
}

#[test]
fn a_history_is_compacted_once_at_a_time() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "bash sleep 3");
    lab.pass(100);
    let item = lab
        .with_world(|world| world.compact(&session, &json!({})))
        .unwrap();
    let second = lab.with_world(|world| world.compact(&session, &json!({})));
    assert!(matches!(second, Err(Refusal::Conflict(_))));
    lab.settle();
    let messages = &lab.store.sessions[&session].messages;
    let made = messages
        .iter()
        .find(|message| message["type"] == "compaction")
        .unwrap();
    assert_eq!(
        (&made["id"], &made["status"]),
        (&item["id"], &json!("completed"))
    );
    assert!(made["summary"].as_str().unwrap().starts_with("## Goal"));
}

#[test]
fn rows_change_and_go_with_those_that_belong_to_them() {
    let mut lab = Lab::new();
    let session = lab.session();
    let child = lab
        .with_world(|world| world.create(&json!({ "parentID": session })))
        .unwrap();
    lab.with_world(|world| world.change(&session, &json!({ "title": "new", "archived": true })))
        .unwrap();
    lab.with_world(|world| world.select(&session, "agent", &json!("plan")))
        .unwrap();
    lab.with_world(|world| world.view(&session, &json!({ "idle": 5.5 })))
        .unwrap();
    lab.with_world(|world| world.view(&session, &json!({ "idle": 4 })))
        .unwrap();
    let row = lab.row(&session);
    assert_eq!(
        (&row["title"], &row["agent"]),
        (&json!("new"), &json!("plan"))
    );
    assert!(row["time"]["archived"].is_number());
    assert_eq!(row["time"]["viewed"], 5.5, "never back");
    lab.with_world(|world| world.change(&session, &json!({ "archived": false })))
        .unwrap();
    assert!(lab.row(&session)["time"]["archived"].is_null());
    lab.kinds();
    lab.with_world(|world| world.delete(&session)).unwrap();
    assert_eq!(lab.frames.len(), 2, "one event for each");
    assert!(lab.store.sessions.is_empty());
    let gone = lab.with_world(|world| world.delete(&child));
    assert_eq!(gone, Err(Refusal::NoSession(child)));
}

#[test]
fn a_process_that_comes_after_a_killed_one_fails_its_tools() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "bash sleep 50");
    lab.pass(1000);
    let mut next = Lab::on(std::mem::take(&mut lab.store), 0.0, 8);
    next.now = lab.now;
    assert_eq!(
        next.store.sessions[&session].messages[1]["content"][0]["state"]["status"],
        "running"
    );
    next.prompt(&session, "say on");
    next.settle();
    let step = &next.store.sessions[&session].messages[1];
    assert_eq!(step["content"][0]["state"]["status"], "error");
    assert!(step["time"]["completed"].is_number());
}

#[test]
fn sessions_of_version_1_come_without_an_event() {
    let mut lab = Lab::new();
    lab.store.legacy = vec!["old".into(), "older".into()];
    lab.store.legacy_total = 2;
    assert_eq!(lab.store.migration()["status"], "running");
    lab.machine
        .timers
        .push((0, super::super::machine::Timer::Migrate));
    lab.settle();
    assert_eq!(lab.store.migration(), json!({ "status": "completed" }));
    assert!(lab.store.sessions.len() == 2 && lab.frames.is_empty());
}
