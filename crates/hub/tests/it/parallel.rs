//! Parallel runs: one prompt to several agents, each once, kept over restarts.

use model::ids::{InstanceId, ParallelId, SessionId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::{Answer, Lab, send};

async fn start(lab: &Lab, instance: &str, key: &str, text: &str) -> Answer {
    let runs = json!([{"agent": "plan"}, {"agent": "build"}, {}]);
    let body = json!({"prompt": {"text": text}, "runs": runs});
    let path = format!("/api/instances/{instance}/parallel");
    let request = lab.request(Method::POST, &path);
    send(request.header("Idempotency-Key", key).json(&body)).await
}

/// The instance of the scripted server, connected.
async fn attached(lab: &Lab) -> String {
    let path = lab.instance().await;
    path.rsplit('/').next().unwrap().to_owned()
}

fn sessions(started: &Value) -> Vec<String> {
    let runs = started["runs"].as_array().unwrap().iter();
    runs.map(|run| run["session"].as_str().unwrap().to_owned())
        .collect()
}

/// The prompts that the server itself has of a session.
async fn prompts(lab: &Lab, session: &str) -> Vec<String> {
    let messages = lab.upstream(&format!("/session/{session}/message")).await;
    let all = messages.as_array().unwrap().iter();
    let texts = all.filter(|message| message["info"]["role"] == "user");
    let text = |message: &Value| message["parts"][0]["text"].as_str().unwrap().to_owned();
    texts.map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_runs_once_for_each_choice_however_often_it_is_asked() {
    let lab = Lab::new().await;
    let instance = attached(&lab).await;
    let started = start(&lab, &instance, "one", "say hello").await.good();
    let made = sessions(&started);
    assert_eq!(made.len(), 3);
    assert_eq!(
        start(&lab, &instance, "one", "say hello").await.good(),
        started
    );
    for session in &made {
        assert_eq!(prompts(&lab, session).await, ["say hello"]);
    }
    let all = lab.upstream("/session").await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    let other = start(&lab, &instance, "one", "say other").await;
    other.problem(422, "key-reused");
    let id = ParallelId::from(started["id"].as_str().unwrap());
    // A hub that begins anew knows them.
    let lab = lab.restarted().await;
    lab.until("the parallel run is known", |state| {
        let instance = state.instances.get(&InstanceId::from(&*instance));
        instance.is_some_and(|instance| instance.parallels.contains_key(&id) && instance.is_live())
    })
    .await;
    assert_eq!(
        start(&lab, &instance, "one", "say hello").await.good(),
        started
    );
    let all = lab.upstream("/session").await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    let page = lab.get(&format!("/i/{instance}/parallel/{id}")).await;
    assert!(page.text.contains("data-run=\"3\""), "{}", page.text);
    let none = lab.get(&format!("/i/{instance}/parallel/par_none")).await;
    assert_eq!(none.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_is_kept_and_the_others_are_stopped_archived_and_brought_back() {
    let lab = Lab::new().await;
    let instance = attached(&lab).await;
    let started = start(&lab, &instance, "two", "permission ;; say done")
        .await
        .good();
    let made = sessions(&started);
    let of = InstanceId::from(&*instance);
    lab.until("all ask", |state| {
        state.instances[&of].permissions.len() == 3
    })
    .await;
    let path = format!(
        "/api/instances/{instance}/parallel/{}",
        started["id"].as_str().unwrap()
    );
    let wrong = lab
        .post(&format!("{path}/keep"), json!({"session": "ses_other"}))
        .await;
    wrong.problem(404, "unknown-session");
    let kept = lab
        .post(&format!("{path}/keep"), json!({"session": made[1]}))
        .await
        .good();
    assert_eq!(kept["kept"], json!(made[1]));
    let archived = |wanted: bool| {
        let (of, made) = (of.clone(), made.clone());
        move |state: &model::State| {
            made.iter().enumerate().all(|(nth, id)| {
                let session = state.session(&of, &SessionId::from(&**id)).unwrap();
                session.info.archived.is_some() == (wanted && nth != 1)
            })
        }
    };
    lab.until("the others are archived", archived(true)).await;
    lab.until("only the kept one asks", |state| {
        state.instances[&of].permissions.len() == 1
    })
    .await;
    let back = send(lab.request(Method::DELETE, &format!("{path}/keep")))
        .await
        .good();
    assert_eq!(back["kept"], Value::Null);
    lab.until("they are back", archived(false)).await;
    // A deleted session leaves its run.
    let deleted = format!("/api/instances/{instance}/sessions/{}", made[0]);
    assert!(
        send(lab.request(Method::DELETE, &deleted))
            .await
            .status
            .is_success()
    );
    let left = lab.get(&path).await.good();
    assert_eq!(left["runs"][0]["session"], Value::Null);
    assert_eq!(left["runs"][0]["problem"], "its session was deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_is_refused_before_anything_is_made() {
    let lab = Lab::new().await;
    let instance = attached(&lab).await;
    let path = format!("/api/instances/{}/parallel", instance);
    let two = json!([{"agent": "plan"}, {}]);
    let bad = [
        json!({"prompt": {"text": ""}, "runs": two}),
        json!({"prompt": {"text": "x"}, "runs": [{}]}),
        json!({"prompt": {"text": "x"}, "runs": vec![json!({}); 9]}),
        json!({"prompt": {"text": "x", "agent": "plan"}, "runs": two}),
    ];
    for body in bad {
        lab.post(&path, body).await.problem(422, "invalid-request");
    }
    assert_eq!(lab.get(&path).await.good(), json!([]));
    assert_eq!(lab.upstream("/session").await, json!([]));
}
