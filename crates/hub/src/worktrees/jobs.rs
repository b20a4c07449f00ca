//! How far each new work tree is, in memory: what a restart of the hub forgets is the progress. The work tree, its session and the prompt
//! as a draft are there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::{InstanceId, SessionId};
use model::plain;
use serde::Serialize;

use crate::limits;

/// The id of a new work tree's progress.
pub type JobId = String;

/// Where the making of a work tree is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// git makes it, and files are copied.
    #[default]
    Making,
    /// The session is created.
    Session,
    /// The set-up command runs.
    SetUp,
    /// The prompt is sent.
    Prompt,
    /// All of it is done.
    Done,
    /// It ended with a problem. What was made is there, and the prompt is a draft of the session.
    Failed,
}

impl Stage {
    /// True once nothing more is done.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// A run of a set-up command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SetupRun {
    /// The newest output, without control sequences.
    pub output: String,
    /// True if the beginning of the output is left out.
    pub cut: bool,
    /// The exit code; absent while it runs, and if a signal ended it.
    pub exit: Option<i32>,
}

impl SetupRun {
    /// Adds output. Older output than fits is dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        self.output.push_str(&String::from_utf8_lossy(bytes));
        let over = self.output.len().saturating_sub(limits::SETUP_OUTPUT_BYTES);
        if over > 0 {
            let mut at = over;
            while !self.output.is_char_boundary(at) {
                at += 1;
            }
            self.output.drain(..at);
            self.cut = true;
        }
    }
}

/// The making of a work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The instance.
    #[serde(skip)]
    pub instance: Option<InstanceId>,
    /// Where it is.
    pub stage: Stage,
    /// The branch.
    pub branch: String,
    /// The folder.
    pub path: String,
    /// The branch that it begins at.
    pub base: Option<String>,
    /// Ignored files that were copied.
    pub copied: Vec<String>,
    /// Files that were not copied, each with the reason.
    pub not_copied: Vec<String>,
    /// The set-up command's run, if there is one.
    pub setup: Option<SetupRun>,
    /// The session, once it is created.
    #[schema(value_type = Option<String>)]
    pub session: Option<SessionId>,
    /// What went wrong, as a sentence.
    pub problem: Option<String>,
}

impl Job {
    /// The job as others may see it: the output as a terminal would leave it, without what acts on one.
    #[must_use]
    pub fn shown(mut self) -> Self {
        if let Some(setup) = &mut self.setup {
            setup.output = plain_output(&setup.output);
        }
        self
    }
}

/// An output as text: of a line that was written over the last state, no colours, control characters as pictures.
fn plain_output(output: &str) -> String {
    let lines = output.split('\n').map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = line.rsplit('\r').next().unwrap_or_default();
        plain::block(&without_sequences(line))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A line without the sequences that set colours and move the cursor: `ESC [`, parameters, a final byte.
fn without_sequences(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            chars.next();
            // Of one that does not end the rest of the line is left out.
            chars.find(|c| ('@'..='~').contains(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// The new work trees of a hub. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Arc<Mutex<Vec<Job>>>);

impl Jobs {
    /// The job of an instance with this id.
    pub fn get(&self, instance: &InstanceId, id: &str) -> Option<Job> {
        let jobs = self.lock();
        let found = jobs.iter().find(|job| job.id == id);
        found
            .filter(|job| job.instance.as_ref() == Some(instance))
            .cloned()
    }

    /// Takes a new job. False if there is no room, as too many go on.
    pub fn add(&self, job: Job) -> bool {
        let mut jobs = self.lock();
        if jobs.len() >= limits::WORKTREE_JOBS {
            match jobs.iter().position(|job| job.stage.has_ended()) {
                Some(oldest) => drop(jobs.remove(oldest)),
                None => return false,
            }
        }
        jobs.push(job);
        true
    }

    /// Changes a job, if it is still known.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.lock().iter_mut().find(|job| job.id == id) {
            change(job);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn output_is_shown_as_a_terminal_leaves_it_and_acts_on_none() {
        let output =
            "1%\r50%\r100%\r\n\u{1b}[32mok\u{1b}[0m\n\u{1b}]0;title\u{7}\u{202e}x\u{1b}[2J";
        assert_eq!(plain_output(output), "100%\nok\n␛]0;title␇\\u{202e}x");
    }

    #[test]
    fn of_long_output_the_newest_is_kept() {
        let mut run = SetupRun::default();
        run.push("ä".repeat(limits::SETUP_OUTPUT_BYTES).as_bytes());
        run.push(b"end");
        assert!(run.cut && run.output.ends_with("end"));
        assert!(run.output.len() <= limits::SETUP_OUTPUT_BYTES);
    }

    #[test]
    fn jobs_that_ended_give_room() {
        let jobs = Jobs::default();
        let job = |id: usize| Job {
            id: id.to_string(),
            ..Job::default()
        };
        for nth in 0..limits::WORKTREE_JOBS {
            assert!(jobs.add(job(nth)));
        }
        assert!(!jobs.add(job(999)));
        jobs.change("3", |job| job.stage = Stage::Failed);
        assert!(jobs.add(job(999)));
        assert_eq!(jobs.lock().len(), limits::WORKTREE_JOBS);
        assert!(jobs.lock().iter().all(|job| job.id != "3"));
    }

    proptest! {
        #[test]
        fn no_output_acts_on_a_terminal(output in "[\\PC\u{1b}\u{7}\r\n\\[0-9;mJ]{0,60}") {
            let shown = plain_output(&output);
            prop_assert!(shown.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{shown:?}");
        }
    }
}
