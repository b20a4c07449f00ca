//! `drovers ls`: instances, their sessions as a tree, and what waits for a person.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;

use super::Setting;
use crate::api::{Api, Instance, Link, Session, Status, Terminal, Waiting};
use crate::census::{self, Counted};
use crate::fault::Fault;
use crate::limits;
use crate::out::{self, Colour};

/// List instances and sessions: state, age, and what waits for you
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Also sessions in which nothing happens and nothing is asked, however old
    #[arg(long, short)]
    all: bool,
    /// Also a page more of those sessions that servers did not list, as they have too many
    #[arg(long)]
    older: bool,
    /// Print {"instances": [{…, "sessions", "permissions", "questions"}], "terminals": […]} as JSON
    #[arg(long)]
    json: bool,
}

/// Quiet sessions shown of each instance without `--all`.
const QUIET: usize = 5;

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    instance: &'a serde_json::Map<String, serde_json::Value>,
    sessions: &'a [Session],
    permissions: &'a [Waiting],
    questions: &'a [Waiting],
}

#[derive(Serialize)]
struct Listing<'a> {
    instances: Vec<Listed<'a>>,
    terminals: &'a [Terminal],
}

/// Asks the running hub and prints.
pub(crate) async fn run(args: &LsArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    if args.older {
        list_older(&api).await?;
    }
    let (counted, discovered) = tokio::join!(census::take(&api), api.discover());
    let counted = counted?;
    // Only an aside: what cannot be looked for is told where it matters, on the page.
    let terminals = discovered.map(|found| found.terminals).unwrap_or_default();
    if args.json {
        return json(&counted, &terminals);
    }
    if counted.is_empty() {
        out::line("no instances yet. Add one with `drovers FOLDER` or `drovers --attach URL`")?;
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64() * 1000.0);
    for counted in &counted {
        for line in lines(counted, args.all || args.older, now) {
            out::line(&line)?;
        }
    }
    for terminal in &terminals {
        out::line(&format!(
            "{} OpenCode in a terminal, in {}: recorded, not live. Reopen it live with `{}`",
            out::paint(Colour::Dim, "·"),
            out::one_line(&terminal.folder),
            out::one_line(&terminal.command)
        ))?;
    }
    Ok(())
}

/// Has older sessions listed, wherever there are any.
async fn list_older(api: &Api) -> Result<(), Fault> {
    for instance in api.instances().await? {
        if instance.older_sessions
            && let Err(fault) = api.older_sessions(&instance.id).await
        {
            out::note(&format!("{}: {fault}", out::one_line(&instance.name)));
        }
    }
    Ok(())
}

fn json(counted: &[Counted], terminals: &[Terminal]) -> Result<(), Fault> {
    let objects: Vec<serde_json::Map<_, _>> = counted
        .iter()
        .map(|counted| serde_json::from_str(counted.instance.raw.get()).unwrap_or_default())
        .collect();
    let instances = counted
        .iter()
        .zip(&objects)
        .map(|(counted, instance)| Listed {
            instance,
            sessions: &counted.sessions,
            permissions: &counted.permissions,
            questions: &counted.questions,
        });
    out::json(&Listing {
        instances: instances.collect(),
        terminals,
    })
}

fn lines(counted: &Counted, all: bool, now: f64) -> Vec<String> {
    let mut lines = vec![head(&counted.instance)];
    // What a server tells has the times of its own clock.
    let now = now + counted.instance.clock_ahead as f64;
    let waiting = counted.waiting();
    let tree = tree(&counted.sessions);
    let shown = shown(&tree, all, |session| {
        let idle = matches!(state(&session.status), "idle" | "recorded");
        !idle || waiting.contains_key(session.id.as_str())
    });
    let hidden = shown.iter().filter(|shown| !**shown).count();
    let rows: Vec<_> = tree
        .iter()
        .zip(&shown)
        .filter(|(_, shown)| **shown)
        .map(|((depth, session), _)| {
            let waits = waiting.get(session.id.as_str());
            row(session, waits.map_or(&[][..], Vec::as_slice), *depth, now)
        })
        .collect();
    lines.extend(
        out::columns(&rows)
            .into_iter()
            .map(|line| format!("  {line}")),
    );
    if hidden > 0 {
        lines.push(format!("  … and {hidden} quiet ones: `drovers ls --all`"));
    }
    if counted.instance.older_sessions {
        lines.push(
            "  … and older ones, which its server did not list: `drovers ls --older`".to_owned(),
        );
    }
    lines
}

/// Which sessions of a tree are shown: those that matter and all above them, and the first [`QUIET`] of the other roots.
fn shown(tree: &[(usize, &Session)], all: bool, matters: impl Fn(&Session) -> bool) -> Vec<bool> {
    let mut shown: Vec<bool> = tree
        .iter()
        .map(|(_, session)| all || matters(session))
        .collect();
    // From the end, each is met after what is below it: it is known for each depth whether a row there, below the next one above,
    // is shown.
    let mut below = [false; model::limits::TREE_DEPTH + 2];
    for (at, (depth, _)) in tree.iter().enumerate().rev() {
        let depth = (*depth).min(model::limits::TREE_DEPTH);
        shown[at] |= below[depth + 1];
        below[depth + 1..].fill(false);
        below[depth] |= shown[at];
    }
    let quiet = (0..tree.len()).filter(|at| tree[*at].0 == 0 && !shown[*at]);
    for root in quiet.take(QUIET).collect::<Vec<_>>() {
        shown[root] = true;
    }
    shown
}

fn head(instance: &Instance) -> String {
    let place = instance
        .folder
        .as_deref()
        .or(instance.url.as_deref())
        .unwrap_or_default();
    let (colour, word) = match instance.status {
        Link::Connecting => (Colour::Yellow, "connecting"),
        Link::Connected => (Colour::Green, "connected"),
        Link::Stale => (
            Colour::Yellow,
            "stale: silent for too long, what follows may be old",
        ),
        Link::Error => (Colour::Red, "error"),
        Link::Disconnected => (Colour::Red, "disconnected"),
    };
    let tries = match (instance.status, instance.attempt, instance.max_attempts) {
        (Link::Error, Some(attempt), Some(most)) => Some(format!("try {attempt} of {most}")),
        _ => None,
    };
    let aside: Vec<_> = instance
        .reason_kind
        .clone()
        .into_iter()
        .chain(tries)
        .collect();
    let aside = match aside.is_empty() {
        true => String::new(),
        false => format!(" ({})", out::one_line(&aside.join(", "))),
    };
    let reason = instance
        .reason
        .as_deref()
        .map(|reason| format!(": {}", out::one_line(reason)))
        .unwrap_or_default();
    let old = match instance.status {
        Link::Error | Link::Disconnected => ". What follows is as it was last heard",
        _ => "",
    };
    format!(
        "{}  {}  {}  {}{aside}{reason}{old}",
        out::paint(Colour::Bold, &out::one_line(&instance.name)),
        out::paint(Colour::Dim, &out::one_line(&instance.id)),
        out::paint(Colour::Dim, &out::one_line(place)),
        out::paint(colour, word),
    )
}

fn row(session: &Session, waits: &[&Waiting], depth: usize, now: f64) -> Vec<String> {
    let state = if waits.is_empty() {
        state(&session.status)
    } else {
        "needs you"
    };
    let mut title = format!("{}{}", "  ".repeat(depth), title(session));
    if let Some(message) = &session.status.message {
        title.push_str(&format!("  ({})", out::one_line(message)));
    }
    if !waits.is_empty() {
        let told = waits.iter().take(limits::WAITING);
        let mut told: Vec<String> = told.map(|one| out::one_line(&one.words())).collect();
        if waits.len() > limits::WAITING {
            told.push(format!("… and {} more", waits.len() - limits::WAITING));
        }
        title.push_str(&format!("  ← {}", told.join("; ")));
    }
    vec![
        state.to_owned(),
        age(now - session.time.updated),
        out::one_line(&session.id),
        title,
    ]
}

/// A session's title for people.
pub(crate) fn title(session: &Session) -> String {
    let title = out::one_line(&session.title);
    if title.is_empty() {
        "Untitled".to_owned()
    } else {
        title
    }
}

fn state(status: &Status) -> &'static str {
    match status.kind.as_str() {
        "idle" => "idle",
        // Its server cannot be heard: whether it still does is not known.
        _ if status.last_known.is_some() => "was working",
        "busy" => "working",
        "retry" => "retrying",
        "interrupted" => "interrupted",
        _ => "recorded",
    }
}

fn age(millis: f64) -> String {
    // Whole seconds of a positive number: the cast saturates.
    let seconds = (millis / 1000.0).max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// Sessions with their depth, the newest root first, children below their parent. A child whose parent is not here is a
/// root; so is one in a ring.
fn tree(sessions: &[Session]) -> Vec<(usize, &Session)> {
    let known: BTreeMap<&str, &Session> = sessions
        .iter()
        .map(|session| (session.id.as_str(), session))
        .collect();
    let mut children: BTreeMap<&str, Vec<&Session>> = BTreeMap::new();
    let mut roots = Vec::new();
    for session in sessions {
        match session
            .parent
            .as_deref()
            .filter(|parent| known.contains_key(parent))
        {
            Some(parent) => children.entry(parent).or_default().push(session),
            None => roots.push(session),
        }
    }
    let newest = |a: &&Session, b: &&Session| b.time.updated.total_cmp(&a.time.updated);
    roots.sort_by(newest);
    children
        .values_mut()
        .for_each(|siblings| siblings.sort_by(newest));
    let mut drawn = Vec::new();
    let mut left: Vec<(usize, &Session)> = roots.into_iter().rev().map(|root| (0, root)).collect();
    while let Some((depth, session)) = left.pop() {
        drawn.push((depth, session));
        let below = children.remove(session.id.as_str()).unwrap_or_default();
        let deeper = model::limits::TREE_DEPTH.min(depth + 1);
        left.extend(below.into_iter().rev().map(|child| (deeper, child)));
    }
    let ring: Vec<_> = children
        .into_values()
        .flatten()
        .map(|session| (0, session))
        .collect();
    drawn.extend(ring);
    drawn
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn session(id: &str, parent: Option<&str>, updated: u32) -> Session {
        let json = serde_json::json!({"id": id, "parentID": parent, "time": {"updated": updated}});
        serde_json::from_str(&json.to_string()).unwrap()
    }

    #[test]
    fn sessions_stand_below_their_parents_and_none_is_lost() {
        let sessions = [
            session("old", None, 1),
            session("new", None, 9),
            session("child", Some("old"), 5),
            session("grandchild", Some("child"), 2),
            session("stray", Some("gone"), 3),
            session("ring1", Some("ring2"), 1),
            session("ring2", Some("ring1"), 1),
        ];
        let drawn: Vec<_> = tree(&sessions)
            .into_iter()
            .map(|(depth, session)| (depth, session.id.as_str()))
            .collect();
        assert_eq!(
            drawn,
            [
                (0, "new"),
                (0, "stray"),
                (0, "old"),
                (1, "child"),
                (2, "grandchild"),
                (0, "ring2"),
                (0, "ring1")
            ]
        );
    }

    #[test]
    fn what_matters_is_shown_with_all_above_it_and_no_root_is_cut_for_a_child() {
        let mut sessions = vec![
            session("busy", Some("child"), 90),
            session("child", Some("root"), 91),
        ];
        sessions.push(session("root", None, 1));
        for n in 0..9_u32 {
            sessions.push(session(&format!("quiet{n}"), None, 50 + n));
            sessions.push(session(
                &format!("below{n}"),
                Some(&format!("quiet{n}")),
                70 + n,
            ));
        }
        let tree = tree(&sessions);
        let shown = shown(&tree, false, |session| session.id == "busy");
        let names: Vec<_> = tree
            .iter()
            .zip(&shown)
            .filter(|(_, shown)| **shown)
            .map(|((_, session), _)| session.id.as_str())
            .collect();
        let quiet = ["quiet8", "quiet7", "quiet6", "quiet5", "quiet4"];
        assert_eq!(names[..QUIET], quiet);
        assert_eq!(names[QUIET..], ["root", "child", "busy"]);
        assert!(
            super::shown(&tree, true, |_| false)
                .iter()
                .all(|shown| *shown)
        );
    }

    #[test]
    fn ages_are_short() {
        let ages = [-5.0, 59_999.0, 60_000.0, 3_600_000.0, 200_000_000.0].map(age);
        assert_eq!(ages, ["0s", "59s", "1m", "1h", "2d"]);
    }
}
