//! A parallel run as columns, one for each of its runs.

use std::sync::Arc;

use serde::Deserialize;

use super::log::MessageRow;
use super::overview::{OverviewRow, SingleRows};
use super::{Front, LogState};
use crate::ids::{ParallelId, SessionId};
use crate::limits;
use crate::plain;
use crate::state::{
    Body, Instance, Loaded, Parallel, ParallelRun, PartKind, Rev, Session, ToolState,
};
use crate::time::Timestamp;

/// Agent of OpenCode that changes no files.
pub const READ_ONLY_AGENT: &str = "plan";

/// A parallel run, to be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct ParallelPage {
    /// Id of the parallel run.
    pub id: ParallelId,
    /// Title that its sessions share; empty until one of them is known.
    pub title: Arc<str>,
    /// The folder in which more than one of them works.
    pub shared: Option<Arc<str>>,
    /// True if none of its agents changes files.
    pub read_only: bool,
    /// False while the server is not connected.
    pub live: bool,
    /// The session that was kept.
    pub kept: Option<SessionId>,
    /// The runs, in their order.
    pub runs: Vec<RunColumn>,
}

/// A run of a parallel run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunColumn {
    /// Name of its model; empty where the server chooses.
    pub model: Arc<str>,
    /// Its agent, where one was named.
    pub agent: Option<Arc<str>>,
    /// Its session, once that was created.
    pub session: Option<SessionId>,
    /// Reason for which the run did not start.
    pub problem: Option<Arc<str>>,
    /// The state of its session, once known.
    pub row: Option<OverviewRow>,
    /// True if its session is archived.
    pub archived: bool,
    /// Tokens of its session.
    pub tokens: u64,
    /// When it began, by the hub's clock.
    pub began: Option<Timestamp>,
    /// When the last answer was complete, by the hub's clock; absent while it runs.
    pub ended: Option<Timestamp>,
    /// Files that its tools changed, [`limits::PARALLEL_FILES`] at most.
    pub files: Vec<FileChange>,
    /// Whether the conversation is loaded.
    pub state: LogState,
    /// Revision from which on it is loaded without a break: a viewer that is behind it has none of the answer.
    pub loaded_since: Rev,
    /// The last answer, and the current step where that is another message.
    pub answer: Vec<MessageRow>,
}

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Its path, below the session's folder where it is in there.
    pub path: Arc<str>,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
}

/// The parallel run of a session, for its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParallelRow {
    /// Its id.
    pub id: ParallelId,
    /// Number of runs.
    pub runs: usize,
}

/// The newest parallel run that a session belongs to.
pub(super) fn of_session(instance: &Instance, session: &SessionId) -> Option<ParallelRow> {
    let all = instance.parallels.values().map(|(_, parallel)| parallel);
    let of = all.filter(|parallel| parallel.has(session));
    let newest = of.max_by_key(|parallel| parallel.at)?;
    Some(ParallelRow {
        id: newest.id.clone(),
        runs: newest.runs.len(),
    })
}

impl Front<'_> {
    /// The columns of a parallel run, if anything of them changed.
    pub(super) fn parallel(&self, id: &ParallelId, since: Rev) -> Option<ParallelPage> {
        let instance = self.instance;
        let (rev, parallel) = instance.parallels.get(id)?;
        let rows = [
            *rev,
            instance.rev,
            instance.tree_rev,
            instance.requests_rev,
            self.state.activity_rev,
        ];
        let sessions = parallel
            .sessions()
            .filter_map(|id| instance.sessions.get(id));
        let bodies = sessions.map(|session| session.rev.max(session.body_rev));
        let newest = rows.into_iter().chain(bodies).max().unwrap_or_default();
        (since == Rev(0) || newest > since).then(|| self.columns(parallel))
    }

    fn columns(&self, parallel: &Parallel) -> ParallelPage {
        let rows = SingleRows::of(self.state, self.instance);
        let runs: Vec<_> = parallel
            .runs
            .iter()
            .map(|run| self.column(&rows, run))
            .collect();
        let known = || runs.iter().filter_map(|run| run.row.as_ref());
        let shared = known().find(|one| {
            let same = known().filter(|other| other.directory == one.directory);
            same.count() > 1
        });
        let read_only = |run: &ParallelRun| run.agent.as_deref() == Some(READ_ONLY_AGENT);
        let first = runs.iter().find_map(|run| Some((run, run.row.as_ref()?)));
        ParallelPage {
            id: parallel.id.clone(),
            title: first.map_or_else(|| "".into(), |(run, row)| title(&row.title, &run.model)),
            shared: shared.map(|row| row.directory.clone()),
            read_only: parallel.runs.iter().all(read_only),
            live: self.instance.is_live(),
            kept: parallel.kept.clone(),
            runs,
        }
    }

    fn column(&self, rows: &SingleRows<'_>, run: &ParallelRun) -> RunColumn {
        let catalog = self.instance.catalog.as_ref();
        let models = catalog.map_or(&[][..], |catalog| &catalog.models);
        let name = run.model.as_ref().map(|model| {
            let known = models.iter().find(|known| known.id == *model);
            known.map_or_else(|| model.model.clone(), |known| known.name.clone())
        });
        let session = run.session.as_ref();
        let session = session.and_then(|id| self.instance.sessions.get(id));
        let column = RunColumn {
            model: name.unwrap_or_else(|| "".into()),
            agent: run.agent.clone(),
            session: run.session.clone(),
            problem: run.problem.clone(),
            row: None,
            archived: false,
            tokens: 0,
            began: None,
            ended: None,
            files: Vec::new(),
            state: LogState::Loading,
            loaded_since: Rev(0),
            answer: Vec::new(),
        };
        match session {
            Some(session) => self.filled(column, rows.row(session), session),
            None => column,
        }
    }

    /// A column with what is known of its session.
    fn filled(&self, column: RunColumn, row: OverviewRow, session: &Session) -> RunColumn {
        let front = Front {
            state: self.state,
            instance: self.instance,
            session: Some(&session.info.id),
        };
        let answer = front.answer();
        let last = answer.last().filter(|_| !session.run.is_running());
        RunColumn {
            archived: session.info.archived.is_some(),
            tokens: session.info.tokens.total(),
            began: Some(self.instance.ours(session.info.created)),
            ended: last.and_then(|last| last.info.completed),
            files: session
                .loaded()
                .map(|loaded| files(session, loaded))
                .unwrap_or_default(),
            state: match &session.body {
                Body::NotLoaded | Body::Loading(_) => LogState::Loading,
                Body::Failed { reason } => LogState::Failed {
                    reason: reason.clone(),
                },
                Body::Loaded(_) => LogState::Loaded,
            },
            loaded_since: session.loaded().map_or(Rev(0), |loaded| loaded.since),
            row: Some(row),
            answer,
            ..column
        }
    }
}

/// The title of a session without the name of the model that it ends with.
fn title(title: &Arc<str>, model: &str) -> Arc<str> {
    let bare = title.strip_suffix(model).map(str::trim_end);
    let bare = bare.and_then(|bare| bare.strip_suffix('·'));
    bare.map_or_else(|| title.clone(), |bare| bare.trim_end().into())
}

/// The changed lines by file, as the server counts them for the session's tools, in the order of the first change.
fn files(session: &Session, loaded: &Loaded) -> Vec<FileChange> {
    let mut all: Vec<FileChange> = Vec::new();
    let parts = loaded.in_order().flat_map(|message| message.in_order());
    for part in parts {
        let PartKind::Tool(tool) = &part.kind else {
            continue;
        };
        let ended = matches!(tool.state, ToolState::Completed { .. });
        let changes = match &*tool.name {
            "edit" | "write" | "multiedit" if ended => change(part.raw.get()).into_iter().collect(),
            "apply_patch" if ended => patched(part.raw.get()),
            _ => Vec::new(),
        };
        for change in changes {
            add(&mut all, change, &session.info.directory);
        }
    }
    all
}

/// Adds a change to those of the same file.
fn add(all: &mut Vec<FileChange>, change: FileChange, directory: &str) {
    let path = change.path.strip_prefix(directory);
    let path = path.map_or(&*change.path, |path| path.trim_start_matches('/'));
    let path: Arc<str> = plain::line(path, limits::SUBJECT_CHARS).into();
    let room = all.len() < limits::PARALLEL_FILES;
    match all.iter_mut().find(|known| known.path == path) {
        Some(known) => {
            known.additions += change.additions;
            known.deletions += change.deletions;
        }
        None if room => all.push(FileChange { path, ..change }),
        None => {}
    }
}

/// The changes that a completed patch made, by the JSON of its part. OpenCode 1.18 counts the lines of each file.
fn patched(part: &str) -> Vec<FileChange> {
    #[derive(Deserialize)]
    struct Part {
        state: State,
    }
    #[derive(Deserialize)]
    struct State {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        files: Vec<File>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        file_path: String,
        #[serde(default)]
        move_path: Option<String>,
        #[serde(default)]
        additions: u64,
        #[serde(default)]
        deletions: u64,
    }
    let files = serde_json::from_str(part).map_or_else(
        |_not_counted| Vec::new(),
        |part: Part| part.state.metadata.files,
    );
    let files = files.into_iter().map(|file| FileChange {
        path: file.move_path.unwrap_or(file.file_path).into(),
        additions: file.additions,
        deletions: file.deletions,
    });
    files.collect()
}

/// The change that a completed call of a tool made, by the JSON of its part. OpenCode 1.18 counts the lines of an edit; those of a
/// file that is written are its own.
fn change(part: &str) -> Option<FileChange> {
    #[derive(Deserialize)]
    struct Part {
        state: State,
    }
    #[derive(Deserialize)]
    struct State {
        input: Input,
        #[serde(default)]
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Input {
        #[serde(rename = "filePath")]
        path: String,
        #[serde(default)]
        content: String,
    }
    #[derive(Default, Deserialize)]
    struct Metadata {
        #[serde(default)]
        filediff: Option<Counted>,
    }
    #[derive(Deserialize)]
    struct Counted {
        #[serde(default)]
        additions: u64,
        #[serde(default)]
        deletions: u64,
    }
    let Part {
        state: State { input, metadata },
    } = serde_json::from_str(part).ok()?;
    let written = u64::try_from(input.content.lines().count()).unwrap_or(u64::MAX);
    let (additions, deletions) = match metadata.filediff {
        Some(counted) => (counted.additions, counted.deletions),
        None => (written, 0),
    };
    Some(FileChange {
        path: input.path.into(),
        additions,
        deletions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_of_all_is_that_of_one_without_its_model() {
        let bare = |whole: &str, model: &str| title(&whole.into(), model).to_string();
        assert_eq!(bare("Fix it · Large", "Large"), "Fix it");
        assert_eq!(bare("Fix it · plan", ""), "Fix it · plan");
        assert_eq!(bare("Renamed", "Large"), "Renamed");
    }

    #[test]
    fn an_edit_is_counted_by_its_server_and_a_written_file_by_its_lines() {
        let edit = r#"{"state":{"input":{"filePath":"a.rs"},"metadata":{"filediff":{"additions":3,"deletions":2}}}}"#;
        let counted = change(edit).map(|change| (change.additions, change.deletions));
        assert_eq!(counted, Some((3, 2)));
        let write = r#"{"state":{"input":{"filePath":"b.rs","content":"one\ntwo\n"},"metadata":{"exists":false}}}"#;
        let counted = change(write).map(|change| (change.additions, change.deletions));
        assert_eq!(counted, Some((2, 0)));
        assert_eq!(change(r#"{"state":{"input":{}}}"#), None);
    }

    #[test]
    fn every_file_of_a_patch_counts_where_it_is_now() {
        let patch = r#"{"state":{"input":{"patchText":"…"},"metadata":{"files":[
            {"filePath":"/w/a.rs","type":"update","additions":3,"deletions":2},
            {"filePath":"/w/b.rs","movePath":"/w/c.rs","type":"move","additions":1,"deletions":0},
            {"filePath":"/w/a.rs","type":"update","additions":1,"deletions":1}]}}}"#;
        let mut all = Vec::new();
        for change in patched(patch) {
            add(&mut all, change, "/w");
        }
        let files: Vec<_> = all
            .iter()
            .map(|file| (&*file.path, file.additions, file.deletions))
            .collect();
        assert_eq!(files, [("a.rs", 4, 3), ("c.rs", 1, 0)]);
        assert!(patched(r#"{"state":{"input":{}}}"#).is_empty());
    }
}
