//! The task that sends queued prompts, and its decision per queue.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::State;
use model::plain;
use model::state::{ErrorKind, QueueHold, Run};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::line::Line;
use super::{Lines, Place};
use crate::command::port::Servers;
use crate::command::{CommandError, Commands, Prompt, Prompted};
use crate::limits;

/// The decision on the first prompt of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Send the prompt.
    Send,
    /// Wait for a change of the state.
    Wait,
    /// Hold the queue until a person resumes it.
    Hold(QueueHold),
    /// Drop the queue: its session is gone.
    Drop,
}

impl<S: Servers> Commands<S> {
    /// Sends queued prompts for as long as the engine runs. Sessions are independent: a hanging server delays no other session.
    pub async fn keep_sending(&self) {
        self.publish_queues().await;
        self.publish_parallels().await;
        let mut changes = self.engine.changes();
        let (mut at_work, mut working) = (JoinSet::<Place>::new(), BTreeSet::new());
        loop {
            let changed = self.queues.changed.notified();
            for (place, verdict) in self.verdicts(&working).await {
                self.follow(place, verdict, &mut at_work, &mut working)
                    .await;
            }
            let idle = self
                .queues
                .waiting
                .load(std::sync::atomic::Ordering::Relaxed)
                == 0;
            tokio::select! {
                biased;
                () = changed => {}
                changed = changes.changed(), if !idle => if changed.is_err() { return },
                Some(done) = at_work.join_next() => match done {
                    Ok(place) => {
                        working.remove(&place);
                    }
                    Err(error) => {
                        tracing::error!(%error, "sending a queued prompt ended badly");
                        at_work.abort_all();
                        working.clear();
                        sleep(limits::QUEUE_AGAIN).await;
                    }
                },
            }
        }
    }

    /// Publishes the stored queues to the state.
    async fn publish_queues(&self) {
        let lines = self.queues.lines.lock().await;
        for (place, line) in &*lines {
            self.queues.tell(&self.engine, place, line, &lines).await;
        }
    }

    async fn verdicts(&self, working: &BTreeSet<Place>) -> Vec<(Place, Verdict)> {
        let lines: Lines = {
            let lines = self.queues.lines.lock().await;
            let resting = lines.iter().filter(|(place, _)| !working.contains(*place));
            resting
                .map(|(place, line)| (place.clone(), line.clone()))
                .collect()
        };
        self.engine.read(|state| {
            let all = lines.into_iter();
            all.map(|(place, line)| {
                let verdict = verdict(state, &place, &line);
                (place, verdict)
            })
            .collect()
        })
    }

    async fn follow(
        &self,
        place: Place,
        verdict: Verdict,
        at_work: &mut JoinSet<Place>,
        working: &mut BTreeSet<Place>,
    ) {
        match verdict {
            Verdict::Wait => {}
            Verdict::Hold(why) => {
                let hold = |line: &mut Line| line.hold = Some(why);
                self.queues.settle(&self.engine, &place, hold).await;
            }
            Verdict::Drop => {
                let empty = |line: &mut Line| *line = Line::default();
                self.queues.settle(&self.engine, &place, empty).await;
            }
            Verdict::Send => {
                working.insert(place.clone());
                let commands = self.clone();
                at_work.spawn(async move {
                    commands.send_first(&place).await;
                    place
                });
            }
        }
    }

    async fn send_first(&self, place: &Place) {
        let first = {
            let lines = self.queues.lines.lock().await;
            let first = lines.get(place).and_then(|line| line.entries.first());
            first.map(|waiting| waiting.entry.id.clone())
        };
        let Some(first) = first else { return };
        if let Err(error) = self.deliver_queued(place, &first).await {
            tracing::debug!(session = %place.1, %error, "a queued prompt was not sent");
            sleep(limits::QUEUE_AGAIN).await;
        }
    }

    /// Sends a waiting prompt, then waits until the state shows its run.
    pub(super) async fn deliver_queued(
        &self,
        place: &Place,
        id: &Arc<str>,
    ) -> Result<Prompted, CommandError> {
        let (instance, session) = place;
        let begin = |line: &mut Line| line.begin(id);
        let entry = self.queues.change(&self.engine, place, begin).await?;
        let runs = |state: &State| state.session(instance, session).map_or(0, |one| one.runs);
        let before = self.engine.read(runs);
        let prompt = Prompt::clone(&entry.prompt);
        let key = format!("queue-{id}");
        let sent = self.prompt(instance, session, prompt, Some(&key)).await;
        match &sent {
            Ok(_) => {
                let taken = |line: &mut Line| line.taken(id);
                self.queues.settle(&self.engine, place, taken).await;
                let begun = self.engine.until(|state| {
                    let session = state.session(instance, session);
                    session.is_none_or(|one| one.runs > before || one.run.is_running())
                });
                let _no_run = timeout(limits::QUEUE_BEGINS, begun).await;
            }
            Err(error) => {
                let refused = is_final(error).then(|| Arc::from(error.to_string()));
                let failed = |line: &mut Line| line.failed(id, refused);
                self.queues.settle(&self.engine, place, failed).await;
            }
        }
        sent
    }
}

/// True if a retry would fail in the same way.
fn is_final(error: &CommandError) -> bool {
    match error {
        CommandError::Upstream(error) => error.is_refusal(),
        // A session that runs will be idle.
        CommandError::NotConnected { .. }
        | CommandError::Busy
        | CommandError::Running(_)
        | CommandError::Ended
        | CommandError::NotRemembered(_) => false,
        _ => true,
    }
}

/// The decision on a queue.
fn verdict(state: &State, (instance, id): &Place, line: &Line) -> Verdict {
    let Some(instance) = state.instances.get(instance) else {
        return Verdict::Drop;
    };
    if instance.tombstones.contains(id) {
        return Verdict::Drop;
    }
    if line.hold.is_some() || line.entries.is_empty() {
        return Verdict::Wait;
    }
    let Some(session) = instance.sessions.get(id).filter(|_| instance.is_live()) else {
        return Verdict::Wait;
    };
    if session.run != Run::Idle || session.end_unseen {
        return Verdict::Wait;
    }
    let below = instance.below(id);
    let mut below = below.iter().filter_map(|id| instance.sessions.get(id));
    if below.any(|one| one.run.is_running()) {
        return Verdict::Wait;
    }
    if line.excused == Some(session.runs) {
        return Verdict::Send;
    }
    match &session.failure {
        Some(failure) if failure.kind == ErrorKind::Aborted => Verdict::Hold(QueueHold::Stopped),
        Some(failure) => Verdict::Hold(QueueHold::Failed(
            plain::line(&failure.message, limits::WORDS_CHARS).into(),
        )),
        None if instance.is_stopped(id) => Verdict::Hold(QueueHold::Stopped),
        None => Verdict::Send,
    }
}
