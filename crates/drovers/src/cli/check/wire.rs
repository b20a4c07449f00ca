//! `drovers check --wire`: goes through what is assumed of an OpenCode 2 service (`docs/opencode-2.md`), and prints what holds.
//!
//! Reads alone. With `--prompt` it makes one session of its own, prompts it, and deletes it.

mod prompted;

use std::path::PathBuf;
use std::time::Duration;

use etcetera::BaseStrategy;
use opencode::client2::{ArchivedSessions, Client, Error, Page, SessionFilter, Watermark};
use opencode::wire2::{self, MessageKind, Registration, Seq, SessionInfo};
use opencode::{ClientError, Credentials, Http, Url};
use tokio::time::{Instant, timeout};

use crate::fault::Fault;
use crate::{limits, out};

/// Variables that may have the service's password. An argument would be seen by other users.
const PASSWORDS: [&str; 2] = ["OPENCODE_PASSWORD", "OPENCODE_SERVER_PASSWORD"];

/// What became of an assumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    DoesNotHold,
    NotChecked,
}

/// An assumption, what became of it, and by what that was seen.
#[derive(Clone, Debug)]
struct Checked {
    what: &'static str,
    verdict: Verdict,
    evidence: String,
}

impl Checked {
    fn new(what: &'static str, holds: bool, evidence: impl Into<String>) -> Self {
        let verdict = match holds {
            true => Verdict::Holds,
            false => Verdict::DoesNotHold,
        };
        let evidence = evidence.into();
        Self {
            what,
            verdict,
            evidence,
        }
    }

    fn not(what: &'static str, why: impl Into<String>) -> Self {
        Self {
            what,
            verdict: Verdict::NotChecked,
            evidence: why.into(),
        }
    }

    /// The result of a check that asks; an error says that it could not be checked.
    fn of(what: &'static str, found: Result<(bool, String), Error>) -> Self {
        match found {
            Ok((holds, evidence)) => Self::new(what, holds, evidence),
            Err(error) => Self::not(what, error.to_string()),
        }
    }

    fn print(&self) -> Result<(), Fault> {
        let word = match self.verdict {
            Verdict::Holds => "holds",
            Verdict::DoesNotHold => "does not hold",
            Verdict::NotChecked => "not checked",
        };
        let evidence = out::one_line(&self.evidence);
        out::line(&format!("{word:<14} {}: {evidence}", self.what))
    }
}

/// Goes through the list. With a text it prompts a session of its own.
pub(super) async fn run(address: &Url, text: Option<&str>) -> Result<(), Fault> {
    let client = client(address)?;
    let info = client.info().await.map_err(|error| unanswered(&error))?;
    let version = out::one_line(&info.version);
    out::line(&format!("OpenCode {version}, process {}", info.pid))?;
    not_here(
        "its version and first lines",
        "only its program prints them",
    )
    .print()?;
    registration(address, info.pid).print()?;
    let all = listed(&client, None).await;
    let newest = all.as_ref().ok().and_then(|all| all.items.first());
    for checked in logs(&client, newest).await {
        checked.print()?;
    }
    let prompted = match text {
        Some(text) => prompted::run(&client, text).await,
        None => prompted::without(),
    };
    prompted.holes.print()?;
    lists(&client, &all).await.print()?;
    transcript(
        &client,
        newest,
        "ids of `idle` messages are their own",
        idle,
    )
    .await
    .print()?;
    not_here(
        "an interrupted permission has no event",
        "it would need a run that asks",
    )
    .print()?;
    stream(&client).await.print()?;
    not_here(
        "no event is lost while a server starts",
        "it is not started here",
    )
    .print()?;
    compression(address).await.print()?;
    not_here("two servers on one database", "there is one").print()?;
    prompted.twice.print()?;
    prompted.queued.print()?;
    for (what, why) in BY_HAND {
        not_here(what, why).print()?;
    }
    duration(&client).await.print()?;
    not_here(
        "what `experimental.todo` does",
        "it is a switch of its configuration",
    )
    .print()?;
    transcript(
        &client,
        newest,
        "a prompt comes before its answer within one millisecond",
        order,
    )
    .await
    .print()?;
    not_here(
        "`opencode service start` waits",
        "only its program does that",
    )
    .print()
}

/// What would need a model that does something in particular.
const BY_HAND: [(&str, &str); 3] = [
    (
        "a plain rejection ends the turn",
        "it would need a run that asks",
    ),
    (
        "`inbox.delivered` comes for compactions and moves",
        "it would change a session",
    ),
    (
        "all conditions of a form's field have to hold",
        "it would need a tool with such a form",
    ),
];

fn not_here(what: &'static str, why: &str) -> Checked {
    Checked::not(what, why)
}

fn client(address: &Url) -> Result<Client, Fault> {
    let password = PASSWORDS
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let http = Http::new().map_err(failed)?;
    let credentials = password.map(Credentials::password);
    Client::new(http, address.clone(), credentials).map_err(failed)
}

/// The first question was not answered. A service that asks for a password gets it from the environment.
fn unanswered(error: &Error) -> Fault {
    let refused = match error {
        Error::Client(error) => matches!(error, ClientError::Unauthorized { .. }),
        Error::Refused(refusal) => refusal.status == 401,
        Error::NoRoute { .. } => false,
    };
    match refused {
        true => Fault::failed(format!(
            "the service asks for another password than it was given. Set {} to that of its `service.json`, then try again",
            PASSWORDS[0]
        )),
        false => failed(error),
    }
}

fn failed(error: impl std::fmt::Display) -> Fault {
    Fault::failed(out::one_line(&error.to_string()))
}

async fn listed(
    client: &Client,
    archived: Option<ArchivedSessions>,
) -> Result<Page<SessionInfo>, Error> {
    let filter = SessionFilter {
        archived,
        ..SessionFilter::default()
    };
    client.sessions(&filter, None).await
}

/// Whether the registration is where it is expected, and of this process.
fn registration(address: &Url, pid: u32) -> Checked {
    let what = "`service.json` is where it is expected";
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || {
        let home = etcetera::base_strategy::Xdg::new().ok()?;
        Some(home.home_dir().join(".local/state"))
    };
    let Some(state) = state.filter(|path| path.is_absolute()).or_else(home) else {
        return Checked::not(what, "there is no home folder");
    };
    let path = state.join("opencode/service.json");
    let shown = path.display();
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Checked::not(
            what,
            format!("there is no {shown}: it may be another's, or none"),
        );
    };
    match Registration::parse(&text) {
        Err(error) => Checked::new(what, false, format!("{shown}: {error}")),
        Ok(read) => {
            let same = read.pid == pid && read.url.port() == address.port();
            let has = match read.password.is_some() {
                true => "a password",
                false => "no password",
            };
            let evidence = format!("{shown} has process {}, {} and {has}", read.pid, read.url);
            Checked::new(what, same, evidence)
        }
    }
}

/// Whether a log keeps events, and what it says of a number beyond its end.
async fn logs(client: &Client, newest: Option<&SessionInfo>) -> [Checked; 2] {
    let (keeps, beyond) = (
        "a log keeps no events",
        "a log gives the watermark for a number beyond its end",
    );
    let Some(session) = newest else {
        return [keeps, beyond].map(|what| Checked::not(what, "there is no session"));
    };
    let watermark = client.watermark(&session.id).await;
    let seq = match watermark {
        Ok(Watermark::At(seq)) => seq,
        Ok(Watermark::Empty) => {
            return [keeps, beyond].map(|what| Checked::not(what, "the session has no event"));
        }
        Ok(Watermark::Unknown) => {
            return [keeps, beyond].map(|what| Checked::not(what, "there is no log"));
        }
        Err(error) => return [keeps, beyond].map(|what| Checked::not(what, error.to_string())),
    };
    let before = Some(Seq(seq.0.saturating_sub(1)));
    let kept = client.log(&session.id, before).await.map(|log| {
        let many = log.events.len();
        let evidence = format!("{many} events after one before the watermark {}", seq.0);
        (many == 0, evidence)
    });
    [
        Checked::of(keeps, kept),
        Checked::new(beyond, true, format!("it is {}", seq.0)),
    ]
}

/// What a list has without being asked for the archive, and how it is sorted.
async fn lists(client: &Client, all: &Result<Page<SessionInfo>, Error>) -> Checked {
    let what = "a list has both kinds, the newest creation first";
    let all = match all {
        Ok(all) => all,
        Err(error) => return Checked::not(what, error.to_string()),
    };
    let archived = match listed(client, Some(ArchivedSessions::Only)).await {
        Ok(archived) => archived,
        Err(error) => return Checked::not(what, error.to_string()),
    };
    if all.items.len() < 2 || archived.items.is_empty() {
        let text = "it takes two sessions, and one in the archive";
        return Checked::not(what, text);
    }
    let is_archived = |one: &&SessionInfo| one.time.archived.is_some();
    let both = all.items.iter().filter(is_archived).count();
    let sorted = |key: fn(&SessionInfo) -> i64| all.items.is_sorted_by(|a, b| key(a) >= key(b));
    let (created, updated) = (
        sorted(|one| one.time.created.0),
        sorted(|one| one.time.updated.0),
    );
    let evidence = format!(
        "{both} of {} are archived; by creation: {created}, by change: {updated}",
        all.items.len()
    );
    Checked::new(what, both > 0 && created, evidence)
}

/// Something of the newest messages of a session.
async fn transcript(
    client: &Client,
    newest: Option<&SessionInfo>,
    what: &'static str,
    look: impl Fn(&[wire2::Message]) -> Option<(bool, String)>,
) -> Checked {
    let Some(session) = newest else {
        return Checked::not(what, "there is no session");
    };
    match client.messages(&session.id, None).await {
        Err(error) => Checked::not(what, error.to_string()),
        Ok(page) => match look(&page.items) {
            Some((holds, evidence)) => Checked::new(what, holds, evidence),
            None => Checked::not(what, "the newest session has no such messages"),
        },
    }
}

fn idle(messages: &[wire2::Message]) -> Option<(bool, String)> {
    let ends = messages
        .iter()
        .filter(|one| matches!(one.kind, MessageKind::Idle { .. }));
    let ids: Vec<_> = ends.map(|one| one.id.as_str()).collect();
    let first = ids.first()?;
    let unique = messages
        .iter()
        .filter(|one| one.id.as_str() == *first)
        .count()
        == 1;
    Some((unique, format!("{} of them, such as {first}", ids.len())))
}

/// Messages are listed the newest first.
fn order(messages: &[wire2::Message]) -> Option<(bool, String)> {
    let mut pairs = messages
        .windows(2)
        .filter(|pair| pair[0].created == pair[1].created);
    let wrong = |pair: &&[wire2::Message]| {
        matches!(pair[0].kind, MessageKind::User(_))
            && matches!(pair[1].kind, MessageKind::Assistant(_))
    };
    let many = pairs.clone().count();
    let bad = pairs.any(|pair| wrong(&pair));
    (many > 0).then(|| (!bad, format!("{many} neighbours have the same time")))
}

/// How long the first event takes, and how long the stream is silent.
async fn stream(client: &Client) -> Checked {
    let what = "a stream begins at once, and is never silent for longer than 15 s";
    let begun = Instant::now();
    let mut stream = match client.events(limits::WIRE_STREAM).await {
        Ok(stream) => stream,
        Err(error) => return Checked::not(what, error.to_string()),
    };
    let mut bytes = async || stream.next_chunk().await.is_ok_and(|chunk| chunk.is_some());
    let first = timeout(limits::WIRE_STREAM, bytes()).await.unwrap_or(false);
    let took = begun.elapsed();
    if !first {
        return Checked::new(what, false, "nothing came");
    }
    let waited = Instant::now();
    let next = timeout(limits::WIRE_STREAM, bytes()).await.unwrap_or(false);
    let silent = waited.elapsed();
    let evidence = format!(
        "the first bytes after {} ms, the next after {:.1} s",
        took.as_millis(),
        silent.as_secs_f32()
    );
    Checked::new(what, next && took < Duration::from_secs(3), evidence)
}

/// What a reply says of its compression and its protocol.
async fn compression(address: &Url) -> Checked {
    let what = "replies are not compressed, and come by HTTP/1.1";
    let Ok(url) = address.join("api/info") else {
        return Checked::not(what, "the address has no paths");
    };
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(limits::WIRE_STREAM)
        .build();
    let asked = match client {
        Ok(client) => client.get(url).header("accept-encoding", "gzip").send(),
        Err(error) => return Checked::not(what, error.to_string()),
    };
    match asked.await {
        Err(error) => Checked::not(what, error.without_url().to_string()),
        Ok(reply) => {
            let encoding = reply.headers().get("content-encoding");
            let encoding = encoding.map_or("none", |value| value.to_str().unwrap_or("unreadable"));
            let (version, encoding) = (reply.version(), encoding.to_owned());
            let plain = encoding == "none" && version == reqwest::Version::HTTP_11;
            Checked::new(what, plain, format!("{version:?}, encoding {encoding}"))
        }
    }
}

/// How long all sessions take.
async fn duration(client: &Client) -> Checked {
    let what = "10,000 sessions are listed within 10 s";
    let begun = Instant::now();
    let (mut cursor, mut many): (Option<String>, usize) = (None, 0);
    let filter = SessionFilter::default();
    while many < 10_000 {
        match client.sessions(&filter, cursor.as_deref()).await {
            Err(error) => return Checked::not(what, error.to_string()),
            Ok(page) => {
                many += page.items.len() + page.malformed;
                cursor = page.next.filter(|_| !page.items.is_empty());
            }
        }
        if cursor.is_none() {
            break;
        }
    }
    let took = begun.elapsed();
    let evidence = format!("{many} took {} ms", took.as_millis());
    if many < 10_000 {
        return Checked::not(what, evidence);
    }
    Checked::new(what, took < Duration::from_secs(10), evidence)
}
