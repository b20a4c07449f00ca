//! What is kept and read back.

use super::*;

#[tokio::test]
async fn the_same_message_id_twice_is_answered_once() {
    let mut lab = Lab::new().await;
    let session = lab.session().await;
    let path = format!("/session/{session}/prompt_async");
    let body = json!({ "messageID": "msg_one", "parts": [{ "id": "prt_one", "type": "text", "text": "say hi" }] });
    lab.post(&path, body.clone()).await;
    lab.end(&session).await;
    lab.post(&path, body).await;
    let messages = lab.messages(&session).await;
    assert_eq!(messages.as_array().unwrap().len(), 2);
    assert_eq!(messages[0]["parts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn messages_come_in_pages_newest_first() {
    let lab = Lab::new().await;
    let session = lab.server.seed_session("long").unwrap();
    let all: Vec<Value> = serde_json::from_str(include_str!(
        "../../../../testkit/captures/session500.messages.json"
    ))
    .unwrap();
    let ids: Vec<Value> = all
        .iter()
        .map(|message| message["info"]["id"].clone())
        .collect();
    lab.server.seed_messages(&session, all).unwrap();
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!(
            "{}/session/{session}/message?limit=100{cursor}",
            lab.server.url
        );
        let answer = lab.client.get(path).send().await.unwrap();
        let next = answer
            .headers()
            .get("x-next-cursor")
            .map(|next| next.to_str().unwrap().to_owned());
        let page: Vec<Value> = answer.json().await.unwrap();
        read.splice(
            ..0,
            page.into_iter()
                .map(|message| message["info"]["id"].clone()),
        );
        match next {
            Some(next) => cursor = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(read, ids);
    assert!(lab.server.seed_messages(&session, vec![json!({})]).is_err());
}

#[tokio::test]
async fn halves_of_an_emoji_reach_the_wire() {
    let lab = Lab::new().await;
    let session = lab.session().await;
    let answer = lab
        .client
        .get(format!("{}/event", lab.server.url))
        .send()
        .await
        .unwrap();
    lab.prompt(&session, "surrogate").await;
    let (mut body, mut text) = (answer.bytes_stream(), String::new());
    while !text.contains("session.idle") {
        let bytes = timeout(DEADLINE, body.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert!(
        text.contains(r#""delta":"\ud83e""#) && text.contains("before 🧑 after"),
        "{text}"
    );
    assert!(!text.contains("\"sync\""));
}
