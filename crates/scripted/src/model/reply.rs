//! Replies as chat-completion chunks over an event stream, or whole.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::plan::{Plan, Request};
use crate::limits;
use crate::pace::Paced;
use crate::script::{Channel, Failure, Flow, Piece, Statement, ToolCall, Utf16};

/// Bytes of tool arguments in one chunk.
const ARGUMENT_SLICE: usize = 8;

/// A reply being given: its identity and what has been counted so far.
pub(super) struct Reply {
    id: String,
    model: String,
    prompt_tokens: u64,
    completion_tokens: u64,
    finish: String,
    calls: Vec<Value>,
}

/// One chunk of the stream. Text is raw JSON, as a lone surrogate cannot be a string.
#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u8,
    delta: BTreeMap<&'static str, Box<RawValue>>,
    finish_reason: Option<&'a str>,
}

/// Where a reply goes.
type Sink = mpsc::Sender<io::Result<Bytes>>;

/// Why a reply ended before its end.
enum ReplyCut {
    /// The listener went away.
    Gone,
    /// The script says so.
    Midfail,
}

impl Reply {
    pub(super) fn new(number: u64, request: &Request, plan: &Plan) -> Self {
        let reported = plan
            .statements
            .iter()
            .rev()
            .find_map(|statement| match statement {
                Statement::Usage(tokens) => Some(*tokens),
                _ => None,
            });
        Self {
            id: format!("chatcmpl-{number:012x}"),
            model: request.model.clone(),
            prompt_tokens: reported.unwrap_or_else(|| request.prompt_tokens()),
            completion_tokens: 0,
            finish: "stop".into(),
            calls: Vec::new(),
        }
    }

    fn chunk(&self, delta: BTreeMap<&'static str, Box<RawValue>>, finish: Option<&str>) -> Bytes {
        frame(&Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: 0,
            model: &self.model,
            choices: [Choice {
                index: 0,
                delta,
                finish_reason: finish,
            }],
        })
    }

    fn piece(&self, channel: Channel, piece: &Piece) -> Bytes {
        self.chunk(BTreeMap::from([(field(channel), raw_text(piece))]), None)
    }

    fn tool_chunk(&self, call: &Value) -> Bytes {
        self.chunk(BTreeMap::from([("tool_calls", raw(&json!([call])))]), None)
    }

    /// Registers a call; its id is repeatable, made of the reply's number and the call's place.
    fn add_call(&mut self, call: &ToolCall) -> (String, String) {
        let id = format!(
            "call_{}_{}",
            &self.id["chatcmpl-".len()..],
            self.calls.len()
        );
        let arguments = call.arguments.to_wire();
        self.calls.push(json!({
            "id": id, "type": "function", "function": { "name": call.name, "arguments": arguments },
        }));
        self.finish = "tool_calls".into();
        (id, arguments)
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        })
    }
}

/// An HTTP error in the shape the API has for it.
pub(super) fn failure(failure: &Failure) -> Response {
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "error": { "message": failure.message, "type": "server_error", "code": failure.status } });
    let mut response = (status, Json(body)).into_response();
    if let Some(after) = failure
        .after
        .as_deref()
        .and_then(|after| HeaderValue::from_str(after).ok())
    {
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    response
}

/// The reply as an event stream.
pub(super) fn stream(mut reply: Reply, plan: Plan, shared: &Arc<Shared>) -> Response {
    let (sink, pieces) = mpsc::channel(limits::REPLY_QUEUE);
    let (rate, stop) = (shared.options.rate, shared.stop.clone());
    tokio::spawn(async move {
        let outcome = tokio::select! {
            outcome = say(&mut reply, &plan, rate, &sink) => outcome,
            () = stop.cancelled() => Err(ReplyCut::Midfail),
        };
        if let Err(ReplyCut::Midfail) = outcome {
            // An error of the body makes the server drop the connection. Nobody there is as good.
            let _ = sink.send(Err(io::Error::other("cut by the script"))).await;
        }
    });
    let body = Body::from_stream(stream::unfold(pieces, |mut pieces| async move {
        pieces.recv().await.map(|piece| (piece, pieces))
    }));
    (
        [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        body,
    )
        .into_response()
}

async fn say(reply: &mut Reply, plan: &Plan, rate: f64, sink: &Sink) -> Result<(), ReplyCut> {
    let opening = BTreeMap::from([
        ("role", raw(&json!("assistant"))),
        ("content", raw(&json!(""))),
    ]);
    send(sink, reply.chunk(opening, None)).await?;
    for statement in &plan.statements {
        if let Some(flow) = statement.flow(rate) {
            say_flow(reply, flow, sink).await?;
            continue;
        }
        match statement {
            Statement::Stall(pause) => tokio::time::sleep(*pause).await,
            Statement::Finish(reason) => reply.finish.clone_from(reason),
            Statement::Midfail => return Err(ReplyCut::Midfail),
            Statement::Call(calls) => {
                for call in calls {
                    say_call(reply, call, rate, sink).await?;
                }
            }
            _ => {}
        }
    }
    send(sink, reply.chunk(BTreeMap::new(), Some(&reply.finish))).await?;
    let usage = json!({
        "id": reply.id, "object": "chat.completion.chunk", "created": 0, "model": reply.model,
        "choices": [], "usage": reply.usage(),
    });
    send(sink, frame(&usage)).await?;
    send(sink, Bytes::from_static(b"data: [DONE]\n\n")).await
}

async fn say_flow(reply: &mut Reply, flow: Flow, sink: &Sink) -> Result<(), ReplyCut> {
    let channel = flow.channel;
    let mut paced = Paced::new(flow);
    while let Some(piece) = paced.next().await {
        send(sink, reply.piece(channel, &piece)).await?;
    }
    reply.completion_tokens += paced.sent();
    Ok(())
}

/// A call comes as its name first, then its arguments in slices, at the pace of its prose.
async fn say_call(
    reply: &mut Reply,
    call: &ToolCall,
    rate: f64,
    sink: &Sink,
) -> Result<(), ReplyCut> {
    let index = reply.calls.len();
    let (id, arguments) = reply.add_call(call);
    let head = json!({ "index": index, "id": id, "type": "function", "function": { "name": call.name, "arguments": "" } });
    send(sink, reply.tool_chunk(&head)).await?;
    let letters: Vec<char> = arguments.chars().collect();
    let pause = if rate > 0.0 { 1.0 / rate } else { 0.0 };
    for slice in letters.chunks(ARGUMENT_SLICE) {
        let text: String = slice.iter().collect();
        let tail = json!({ "index": index, "function": { "arguments": text } });
        send(sink, reply.tool_chunk(&tail)).await?;
        tokio::time::sleep(Duration::from_secs_f64(pause)).await;
    }
    Ok(())
}

/// The reply in one piece.
pub(super) async fn whole(mut reply: Reply, plan: Plan, shared: &Arc<Shared>) -> Response {
    let (mut text, mut thinking) = (Utf16::default(), Utf16::default());
    let stop: &CancellationToken = &shared.stop;
    for statement in &plan.statements {
        if let Some(mut flow) = statement.flow(0.0) {
            let into = if flow.channel == Channel::Text {
                &mut text
            } else {
                &mut thinking
            };
            while let Some((piece, count)) = flow.next_chunk() {
                into.push(&piece);
                reply.completion_tokens += count as u64;
            }
        }
        match statement {
            Statement::Stall(pause) => tokio::select! {
                () = tokio::time::sleep(*pause) => {}
                () = stop.cancelled() => break,
            },
            Statement::Finish(reason) => reply.finish.clone_from(reason),
            Statement::Midfail => return cut(),
            Statement::Call(calls) => calls.iter().for_each(|call| drop(reply.add_call(call))),
            _ => {}
        }
    }
    let mut message = json!({ "role": "assistant", "content": text.text() });
    let thinking = thinking.text();
    if !thinking.is_empty() {
        message["reasoning_content"] = thinking.into();
    }
    if !reply.calls.is_empty() {
        message["tool_calls"] = std::mem::take(&mut reply.calls).into();
    }
    Json(json!({
        "id": reply.id, "object": "chat.completion", "created": 0, "model": reply.model, "usage": reply.usage(),
        "choices": [{ "index": 0, "message": message, "finish_reason": reply.finish }],
    }))
    .into_response()
}

/// A response whose body breaks at once.
fn cut() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(io::Error::other("cut by the script")) });
    Body::from_stream(broken).into_response()
}

async fn send(sink: &Sink, bytes: Bytes) -> Result<(), ReplyCut> {
    sink.send(Ok(bytes)).await.map_err(|_| ReplyCut::Gone)
}

fn field(channel: Channel) -> &'static str {
    match channel {
        Channel::Text => "content",
        Channel::Reasoning => "reasoning_content",
    }
}

fn frame(value: &impl Serialize) -> Bytes {
    let json = serde_json::to_string(value).expect("chunks have string keys and finite numbers");
    Bytes::from(format!("data: {json}\n\n"))
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("a JSON value is always JSON")
}

fn raw_text(piece: &Piece) -> Box<RawValue> {
    RawValue::from_string(piece.to_json()).expect("a piece writes itself as a JSON string")
}
