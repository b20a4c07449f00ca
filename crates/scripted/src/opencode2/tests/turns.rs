//! Turns in the order of their events.

use super::*;

#[test]
fn a_turn_in_its_order() {
    let mut lab = Lab::new();
    let session = lab.with_world(|world| world.create(&json!({}))).unwrap();
    lab.prompt(&session, "reason 3 ;; say hello there ;; bash echo hi");
    lab.settle();
    let step = [
        "step.started",
        "text.started",
        "text.delta",
        "text.ended",
        "step.streamed",
        "step.ended",
    ];
    let mut wanted = vec![
        "model.updated",
        "created",
        "inbox.enqueued",
        "execution.started",
        "instructions.updated",
        "renamed",
        // What was recorded for the title stands in the log alone.
        "usage.updated",
        "inbox.delivered",
        "step.started",
        "reasoning.started",
        "reasoning.delta",
        "reasoning.ended",
        "text.started",
        "text.delta",
        "text.ended",
        "tool.input.started",
        "tool.input.ended",
        "tool.called",
        "step.streamed",
        "tool.progress",
        "tool.success",
        "step.ended",
        "usage.updated",
    ];
    wanted.extend(step);
    wanted.extend(["usage.updated", "execution.succeeded"]);
    assert_eq!(lab.kinds(), wanted);
    let kinds = ["user", "assistant", "assistant", "idle"];
    assert_eq!(lab.messages(&session), kinds);
    let row = lab.row(&session);
    assert_eq!(
        (&row["outcome"], &row["title"]),
        (&json!("succeeded"), &json!("Scripted title"))
    );
    assert!(row["time"]["idle"].is_number() && row["cost"].as_f64() > Some(0.0));
    assert!(lab.machine.runs.is_empty());
}

#[test]
fn numbers_count_every_event_and_streams_have_holes() {
    let mut lab = Lab::new();
    let session = lab.with_world(|world| world.create(&json!({}))).unwrap();
    lab.prompt(&session, "say hi");
    lab.settle();
    let kept = &lab.store.sessions[&session];
    let numbers: Vec<u64> = kept
        .log
        .iter()
        .map(|event| event["durable"]["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(kept.last, numbers.last().copied());
    let live: Vec<u64> = lab
        .frames
        .iter()
        .filter_map(|frame| frame["durable"]["seq"].as_u64())
        .collect();
    assert!(live.is_sorted());
    let holes: Vec<_> = numbers.iter().filter(|seq| !live.contains(seq)).collect();
    let at = usize::try_from(*holes[0]).unwrap();
    assert_eq!(
        (holes.len(), &kept.log[at]["type"]),
        (1, &json!("session.usage.recorded"))
    );
}

#[test]
fn what_is_stored_is_what_the_events_say() {
    let mut lab = Lab::new();
    let session = lab.session();
    for text in [
        "reason 5 ;; say a ;; bash echo hi",
        "midfail",
        "error 500 times=1 ;; say b",
        "tool none {}",
    ] {
        lab.prompt(&session, text);
        lab.settle();
    }
    lab.with_world(|world| world.compact(&session, &json!({})))
        .unwrap();
    lab.settle();
    lab.with_world(|world| world.shell(&session, &json!({ "command": "ls" })))
        .unwrap();
    lab.settle();
    let mut again = Store::default();
    for event in &lab.store.sessions[&session].log {
        project::apply(&mut again, event);
    }
    let (kept, made) = (&lab.store.sessions[&session], &again.sessions[&session]);
    assert_eq!(kept.info, made.info);
    assert_eq!(kept.messages, made.messages);
    assert!(kept.messages.len() > 12 && made.inbox.is_empty());
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    let run = || {
        let mut lab = Lab::with(20.0);
        let session = lab.session();
        lab.prompt(&session, "echo 30 ;; bash echo hi");
        lab.settle();
        lab.frames
    };
    assert_eq!(run(), run());
}

#[test]
fn increments_are_gathered_but_for_the_first() {
    let mut lab = Lab::with(50.0);
    let session = lab.session();
    lab.prompt(&session, "echo 21");
    lab.settle();
    let deltas: Vec<_> = lab
        .frames
        .iter()
        .filter(|frame| frame["type"] == "session.text.delta")
        .collect();
    let times: Vec<u64> = deltas
        .iter()
        .map(|delta| delta["created"].as_u64().unwrap())
        .collect();
    assert_eq!(deltas.len(), 5, "one token, then five at once");
    assert_eq!(times[1] - times[0], 20);
    assert!(
        times
            .windows(2)
            .skip(1)
            .all(|pair| pair[1] - pair[0] == 100)
    );
    let text: String = deltas
        .iter()
        .map(|delta| delta["data"]["delta"].as_str().unwrap())
        .collect();
    let ended = lab
        .frames
        .iter()
        .find(|frame| frame["type"] == "session.text.ended")
        .unwrap();
    assert_eq!(ended["data"]["text"], text);
}

#[test]
fn a_failed_step_is_repeated_under_the_same_message() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "error 429 times=2 ;; say there");
    lab.pass(500);
    let message = &lab.store.sessions[&session].messages[1];
    assert_eq!(
        (
            &message["retry"]["attempt"],
            &message["retry"]["error"]["type"]
        ),
        (&json!(1), &json!("provider.rate-limit"))
    );
    lab.settle();
    let started: Vec<_> = lab
        .frames
        .iter()
        .filter(|frame| frame["type"] == "session.step.started")
        .collect();
    assert_eq!(started.len(), 3);
    assert_eq!(
        started[0]["data"]["assistantMessageID"],
        started[2]["data"]["assistantMessageID"]
    );
    assert_eq!(lab.messages(&session), ["user", "assistant", "idle"]);
    assert!(lab.store.sessions[&session].messages[1]["retry"].is_null());
    lab.prompt(&session, "error 500");
    lab.settle();
    assert_eq!(lab.row(&session)["outcome"], "failed");
    let scheduled = lab
        .frames
        .iter()
        .filter(|frame| frame["type"] == "session.retry.scheduled");
    assert_eq!(scheduled.count(), 2 + 4, "four times at most");
    lab.prompt(&session, "say hi ;; midfail ;; say again");
    lab.settle();
    let kinds = lab.messages(&session);
    assert_eq!(
        kinds[kinds.len() - 5..],
        ["user", "assistant", "synthetic", "assistant", "idle"]
    );
}

#[test]
fn an_interrupt_ends_everything_that_is_open() {
    let mut lab = Lab::with(10.0);
    let session = lab.session();
    lab.prompt(&session, "echo 100");
    lab.pass(1000);
    lab.kinds();
    assert!(
        lab.with_world(|world| world.interrupt(&session, false))
            .unwrap()
    );
    let ends = [
        "text.ended",
        "step.streamed",
        "step.failed",
        "execution.interrupted",
    ];
    assert_eq!(lab.kinds(), ends);
    let step = &lab.store.sessions[&session].messages[1];
    assert_eq!(step["error"]["type"], "aborted");
    assert!(!step["content"][0]["text"].as_str().unwrap().is_empty());
    assert!(
        !lab.with_world(|world| world.interrupt(&session, false))
            .unwrap()
    );
    lab.prompt(&session, "bash sleep 100");
    lab.pass(1000);
    lab.kinds();
    lab.with_world(|world| world.interrupt(&session, false))
        .unwrap();
    assert_eq!(
        lab.kinds(),
        ["tool.failed", "step.failed", "execution.interrupted"]
    );
}

#[test]
fn a_waiting_permission_goes_without_a_word_when_its_run_ends() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "permission");
    lab.settle();
    assert_eq!(lab.machine.permissions.len(), 1);
    assert_eq!(lab.kinds().last().unwrap(), "permission.asked");
    lab.with_world(|world| world.interrupt(&session, false))
        .unwrap();
    assert!(lab.machine.permissions.is_empty());
    assert!(
        !lab.kinds()
            .iter()
            .any(|kind| kind.starts_with("permission"))
    );
}

#[test]
fn permissions_are_answered_once_saved_or_rejected_together() {
    let mut lab = Lab::new();
    let session = lab.session();
    let reply = |lab: &mut Lab, decision, message: Option<&str>| {
        let id = lab.machine.permissions[0].body["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let message = message.map(str::to_owned);
        let replied = lab
            .with_world(|world| world.reply_permission(&session, &id, decision, message.clone()));
        assert_eq!(replied, Ok(()));
        let second =
            lab.with_world(|world| world.reply_permission(&session, &id, decision, message));
        assert_eq!(second, Err(Refusal::NoPermission(id)));
        lab.settle();
    };
    let last_tool = |lab: &Lab| {
        let messages = &lab.store.sessions[&session].messages;
        let mut tools = messages
            .iter()
            .filter_map(|one| one["content"][0]["state"].as_object());
        tools.next_back().cloned().map(Value::from).unwrap()
    };
    lab.prompt(&session, "permission rm x");
    lab.settle();
    reply(&mut lab, Decision::Reject, None);
    assert_eq!(last_tool(&lab)["error"]["type"], "permission.rejected");
    assert_eq!(
        lab.messages(&session),
        ["user", "assistant", "idle"],
        "a plain rejection ends the turn"
    );
    lab.prompt(&session, "permission rm x");
    lab.settle();
    reply(&mut lab, Decision::Reject, Some("not that"));
    assert_eq!(last_tool(&lab)["error"]["message"], "not that");
    assert_eq!(
        lab.messages(&session).len(),
        7,
        "with a message the model goes on"
    );
    lab.prompt(&session, "permission rm x");
    lab.settle();
    reply(&mut lab, Decision::Once, None);
    lab.prompt(&session, "permission rm x");
    lab.settle();
    reply(&mut lab, Decision::Always, None);
    assert_eq!(last_tool(&lab)["status"], "completed");
    lab.prompt(&session, "permission rm x");
    lab.settle();
    assert!(lab.machine.permissions.is_empty(), "it is not asked again");
}

#[test]
fn questions_are_forms_with_conditions() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "question Which one?");
    lab.settle();
    let id = lab.machine.forms[0].body["id"].as_str().unwrap().to_owned();
    let answer = |lab: &mut Lab, id: &str, answer: Value| {
        lab.with_world(|world| world.reply_form(&session, id, &answer))
    };
    assert_eq!(
        answer(&mut lab, &id, json!({})),
        Err(Refusal::FormAnswer(id.clone()))
    );
    assert_eq!(
        answer(&mut lab, &id, json!({ "q0": 7 })),
        Err(Refusal::FormAnswer(id.clone()))
    );
    assert_eq!(answer(&mut lab, &id, json!({ "q0": "Red" })), Ok(()));
    assert_eq!(
        answer(&mut lab, &id, json!({ "q0": "Red" })),
        Err(Refusal::FormSettled(id))
    );
    lab.settle();
    assert!(lab.machine.runs.is_empty());
    let fields = json!([
        { "key": "why", "type": "string", "required": true, "when": [{ "key": "sure", "op": "eq", "value": false }] },
        { "key": "sure", "type": "boolean", "required": true },
    ]);
    lab.prompt(
        &session,
        &format!("tool form {}", json!({ "title": "t", "fields": fields })),
    );
    lab.settle();
    let id = lab.machine.forms[1].body["id"].as_str().unwrap().to_owned();
    assert!(answer(&mut lab, &id, json!({ "sure": false })).is_err());
    assert_eq!(answer(&mut lab, &id, json!({ "sure": true })), Ok(()));
}

#[test]
fn a_subagent_works_in_a_session_of_its_own() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "task { say from below }");
    lab.settle();
    let child = lab.store.children(&session).remove(0);
    assert_eq!(lab.messages(&child), ["user", "assistant", "idle"]);
    let tool = &lab.store.sessions[&session].messages[1]["content"][0];
    assert_eq!(tool["name"], "subagent");
    assert_eq!(
        tool["state"]["metadata"],
        json!({ "sessionID": child, "status": "completed" })
    );
    assert_eq!(tool["state"]["content"][0]["text"], "from below ");
    lab.prompt(&session, "task { permission }");
    lab.settle();
    let asked = lab.machine.permissions[0].session.clone();
    assert!(asked != session, "the request is the child's");
    lab.with_world(|world| world.interrupt(&session, false))
        .unwrap();
    assert!(lab.machine.runs.is_empty() && lab.machine.permissions.is_empty());
}

#[test]
fn a_folder_that_is_put_down_voids_its_requests() {
    let mut lab = Lab::new();
    let session = lab.session();
    lab.prompt(&session, "permission");
    lab.settle();
    lab.with_world(|world| world.make_form("global", "/w", "t", json!([]), Value::Null));
    lab.kinds();
    lab.with_world(|world| world.shut("/w"));
    lab.settle();
    let kinds = lab.kinds();
    assert_eq!(
        kinds[..3],
        ["permission.replied", "form.cancelled", "location.shutdown"]
    );
    assert!(
        kinds.contains(&"execution.succeeded".to_owned()),
        "runs go on"
    );
    assert!(lab.machine.folders.is_empty());
}
