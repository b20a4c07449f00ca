//! The model over HTTP, as a client sees it.
#![allow(clippy::unwrap_used)]

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::*;

async fn model() -> Model {
    let options = ModelOptions {
        rate: 0.0,
        ..ModelOptions::default()
    };
    Model::start(options).await.unwrap()
}

async fn ask(model: &Model, body: &Value) -> reqwest::Response {
    let url = format!("{}/chat/completions", model.base_url());
    reqwest::Client::new()
        .post(url)
        .json(body)
        .send()
        .await
        .unwrap()
}

fn prompt(text: &str) -> Value {
    json!({ "model": "m", "stream": true, "messages": [{ "role": "user", "content": text }] })
}

async fn chunks(model: &Model, body: &Value) -> Vec<Value> {
    let text = ask(model, body).await.text().await.unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn joined(chunks: &[Value], field: &str) -> String {
    chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"][field].as_str())
        .collect()
}

#[tokio::test]
async fn streams_thinking_and_text_and_counts_tokens() {
    let model = model().await;
    let chunks = chunks(&model, &prompt("reason 3 ;; echo 4")).await;
    assert_eq!(joined(&chunks, "reasoning_content"), "the quick brown ");
    assert_eq!(joined(&chunks, "content"), "the quick brown fox ");
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 7);
    assert_eq!(
        chunks[chunks.len() - 2]["choices"][0]["finish_reason"],
        "stop"
    );
    assert_eq!(model.requests(), 1);
}

#[tokio::test]
async fn a_tool_turn_moves_to_the_next_step() {
    let model = model().await;
    let mut body = prompt("say one ;; bash echo x ;; say two");
    let first = chunks(&model, &body).await;
    let arguments: String = first
        .iter()
        .filter_map(|chunk| {
            chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()
        })
        .collect();
    assert_eq!(
        serde_json::from_str::<Value>(&arguments).unwrap()["command"],
        "echo x"
    );
    assert_eq!(
        first[first.len() - 2]["choices"][0]["finish_reason"],
        "tool_calls"
    );

    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": "c" }] }));
    messages.push(json!({ "role": "tool", "content": "x" }));
    assert_eq!(joined(&chunks(&model, &body).await, "content"), "two ");
}

#[tokio::test]
async fn halves_of_an_emoji_leave_as_escapes() {
    let model = model().await;
    let text = ask(&model, &prompt("surrogate"))
        .await
        .text()
        .await
        .unwrap();
    assert!(
        text.contains(r#""content":"\ud83e""#) && text.contains(r#""content":"\uddd1""#),
        "{text}"
    );
}

#[tokio::test]
async fn fails_as_often_as_told() {
    let model = model().await;
    let body = prompt("error 503 times=2 after=1 ;; say recovered");
    for _ in 0..2 {
        let answer = ask(&model, &body).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "1");
    }
    assert_eq!(
        joined(&chunks(&model, &body).await, "content"),
        "recovered "
    );
}

#[tokio::test]
async fn midfail_breaks_the_body() {
    let model = model().await;
    let answer = ask(&model, &prompt("echo 5 ;; midfail ;; say never")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.is_err());
}

#[tokio::test]
async fn titles_summaries_and_prose_are_recognised() {
    let model = model().await;
    let whole = async |body: Value| {
        let answer: Value = ask(&model, &body).await.json().await.unwrap();
        answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let title = json!({ "messages": [
        { "role": "system", "content": "You are a title generator." },
        { "role": "user", "content": "echo 5" },
    ] });
    assert_eq!(whole(title).await, "Scripted title ");
    let summary = json!({ "messages": [
        { "role": "system", "content": "Summarize the conversation" },
        { "role": "user", "content": [{ "type": "text", "text": "go" }] },
    ] });
    assert!(whole(summary).await.contains("scripted summary"));
    let prose = json!({ "messages": [{ "role": "user", "content": "fix the race" }] });
    assert_eq!(whole(prose).await, "You said: fix the race ");
}

#[tokio::test]
async fn the_friendly_voice_speaks_markdown() {
    let options = ModelOptions {
        rate: 0.0,
        voice: DefaultReply::Friendly,
        port: 0,
    };
    let model = Model::start(options).await.unwrap();
    let mut body = prompt("please tidy up");
    let opening = joined(&chunks(&model, &body).await, "content");
    assert!(opening.contains("please tidy up"), "{opening}");
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({ "role": "assistant", "tool_calls": [{ "id": "c" }] }));
    let page = joined(&chunks(&model, &body).await, "content");
    assert!(page.contains("```rust"), "{page}");
}

#[tokio::test]
async fn shutdown_breaks_off_replies_and_closes_the_port() {
    let model = model().await;
    let answer = ask(&model, &prompt("say a ;; stall 60")).await;
    model.shutdown();
    assert!(answer.text().await.is_err());
}
