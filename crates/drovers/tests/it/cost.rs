//! What a reader costs who does not read: measured at the program itself, which holds nothing else.
//!
//! Measured is memory of the process's own (`Anonymous` in `/proc/PID/smaps_rollup`). What the kernel holds for a
//! socket is not in it; that has a bound of its own, twice [`limits::SEND_BUFFER`], and is added here in full.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hub::limits;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::program::{DEADLINE, Home, Running, until};

/// Readers at once, so that one's cost stands out from the noise.
const READERS: usize = 200;

/// What one may cost, in bytes.
const BOUND: usize = 300 << 10;

/// What the kernel holds for one at most, in bytes.
const KERNEL: usize = 2 * limits::SEND_BUFFER;

/// Texts of the conversation that changes. Together they are a little less than a viewer is sent at once.
const PARTS: usize = 4;

/// Bytes of each for viewers, who are sent a little less than their bound at once; and for readers of the log, who get as
/// much as tools say.
const SEEN_BYTES: usize = 9 << 10;
const SAID_BYTES: usize = 40 << 10;

/// A hub with a conversation in front of its viewers whose every text changes with each [`Self::round`].
struct Bench {
    fake: FakeServer,
    hub: Running,
    instance: String,
    session: String,
    rounds: usize,
    part_bytes: usize,
    _home: Home,
}

impl Bench {
    async fn new(part_bytes: usize) -> Self {
        let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
        let session = fake.seed_session("loud").unwrap();
        let message = json!({
            "info": {"id": "msg_1", "role": "assistant", "parentID": "msg_0", "time": {"created": 1},
                "providerID": "p", "modelID": "m", "mode": "build", "path": {"cwd": "/", "root": "/"}},
            "parts": (0..PARTS).map(|n| part(&session, n, "")).collect::<Vec<_>>(),
        });
        fake.seed_messages(&session, vec![message]).unwrap();
        let home = Home::new();
        let hub = home.start(&["--no-auth", "--attach", &fake.url]).await;
        let instance = hub.connected().await;
        let mut bench = Self {
            fake,
            hub,
            instance,
            session,
            rounds: 0,
            part_bytes,
            _home: home,
        };
        // The log is full, and what is drawn is kept, before anything is measured.
        let full = limits::LOG_BYTES / (PARTS * part_bytes) + 20;
        while bench.rounds < full {
            bench.rounds(20).await;
        }
        bench
    }

    /// Changes every text so many times, and waits until the hub has it all.
    async fn rounds(&mut self, count: usize) {
        let all = self.logged().await + (count * PARTS) as u64;
        for _ in 0..count {
            self.rounds += 1;
            self.round();
        }
        until(async || (self.logged().await >= all).then_some(())).await;
    }

    fn round(&self) {
        let text = self.text();
        for n in 0..PARTS {
            let event = json!({"directory": "/scripted/project", "payload": {"id": "evt_1", "type": "message.part.updated",
                "properties": {"sessionID": self.session, "part": part(&self.session, n, &text), "time": 1}}});
            self.fake.emit_raw(&event.to_string());
        }
    }

    /// Events that the hub has heard.
    async fn logged(&self) -> u64 {
        let health = self.hub.get("health").await;
        let end = health["log"]["end"].as_str().unwrap();
        end.rsplit_once('-').unwrap().1.parse().unwrap()
    }

    /// What every text says now: paragraphs of words that nobody can foresee, nor pack.
    fn text(&self) -> String {
        let mut text = format!("round {}\n\n", self.rounds);
        let mut seed = self.rounds as u64 + 1;
        while text.len() < self.part_bytes {
            // Knuth's MMIX generator.
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let end = if seed.is_multiple_of(9) { "\n\n" } else { " " };
            text.push_str(&format!("{:x}{end}", seed >> 24));
        }
        text
    }

    /// What a page that was loaded now says to see more.
    async fn look(&self) -> Value {
        let url = format!("{}/i/{}/s/{}", self.hub.url, self.instance, self.session);
        let page = reqwest::get(url).await.unwrap().text().await.unwrap();
        let field = |name: &str| {
            let (_, rest) = page.split_once(&format!("data-{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        json!({"t": "look", "n": 1, "epoch": field("epoch"), "rev": field("rev").parse::<u64>().unwrap(),
            "instance": self.instance, "session": self.session})
    }

    /// A connection that has asked for something and takes little of the answer.
    async fn asks(&self, request: &str) -> TcpStream {
        let address: SocketAddr = self
            .hub
            .url
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let request = format!("GET {request} HTTP/1.1\r\nhost: {address}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// A viewer that looks at the conversation, and has read no more than the answer to its wish for a WebSocket.
    async fn viewer(&self, look: &Value) -> TcpStream {
        let mut stream = self.asks("/api/live").await;
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let read = timeout(DEADLINE, stream.read_u8()).await;
            answer.push(read.expect("an answer").unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"));
        let said = look.to_string();
        // A text in one frame, of two length bytes, masked with zeroes.
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(u16::try_from(said.len()).unwrap().to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(said.as_bytes());
        stream.write_all(&frame).await.unwrap();
        stream
    }

    /// Bytes of the hub's own.
    fn memory(&self) -> usize {
        let path = format!("/proc/{}/smaps_rollup", self.hub.pid());
        let rollup = std::fs::read_to_string(path).unwrap();
        let line = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Anonymous:"));
        let kilobytes = line.unwrap().trim().strip_suffix("kB").unwrap();
        kilobytes.trim().parse::<usize>().unwrap() << 10
    }

    /// Waits until so many read, or do as if.
    async fn until_viewers(&self, count: usize) {
        until(async || (self.hub.get("health").await["viewers"] == count).then_some(())).await;
    }

    /// The most that one of the readers costs while the conversation changes, in bytes.
    async fn cost(&mut self, before: usize) -> usize {
        let mut most = before;
        for _ in 0..12 {
            self.rounds(4).await;
            most = most.max(self.memory());
        }
        (most - before) / READERS
    }
}

fn part(session: &str, n: usize, text: &str) -> Value {
    json!({"id": format!("prt_{n}"), "sessionID": session, "messageID": "msg_1", "type": "text", "text": text, "time": {"start": 1}})
}

#[allow(clippy::print_stderr)]
fn assert_cheap(what: &str, cost: usize) {
    eprintln!(
        "figure: {what}: {cost} bytes of the process's own, and at most {KERNEL} of the kernel's"
    );
    assert!(cost + KERNEL <= BOUND, "{what} costs {cost} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_stops_reading_costs_little_and_not_for_long() {
    let mut bench = Bench::new(SEEN_BYTES).await;
    let look = bench.look().await;
    let before = bench.memory();
    let mut viewers = Vec::new();
    for _ in 0..READERS {
        viewers.push(bench.viewer(&look).await);
    }
    bench.until_viewers(READERS).await;
    let stopped = Instant::now();
    let cost = bench.cost(before).await;
    assert_cheap("a viewer that stopped reading", cost);
    bench.until_viewers(0).await;
    assert!(stopped.elapsed() < limits::VIEWER_ACKNOWLEDGES + Duration::from_secs(5));

    // One of them comes back with what it has.
    let mut back = bench.viewer(&look).await;
    let newest = format!("round {}<", bench.rounds);
    let mut heard = Vec::new();
    let truth = async {
        loop {
            back.read_buf(&mut heard).await.unwrap();
            let heard = String::from_utf8_lossy(&heard);
            if heard.contains(&newest) || heard.contains("{\"t\":\"reset\"}") {
                return;
            }
        }
    };
    timeout(DEADLINE, truth)
        .await
        .expect("the truth, or the word to fetch it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_the_log_that_stops_reading_costs_little_and_not_for_long() {
    for accepts in ["gzip", "identity"] {
        let mut bench = Bench::new(SAID_BYTES).await;
        let before = bench.memory();
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let mut reader = bench.asks("/api/log").await;
            let rest = format!("accept-encoding: {accepts}\r\n\r\n");
            reader.write_all(rest.as_bytes()).await.unwrap();
            readers.push(reader);
        }
        bench.until_viewers(READERS).await;
        let cost = bench.cost(before).await;
        let what = format!("a reader of the log ({accepts}) that stopped reading");
        assert_cheap(&what, cost);
        if accepts == "identity" {
            bench.until_viewers(0).await;
        }
    }
}
