//! OpenCode 2: the client against the scripted service, both against the contract.

mod bodies;
mod processes;
mod requests;
mod service;

use std::collections::VecDeque;
use std::time::Duration;

use opencode::client2::{Client, NewPrompt, NewSession};
use opencode::sse::Parser;
use opencode::wire2::{
    self, Delivery, Event, InboxId, RunChange, SessionEvent, SessionId, SessionInfo,
};
use opencode::{Credentials, EventStream, Http};
use scripted::opencode2::{Options, Server};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// A service, a client, and its stream.
struct Stage {
    server: Server,
    client: Client,
    frames: Frames,
}

/// What a stream gave.
struct Frames {
    stream: EventStream,
    parser: Parser,
    waiting: VecDeque<String>,
    seen: Vec<String>,
}

fn client_of(server: &Server, password: Option<&str>) -> Client {
    let credentials = password.map(Credentials::password);
    Client::new(
        Http::new().unwrap(),
        server.url().parse().unwrap(),
        credentials,
    )
    .unwrap()
}

impl Stage {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let options = Options {
            rate: 0.0,
            retry: Duration::from_millis(1),
            ..options
        };
        let password = options.password.clone();
        let server = Server::start(options).await.unwrap();
        let client = client_of(&server, password.as_deref());
        let frames = Frames::open(&client).await;
        Self {
            server,
            client,
            frames,
        }
    }

    async fn session(&self) -> SessionInfo {
        let new = NewSession {
            title: Some("t".to_owned()),
            ..NewSession::default()
        };
        self.client.create_session(&new).await.unwrap()
    }

    async fn prompt(&self, session: &SessionId, id: &str, text: &str) {
        let id = InboxId::parse(id).unwrap();
        let prompt = NewPrompt::of(&id, text, Delivery::Queue);
        self.client.prompt(session, &prompt).await.unwrap();
    }

    /// Sends a prompt, and waits for the end of its run.
    async fn turn(&mut self, session: &SessionId, id: &str, text: &str) {
        self.prompt(session, id, text).await;
        self.frames.end(session).await;
    }
}

impl Frames {
    async fn open(client: &Client) -> Self {
        let mut frames = Self {
            stream: client.events(PATIENCE).await.unwrap(),
            parser: Parser::default(),
            waiting: VecDeque::new(),
            seen: Vec::new(),
        };
        let first = frames.next().await.unwrap();
        assert_eq!(wire2::decode(&first).unwrap().event, Event::Connected);
        frames
    }

    /// The data of the next frame; nothing when the stream ended or was cut.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                self.seen.push(frame.clone());
                return Some(frame);
            }
            let chunk = timeout(PATIENCE, self.stream.next_chunk());
            let chunk = chunk.await.expect("a frame in time").ok()??;
            let waiting = &mut self.waiting;
            self.parser
                .feed(&chunk, |frame| waiting.push_back(frame.data.to_owned()));
        }
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let frame = self.next().await.expect("the stream goes on");
            let event = wire2::decode(&frame).unwrap().event;
            if wanted(&event) {
                return event;
            }
        }
    }

    async fn end(&mut self, of: &SessionId) -> RunChange {
        let ended = self.until(|event| {
            matches!(event, Event::Session { session, change: SessionEvent::Run(change) }
                if session == of && *change != RunChange::Started)
        });
        match ended.await {
            Event::Session {
                change: SessionEvent::Run(change),
                ..
            } => change,
            _ => unreachable!(),
        }
    }
}
