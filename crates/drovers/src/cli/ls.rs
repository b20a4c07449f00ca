//! `drovers ls`: instances, their sessions as a tree, and what waits for a person.

mod across;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;

use super::Setting;
use crate::api::{Api, Instance, Link, Session, Terminal, Waiting};
use crate::census::{self, Counted};
use crate::changes::Changes;
use crate::fault::Fault;
use crate::limits;
use crate::out::{self, Colour};

/// List instances and sessions, the most urgent first: state, age, and requests that need you
///
/// At a terminal, lines are cut to its width.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers ls\n  drovers ls --watch\n  drovers ls --folder ~/code/shop\n  \
    drovers ls --json | jq '.instances[].sessions[] | select(.mark.state == \"needs_you\") | .title'"
)]
pub(crate) struct LsArgs {
    /// Include idle sessions of any age
    #[arg(long, short)]
    all: bool,
    /// Load one more page of older sessions from each server
    #[arg(long)]
    older: bool,
    /// List archived sessions only
    #[arg(long, conflicts_with_all = ["all", "older"])]
    archived: bool,
    /// Only sessions that work in this folder: a path, or the name of a folder of a service
    #[arg(long, short, value_name = "FOLDER")]
    folder: Option<String>,
    /// Keep running, and update the list on every change
    #[arg(long, short, conflicts_with = "older")]
    watch: bool,
    /// Print {"instances": [{…, "sessions", "permissions", "questions"}], "terminals": […]} as JSON; with --watch one line per change
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
    if args.watch {
        return watch(&api, args).await;
    }
    let (counted, discovered) = tokio::join!(census::take(&api), api.discover());
    let counted = within(counted?, args);
    // Only a hint: the page reports why servers cannot be discovered.
    let terminals = discovered.map(|found| found.terminals).unwrap_or_default();
    if args.json {
        return json(&counted, &terminals);
    }
    let columns = out::size().map(|(columns, _)| columns);
    for line in listing(counted, args, columns) {
        match columns {
            Some(columns) => out::line(&out::cut(&line, columns))?,
            None => out::line(&line)?,
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

/// Prints the list again on each change.
async fn watch(api: &Api, args: &LsArgs) -> Result<(), Fault> {
    let mut changes = Changes::open(api).await?;
    let mut shown = Vec::new();
    loop {
        let counted = within(census::take(api).await?, args);
        if args.json {
            json(&counted, &[])?;
        } else {
            let size = out::size();
            let columns = size.map(|(columns, _)| columns);
            let lines = fitted(listing(counted, args, columns), size);
            // Without a terminal only a changed list is printed.
            if out::is_terminal() || lines != shown {
                out::screen(&lines)?;
            }
            shown = lines;
        }
        changes.next().await?;
    }
}

/// The lines that fit on a terminal, each cut to its width.
fn fitted(lines: Vec<String>, size: Option<(usize, usize)>) -> Vec<String> {
    let Some((columns, rows)) = size else {
        return lines;
    };
    let (count, room) = (lines.len(), rows - 1);
    let cut = lines.iter().map(|line| out::cut(line, columns));
    if count <= room {
        return cut.collect();
    }
    let mut fitted: Vec<String> = cut.take(room - 1).collect();
    let left = count - fitted.len();
    fitted.push(format!("… {left} more lines"));
    fitted
}

/// What is to be listed: all, or the instances with sessions in the folder that is named, and these.
fn within(mut counted: Vec<Counted>, args: &LsArgs) -> Vec<Counted> {
    let Some(folder) = &args.folder else {
        return counted;
    };
    let path = Path::new(folder);
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for one in &mut counted {
        let named = one.instance.folders.iter();
        let named: Vec<_> = named
            .filter(|known| known.name == *folder)
            .map(|known| known.directory.clone())
            .collect();
        one.sessions.retain(|session| {
            let directory = &session.directory;
            Path::new(directory) == path || directory == folder || named.contains(directory)
        });
    }
    counted.retain(|one| !one.sessions.is_empty());
    counted
}

/// Sessions that need a person, of all instances, the most urgent first; then every instance with its others.
fn listing(mut counted: Vec<Counted>, args: &LsArgs, columns: Option<usize>) -> Vec<String> {
    if counted.is_empty() {
        let hint = "no instances yet. Add one with `drovers FOLDER` or `drovers --attach URL`";
        return vec![hint.to_owned()];
    }
    for one in &mut counted {
        one.sessions
            .retain(|session| session.time.is_archived() == args.archived);
    }
    counted.sort_by_key(|counted| std::cmp::Reverse(counted.sessions.iter().map(urgency).max()));
    let now = now();
    let all = args.all || args.older || args.archived;
    let mut lines = across::urgent(&mut counted, now, columns);
    lines.extend(
        counted
            .iter()
            .flat_map(|counted| lines_of(counted, all, now, columns)),
    );
    lines
}

/// The time of day in Unix milliseconds.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// Urgency of a session; a greater value is more urgent.
fn urgency(session: &Session) -> u8 {
    match &*session.mark.name {
        "needs_you" => 7,
        "failed" => 6,
        "interrupted" => 5,
        "retrying" => 4,
        "to_review" => 3,
        "stale" => 2,
        "working" => 1,
        _ => 0,
    }
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

fn lines_of(counted: &Counted, all: bool, now: f64, columns: Option<usize>) -> Vec<String> {
    let mut lines = vec![head(&counted.instance)];
    // Times of a server are by its own clock.
    let theirs = now + counted.instance.clock_ahead as f64;
    let waiting = counted.waiting();
    let tree = tree(&counted.sessions);
    let shown = shown(&tree, all, |session| {
        let idle = matches!(&*session.mark.name, "idle" | "recorded");
        !idle || waiting.contains_key(session.id.as_str())
    });
    let hidden = shown.iter().filter(|shown| !**shown).count();
    let rows: Vec<_> = tree
        .iter()
        .zip(&shown)
        .filter(|(_, shown)| **shown)
        .map(|((depth, session), _)| {
            let waits = waiting.get(session.id.as_str());
            row(
                session,
                waits.map_or(&[][..], Vec::as_slice),
                *depth,
                (now, theirs),
                columns,
            )
        })
        .collect();
    let roots = tree
        .iter()
        .zip(&shown)
        .scan("", |root, ((depth, session), shown)| {
            if *depth == 0 {
                *root = &session.directory;
            }
            Some(shown.then_some(*root))
        });
    let roots: Vec<_> = roots.flatten().collect();
    let drawn = out::columns(&rows);
    lines.extend(grouped(&counted.instance, &roots, drawn));
    if hidden > 0 {
        lines.push(format!("  … and {hidden} idle: `drovers ls --all`"));
    }
    if counted.instance.older_sessions {
        lines.push("  … and older sessions: `drovers ls --older`".to_owned());
    }
    if let Some(read) = counted.instance.folders_cut {
        lines.push(format!(
            "  … and sessions of other folders may be missing: its server works in more than the {read} that Drovers reads"
        ));
    }
    if let Some(copying) = &counted.instance.copying {
        lines.push(match copying.get("failed").and_then(|why| why.as_str()) {
            Some(why) => format!(
                "  … and sessions of OpenCode 1 that were not copied: {}",
                out::one_line(why)
            ),
            None => "  … and sessions of OpenCode 1 that its server still copies".to_owned(),
        });
    }
    lines
}

/// Rows below the names of their folders, where the instance has no folder of its own. `roots` has the folder of each row's root.
fn grouped(instance: &Instance, roots: &[&str], rows: Vec<String>) -> Vec<String> {
    if instance.folders.is_empty() {
        return rows.into_iter().map(|line| format!("  {line}")).collect();
    }
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for (root, row) in roots.iter().zip(rows) {
        match groups.iter_mut().find(|(of, _)| of == root) {
            Some((_, group)) => group.push(row),
            None => groups.push((root, vec![row])),
        }
    }
    let titled = groups.into_iter().flat_map(|(root, group)| {
        let known = instance.folders.iter().find(|one| one.directory == root);
        let name = known.map_or(root, |one| &one.name);
        let branch = known.and_then(|one| one.branch.as_deref());
        let branch = branch.map(|branch| format!("  {}", out::one_line(branch)));
        let title = format!(
            "  {}{}",
            out::paint(Colour::Bold, &out::one_line(name)),
            out::paint(Colour::Dim, &branch.unwrap_or_default())
        );
        let group = group.into_iter().map(|line| format!("    {line}"));
        [title].into_iter().chain(group)
    });
    titled.collect()
}

/// The shown sessions of a tree: those with a state that matters, their ancestors, and the first [`QUIET`] of the other roots.
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
            "stale: no events for too long; the list below may be out of date",
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
        Link::Error | Link::Disconnected => ". The list below shows the last known state",
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

/// Columns that stand before a title: the indent, the mark and the age.
const BEFORE_TITLE: usize = 24;
/// Columns that a title has at least, however long the reason behind it is.
const LEAST_TITLE: usize = 16;

/// A title that leaves room for the reason behind it: that a session waits is what a list is read for.
fn beside(title: &str, reason: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else {
        return format!("{title}{reason}");
    };
    let room = columns.saturating_sub(BEFORE_TITLE);
    let left = room.saturating_sub(out::width(reason));
    format!("{}{reason}", out::cut(title, left.max(LEAST_TITLE)))
}

/// `now` is by our clock, `theirs` by the server's.
fn row(
    session: &Session,
    waits: &[&Waiting],
    depth: usize,
    (now, theirs): (f64, f64),
    columns: Option<usize>,
) -> Vec<String> {
    let name = format!("{}{}", "  ".repeat(depth), title(session));
    let mut reason = String::new();
    // The current step, or the reason why the session is idle. Pending requests are listed by themselves.
    let says = match &*session.mark.name {
        "failed" | "interrupted" | "stale" => Some(session.mark.sentence()),
        "working" | "retrying" => session.mark.evidence(now),
        _ => None,
    };
    if let Some(says) = says.filter(|_| waits.is_empty()) {
        reason.push_str(&format!("  ({})", out::one_line(&says)));
    }
    if !waits.is_empty() {
        let requests = waits.iter().take(limits::WAITING);
        let mut requests: Vec<String> = requests.map(|one| out::one_line(&one.words())).collect();
        if waits.len() > limits::WAITING {
            requests.push(format!("… and {} more", waits.len() - limits::WAITING));
        }
        reason.push_str(&format!("  ← {}", requests.join("; ")));
    }
    for clash in &session.clashes {
        let words = out::one_line(clash.words.trim_end_matches('.'));
        reason.push_str(&format!(
            "  {}",
            out::paint(Colour::Yellow, &format!("! {words}"))
        ));
    }
    // Last, as it is what may be cut off: a title names a session as well.
    let id = out::paint(Colour::Dim, &out::one_line(&session.id));
    vec![
        out::one_line(&session.mark.word),
        age(theirs - session.time.updated),
        format!("{}  {id}", beside(&name, &reason, columns)),
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

pub(super) fn age(millis: f64) -> String {
    // Whole seconds of a positive number: the cast saturates.
    let seconds = (millis / 1000.0).max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// Sessions with their depth, the most urgent root first, then the newest, children below their parent. A child whose parent is not here is a
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
    let newest = |a: &&Session, b: &&Session| {
        let urgent = urgency(b).cmp(&urgency(a));
        urgent.then(b.time.updated.total_cmp(&a.time.updated))
    };
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
mod tests;
