//! Supervision of the hub's own tasks: the end or panic of any task is detected, logged, shown to viewers, and handled
//! by a policy.
//!
//! | task | policy on failure |
//! |---|---|
//! | the engine | every link is shown as broken, viewers are informed, and the process ends with the reason ([`Hub::failed`](crate::Hub::failed)): the state may contain half of a change |
//! | the clock of the live feed | the process ends with the reason |
//! | a supervisor | its link is shown as broken with the reason, and it reconnects by the backoff policy |
//! | the journal's writer | the journal counts as failed, and is reopened after [`limits::JOURNAL_AGAIN`] |
//! | all others ([`Tasks::keep`]) | restarted after [`limits::TASK_AGAIN`], which doubles with each failure |

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use model::plain;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::limits;

/// The condition of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// False after a failure, until it runs again.
    pub runs: bool,
    /// Number of failures.
    pub failures: u32,
    /// The reason of the last failure.
    pub reason: Option<Arc<str>>,
}

/// The tasks of a hub by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<watch::Sender<BTreeMap<&'static str, Condition>>>);

impl Tasks {
    /// Runs a task until it returns; restarts it after a panic.
    pub async fn keep<F: Future<Output = ()>>(&self, name: &'static str, begin: impl Fn() -> F) {
        let mut wait = limits::TASK_AGAIN;
        loop {
            self.note(name, |task| task.runs = true);
            let began = Instant::now();
            let Err(reason) = caught(begin()).await else {
                return;
            };
            self.failed(name, reason);
            if began.elapsed() > limits::TASK_SELDOM {
                wait = limits::TASK_AGAIN;
            }
            sleep(wait).await;
            wait = (wait * 2).min(limits::TASK_SELDOM);
        }
    }

    /// Runs a finite task once. `None` if it failed.
    pub async fn once<T>(&self, name: &'static str, task: impl Future<Output = T>) -> Option<T> {
        let done = caught(task).await;
        done.map_err(|reason| self.failed(name, reason)).ok()
    }

    /// A receiver of the conditions by task name.
    pub fn watch(&self) -> watch::Receiver<BTreeMap<&'static str, Condition>> {
        self.0.subscribe()
    }

    /// True while every task runs.
    pub fn all_run(&self) -> bool {
        self.0.borrow().values().all(|task| task.runs)
    }

    /// The notices about failed tasks.
    pub fn notices(&self) -> Vec<Arc<str>> {
        let known = self.0.borrow();
        let failed = known.iter().filter(|(_, task)| task.failures > 0);
        failed
            .map(|(name, task)| sentence(name, task).into())
            .collect()
    }

    fn failed(&self, name: &'static str, reason: Arc<str>) {
        tracing::error!(task = name, %reason, "a task of the hub failed");
        self.note(name, |task| {
            task.runs = false;
            task.failures = task.failures.saturating_add(1);
            task.reason = Some(reason);
        });
    }

    fn note(&self, name: &'static str, note: impl FnOnce(&mut Condition)) {
        self.0.send_modify(|known| {
            note(known.entry(name).or_insert(Condition {
                runs: false,
                failures: 0,
                reason: None,
            }));
        });
    }
}

fn sentence(name: &str, task: &Condition) -> String {
    let now = match task.runs {
        true => "The task runs again",
        false => "The task restarts soon",
    };
    let reason = task.reason.as_deref().unwrap_or_default();
    format!(
        "A task of the hub failed (failures so far: {}): {name} ({reason}). {now}. Please report this with the output of `drovers`",
        task.failures
    )
}

/// Runs a future, and returns the reason if it panics. Its data may be half changed then: only for futures whose data
/// is dropped or rebuilt afterwards.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Arc<str>> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(reason)
}

/// The message of a panic, as one line.
fn reason(panic: Box<dyn Any + Send>) -> Arc<str> {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    plain::line(message.unwrap_or("it panicked"), limits::WORDS_CHARS).into()
}

/// Runs work that must complete, even if the caller is cancelled. `None` if it panicked, or the process ends.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let done = tokio::spawn(work).await;
    done.inspect_err(|error| tracing::error!(%error, "a command ended badly"))
        .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_reported_and_restarted() {
        let (tasks, begun) = (Tasks::default(), AtomicU32::new(0));
        let begun = &begun;
        let kept = tasks.keep("the test", || async move {
            if begun.fetch_add(1, Ordering::SeqCst) < 2 {
                panic!("no luck");
            }
            std::future::pending::<()>().await;
        });
        let mut watch = tasks.watch();
        let down = watch.wait_for(|known| known.get("the test").is_some_and(|task| !task.runs));
        tokio::select! {
            () = kept => panic!("it never ends"),
            down = down => assert_eq!(down.unwrap()["the test"].reason.as_deref(), Some("no luck")),
        }
        assert!(!tasks.all_run());
        let kept = tasks.keep("the test", || async move {
            begun.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        });
        let mut watch = tasks.watch();
        tokio::select! {
            () = kept => panic!("it never ends"),
            up = watch.wait_for(|known| known["the test"].runs) => drop(up.unwrap()),
        }
        assert!(tasks.all_run());
        assert_eq!(
            tasks.notices()[0].split(". ").next(),
            Some("A task of the hub failed (failures so far: 1): the test (no luck)")
        );
    }
}
