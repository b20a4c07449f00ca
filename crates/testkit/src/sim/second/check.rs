//! What must hold of a service of version 2: at every moment, and once nothing goes wrong any more.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::SessionId;
use model::state::{
    Body, Instance, PartKind, Role, Run, Sameness, Session, State, ToolState, Watermark,
};
use scripted::opencode2::{SessionTruth, Truth};
use serde_json::Value;

use super::super::core::Invariant;
use super::hub::instance;
use super::people::{Ledger, Reported};

/// An invariant that does not hold, and why.
pub(super) type Found = Result<(), (Invariant, String)>;

fn wrong<T>(invariant: Invariant, what: impl Into<String>) -> Result<T, (Invariant, String)> {
    Err((invariant, what.into()))
}

/// One message as both sides have it: its id, who wrote it, and its pieces.
type Shown = (String, &'static str, Option<Vec<String>>);

/// What must hold at every moment.
pub(super) fn always(truth: &Truth, state: &State, ledger: &Ledger) -> Found {
    never_twice(truth, ledger)?;
    let Some(known) = state
        .instances
        .get(&instance())
        .filter(|known| known.is_live())
    else {
        return Ok(());
    };
    let waiting: BTreeSet<&str> = truth.waiting.keys().map(String::as_str).collect();
    for (id, session) in requests(known) {
        let runs = truth.running.contains(&session);
        if !waiting.contains(id.as_str()) && !runs {
            return wrong(
                Invariant::Needs,
                format!("{id} waits in {session}, which does not run any more"),
            );
        }
    }
    for (id, true_session) in &truth.sessions {
        let session = known.sessions.get(&SessionId::new(id.as_str()));
        if let Some(session) = session {
            proven(session, true_session)?;
        }
    }
    Ok(())
}

/// A conversation that is called proven up to the service's last number is the service's.
fn proven(session: &Session, truth: &SessionTruth) -> Found {
    let Sameness::Proven { upto, more: false } = session.sameness() else {
        return Ok(());
    };
    let last = truth.last.map_or(Watermark::Empty, Watermark::At);
    let id = &session.info.id;
    if upto > last {
        return wrong(
            Invariant::State,
            format!("{id} is proven up to {upto:?}, and its service is at {last:?}"),
        );
    }
    // What the service has been writing since has not arrived yet.
    if upto < last {
        return Ok(());
    }
    same_body(session, truth)
        .map_err(|(kind, what)| (kind, format!("{what}, and is called proven at {upto:?}")))
}

/// What must hold once nothing goes wrong any more and there was time. Of sessions in `beside` another process changed the title.
pub(super) fn quiet(
    truth: &Truth,
    state: &State,
    ledger: &Ledger,
    beside: &BTreeSet<String>,
) -> Found {
    arrived(truth, ledger)?;
    let Some(known) = state.instances.get(&instance()) else {
        return wrong(Invariant::State, "the service is not known");
    };
    if !known.is_live() {
        let status = &known.link.status;
        return wrong(Invariant::Convergence, format!("the link is {status:?}"));
    }
    if known.catalog.is_none() {
        return wrong(Invariant::Convergence, "agents and models are not known");
    }
    let shown: BTreeMap<_, _> = requests(known).into_iter().collect();
    if shown != truth.waiting {
        let waiting = &truth.waiting;
        return wrong(
            Invariant::Needs,
            format!("{shown:?} are shown, and truly {waiting:?}"),
        );
    }
    for (id, truth_of) in &truth.sessions {
        let Some(session) = known.sessions.get(&SessionId::new(id.as_str())) else {
            return wrong(Invariant::State, format!("{id} is not known"));
        };
        same_row(session, truth_of, !beside.contains(id))?;
        let runs = truth.running.contains(id);
        if session.run.is_running() != runs {
            let run = &session.run;
            return wrong(
                Invariant::Status,
                format!("{id} is {run:?}, and runs: {runs}"),
            );
        }
        at_rest(session)?;
        if !runs {
            same_body(session, truth_of)?;
        }
    }
    for id in known.sessions.keys() {
        if !truth.sessions.contains_key(id.as_str()) {
            return wrong(Invariant::State, format!("{id} is known, and is gone"));
        }
    }
    Ok(())
}

fn at_rest(session: &Session) -> Found {
    let reads = match &session.body {
        Body::Loading(_) => true,
        Body::Loaded(loaded) => loaded.rereading.is_some(),
        Body::NotLoaded | Body::Failed { .. } => false,
    };
    match reads || session.run == Run::Unknown {
        true => wrong(
            Invariant::Convergence,
            format!("{} is being read", session.info.id),
        ),
        false => Ok(()),
    }
}

fn requests(known: &Instance) -> Vec<(String, String)> {
    let permissions = known.permissions.values();
    let permissions = permissions.map(|one| (one.id.to_string(), one.session.to_string()));
    let questions = known.questions.values();
    let questions = questions.map(|one| (one.id.to_string(), one.session.to_string()));
    permissions.chain(questions).collect()
}

fn same_row(session: &Session, truth: &SessionTruth, titled: bool) -> Found {
    let info = &session.info;
    let title = truth.info["title"].as_str().unwrap_or_default();
    let directory = truth.info["location"]["directory"].as_str();
    let archived = truth.info["time"]["archived"].is_number();
    let same = (!titled || title.is_empty() || *info.title == *title)
        && directory == Some(&*info.directory)
        && archived == info.archived.is_some();
    match same {
        true => Ok(()),
        false => wrong(
            Invariant::State,
            format!("{} has the row {info:?}, and truly {}", info.id, truth.info),
        ),
    }
}

/// The conversation as the hub has it, if it is here.
fn here(session: &Session) -> Option<Vec<Shown>> {
    let loaded = session.loaded()?;
    let shown = loaded.in_order().map(|message| {
        let role = match message.info.role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Note => "note",
        };
        let parts = message.in_order().map(|part| match &part.kind {
            PartKind::Text { text, .. } => format!("text {text}"),
            PartKind::Reasoning { text, .. } => format!("reasoning {text}"),
            PartKind::Tool(tool) => format!("tool {} {}", tool.call, outcome(&tool.state)),
            other => format!("{other:?}").chars().take(20).collect(),
        });
        (message.info.id.to_string(), role, Some(parts.collect()))
    });
    Some(shown.collect())
}

/// How a call ended, in the service's words; or that it is open.
fn outcome(state: &ToolState) -> &'static str {
    match state {
        ToolState::Pending | ToolState::Running { .. } => "open",
        ToolState::Completed { .. } => "completed",
        ToolState::Error { .. } => "error",
    }
}

/// The same as the service has it. Pieces of summaries and notes are not compared.
fn there(truth: &SessionTruth) -> Vec<Shown> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let messages = truth.messages.iter().filter_map(|message| {
        let id = text(&message["id"]);
        match message["type"].as_str()? {
            "user" => {
                let words = format!("text {}", text(&message["text"]));
                Some((id, "user", Some(vec![words])))
            }
            "assistant" => {
                let pieces = message["content"].as_array()?.iter().map(|piece| {
                    let kind = piece["type"].as_str().unwrap_or_default();
                    match kind {
                        "tool" => {
                            let status = piece["state"]["status"].as_str();
                            let ended = status.filter(|one| ["completed", "error"].contains(one));
                            let outcome = ended.unwrap_or("open");
                            format!("tool {} {outcome}", text(&piece["id"]))
                        }
                        kind => format!("{kind} {}", text(&piece["text"])),
                    }
                });
                Some((id, "assistant", Some(pieces.collect())))
            }
            "compaction" => Some((id, "assistant", None)),
            "synthetic" | "system" | "skill" | "shell" => Some((id, "note", None)),
            _ => None,
        }
    });
    messages.collect()
}

/// The prompts that wait in the inbox.
fn waiting(truth: &SessionTruth) -> BTreeSet<String> {
    let prompts = truth.inbox.iter().filter(|item| item["type"] == "user");
    let ids = prompts.filter_map(|item| item["id"].as_str());
    ids.map(str::to_owned).collect()
}

fn same_body(session: &Session, truth: &SessionTruth) -> Found {
    let Some(all) = here(session) else {
        return Ok(());
    };
    let (there, waiting) = (there(truth), waiting(truth));
    let id = &session.info.id;
    // What waits stands where it was sent: its place among the messages is known once it is delivered.
    let (held, here): (Vec<Shown>, Vec<Shown>) =
        all.into_iter().partition(|one| waiting.contains(&one.0));
    let (here, there) = in_order(truth, here, there);
    if held.len() != waiting.len() {
        return wrong(
            Invariant::State,
            format!("{id} has waiting {:?}, and truly {waiting:?}", ids(&held)),
        );
    }
    let skip = there.len().saturating_sub(here.len());
    let older = session.loaded().is_some_and(|one| one.older.is_some());
    if here.len() > there.len() || (skip > 0 && !older) {
        return wrong(
            Invariant::State,
            format!(
                "{id} has the messages {:?}, and truly {:?}, waiting {:?}",
                ids(&here),
                ids(&there),
                truth.inbox
            ),
        );
    }
    for (own, truly) in here.iter().zip(&there[skip..]) {
        if (&own.0, own.1) != (&truly.0, truly.1) {
            return wrong(
                Invariant::State,
                format!(
                    "{id} has the messages {:?}, and truly {:?}, waiting {:?}",
                    ids(&here),
                    ids(&there),
                    truth.inbox
                ),
            );
        }
        same_pieces(own.2.as_ref(), truly.2.as_ref())
            .map_err(|what| (Invariant::Text, format!("{id} {}: {what}", own.0)))?;
    }
    Ok(())
}

/// Both sides with the messages of one millisecond in the order of their ids: which of them is first is not known of a real service, either.
fn in_order(
    truth: &SessionTruth,
    mut here: Vec<Shown>,
    mut there: Vec<Shown>,
) -> (Vec<Shown>, Vec<Shown>) {
    let times = truth.messages.iter().filter_map(|message| {
        let id = message["id"].as_str()?.to_owned();
        Some((id, message["time"]["created"].as_i64()?))
    });
    let times: BTreeMap<String, i64> = times.collect();
    let time = |one: &Shown| times.get(&one.0).copied();
    // Each run of one moment for itself, so that a message that stands among those of another moment is found.
    for side in [&mut here, &mut there] {
        for moment in side.chunk_by_mut(|a, b| time(a) == time(b)) {
            moment.sort();
        }
    }
    (here, there)
}

fn ids(messages: &[Shown]) -> Vec<String> {
    messages
        .iter()
        .map(|(id, role, _)| format!("{role} {id}"))
        .collect()
}

/// Pieces of a message. One whose text the service has not yet, or never, got is empty there.
fn same_pieces(own: Option<&Vec<String>>, truly: Option<&Vec<String>>) -> Result<(), String> {
    let (Some(own), Some(truly)) = (own, truly) else {
        return Ok(());
    };
    let same = |(own, truly): (&String, &String)| {
        let open = matches!(truly.as_str(), "text " | "reasoning ");
        own == truly || open && own.starts_with(truly.as_str())
    };
    match own.len() == truly.len() && own.iter().zip(truly).all(same) {
        true => Ok(()),
        false => Err(format!("has {own:?}, and truly {truly:?}")),
    }
}

/// Texts of all prompts that the service has, delivered or not.
fn prompts(truth: &Truth) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for session in truth.sessions.values() {
        let messages = session.messages.iter();
        let messages = messages.filter(|message| message["type"] == "user");
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        for message in messages {
            let id = message["id"].as_str().unwrap_or_default();
            ids.insert(id, message["text"].as_str().unwrap_or_default());
        }
        for item in &session.inbox {
            let id = item["id"].as_str().unwrap_or_default();
            let text = item["payload"]["text"].as_str();
            ids.entry(id).or_insert(text.unwrap_or_default());
        }
        for text in ids.into_values() {
            *counts.entry(text.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// No prompt is there twice.
fn never_twice(truth: &Truth, ledger: &Ledger) -> Found {
    let counts = prompts(truth);
    for (text, _) in super::people::written(ledger) {
        let times = counts.get(&text).copied().unwrap_or_default();
        if times > 1 {
            return wrong(Invariant::Sent, format!("{text:?} is there {times} times"));
        }
    }
    Ok(())
}

/// Each prompt that was taken is there, and none is still on its way.
fn arrived(truth: &Truth, ledger: &Ledger) -> Found {
    let counts = prompts(truth);
    for (text, reported) in super::people::written(ledger) {
        let times = counts.get(&text).copied().unwrap_or_default();
        match reported {
            Reported::Waits => {
                return wrong(Invariant::Sent, format!("{text:?} is still on its way"));
            }
            Reported::Taken if times != 1 => {
                return wrong(
                    Invariant::Sent,
                    format!("{text:?} was taken, and is there {times} times"),
                );
            }
            Reported::Refused if times != 0 => {
                return wrong(
                    Invariant::Sent,
                    format!("{text:?} was refused, and is there {times} times"),
                );
            }
            Reported::Taken | Reported::Refused => {}
        }
    }
    Ok(())
}
