//! The search index of a hub that ends in the middle of reading old sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use hub::command::find;
use search::{Index, Indexed};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::lab::{Lab, SOON};

/// Messages of a session: many pages of those that the index reads.
const MESSAGES: usize = 1500;

/// Prompts, each with a word of its own.
fn prompts(session: &str) -> Vec<Value> {
    let one = |nth: usize| {
        let (id, at) = (
            format!("msg_{nth:026}"),
            1_790_000_000_000_u64 + nth as u64 * 1000,
        );
        json!({
            "info": {
                "id": id, "sessionID": session, "role": "user", "time": {"created": at},
                "agent": "build", "model": {"providerID": "scripted", "modelID": "scripted-1"},
            },
            "parts": [{"id": format!("prt_{nth:026}"), "sessionID": session, "messageID": id, "type": "text", "text": format!("wombat number{nth}x")}],
        })
    };
    (0..MESSAGES).map(one).collect()
}

async fn hits(lab: &Lab, query: &str) -> (usize, Value) {
    let answer = lab.get(&format!("/api/search?q={query}")).await.good();
    (
        answer["hits"].as_array().unwrap().len(),
        answer["progress"].clone(),
    )
}

/// Asks again and again: the index changes nothing of the state, whose changes could be waited for.
async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let asking = async {
        let mut again = tokio::time::interval(Duration::from_millis(30));
        while !so().await {
            again.tick().await;
        }
    };
    let waited = timeout(3 * SOON, asking).await;
    waited.unwrap_or_else(|_| panic!("in time: {what}"));
}

async fn until_found(lab: &Lab, query: &str) {
    until(query, async || hits(lab, query).await.0 == 1).await;
}

/// How far each session is in the index of a hub that has ended.
fn indexed(lab: &std::path::Path) -> BTreeMap<String, Indexed> {
    let index = Index::open(&lab.join(find::FILE)).unwrap();
    let all = index.sessions().unwrap().into_iter();
    all.map(|((_, session), indexed)| (session.to_string(), indexed))
        .collect()
}

#[tokio::test]
async fn an_interrupted_read_goes_on_and_never_passes_for_complete() {
    let lab = Lab::new().await;
    let session = lab.fake.seed_session("Old").unwrap();
    lab.fake.seed_messages(&session, prompts(&session)).unwrap();
    lab.instance().await;
    until_found(&lab, &format!("number{}x", MESSAGES - 1)).await;
    // From here on the server has nothing to say, so that the rest stays unread.
    lab.fake.refuse(Some(503));
    let (found, progress) = hits(&lab, "number0x").await;
    assert_eq!((found, &progress["indexed"]), (0, &json!(0)), "{progress}");
    let data = lab.data.path().to_owned();
    let mut before = BTreeMap::new();
    let lab = lab
        .restarted_after(async |fake| {
            before = indexed(&data);
            fake.refuse(None);
        })
        .await;
    let reached = &before[&session];
    assert!(
        reached.seen.is_none() && reached.next.is_some(),
        "{reached:?}"
    );
    until_found(&lab, "number0x").await;
    until("an end of the reading", async || {
        let (_, progress) = hits(&lab, "wombat").await;
        progress["indexed"] == 1 && progress["waiting"] == 0
    })
    .await;
    for nth in (0..MESSAGES).step_by(37) {
        let query = format!("number{nth}x");
        assert_eq!(hits(&lab, &query).await.0, 1, "{query}");
    }
    // A session that is deleted meanwhile leaves at once, with all that was read of it.
    let instance = lab
        .hub
        .engine()
        .read(|state| state.instances.keys().next().cloned())
        .unwrap();
    let path = format!("/api/instances/{instance}/sessions/{session}");
    assert_eq!(lab.delete(&path).await.status, 204);
    assert_eq!(hits(&lab, "wombat").await.0, 0);
    until("progress without it", async || {
        let (_, progress) = hits(&lab, "wombat").await;
        progress["indexed"] == 0 && progress["waiting"] == 0
    })
    .await;
}

#[tokio::test]
async fn sessions_beyond_the_list_of_a_server_are_found_and_open() {
    let lab = Lab::new().await;
    let mut old = Vec::new();
    for title in ["The oldest", "The second"] {
        let session = lab.fake.seed_session(title).unwrap();
        let messages = prompts(&session).into_iter();
        let nth = 2 * old.len();
        let messages = messages.skip(nth).take(2).collect();
        lab.fake.seed_messages(&session, messages).unwrap();
        old.push(session);
    }
    for nth in 0..1050 {
        lab.fake.seed_session(&format!("Other {nth}")).unwrap();
    }
    let instance = lab.instance().await;
    let listed = async |lab: &Lab| {
        let sessions = lab.get(&format!("{instance}/sessions")).await.good();
        sessions.as_array().unwrap().len()
    };
    assert!(listed(&lab).await <= 1000);
    let whole = async |lab: &Lab| {
        until("the end of the list", async || {
            let (_, progress) = hits(lab, "wombat").await;
            progress["indexed"] == 1052 && progress["waiting"] == 0 && progress["cut"] == 0
        })
        .await;
    };
    whole(&lab).await;
    let found = lab.get("/api/search?q=number0x").await.good();
    assert_eq!(
        (&found["hits"][0]["title"], &found["hits"][0]["session"]),
        (&json!("The oldest"), &json!(old[0]))
    );
    assert_eq!(hits(&lab, "number2x").await.0, 1);
    // The state has not grown by them.
    assert!(listed(&lab).await <= 1000);
    // One that is deleted leaves at once, and with it what was read of it.
    let deleted = lab.delete(&format!("{instance}/sessions/{}", old[1])).await;
    assert_eq!(deleted.status, 204);
    until("no hit", async || hits(&lab, "number2x").await.0 == 0).await;
    // A hub that starts again goes on with what is indexed. A hit opens, although no list names its session.
    let lab = lab.restarted().await;
    lab.connected(instance.rsplit('/').next().unwrap()).await;
    until_found(&lab, "number0x").await;
    let found = lab.get("/api/search?q=number0x").await.good();
    let path = found["hits"][0]["path"].as_str().unwrap();
    let page = lab.get(path.split('#').next().unwrap()).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("The oldest") && page.text.contains("number0x"));
    let unknown = path.replace(&old[0], "ses_none");
    assert_eq!(lab.get(&unknown).await.status, 404);
}
