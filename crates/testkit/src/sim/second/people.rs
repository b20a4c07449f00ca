//! People at the hub, and other clients of the same service.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::command::port::{Delivery, PermissionReply};
use hub::command::{Create, PermissionAnswer, Prompt};
use hub::engine::{HistoryDepth, Watched};
use model::ids::{PermissionId, SessionId};
use opencode::client2::{Client, NewPrompt};
use opencode::wire2::{self, Decision, FormId, FormOwner, InboxId};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use scripted::opencode2::Truth;
use tokio::time::{sleep, timeout};

use super::super::core::{Core, lock};
use super::super::writer::is_unclear;
use super::hub::{Door, HubLife, instance};
use super::line::Line;

/// Sessions that are made at most.
const SESSIONS: usize = 6;
/// The longest wait before something is tried again, in seconds.
const LAST_AGAIN: u64 = 15;

/// What became of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reported {
    /// Nothing yet.
    Waits,
    /// The service has it.
    Taken,
    /// Nothing came of it.
    Refused,
}

/// All prompts that people wrote at the hub: the text, and what became of it. No two have the same text.
pub(super) type Ledger = Arc<Mutex<Vec<(String, Reported)>>>;

/// A copy of what is written down.
pub(super) fn written(ledger: &Ledger) -> Vec<(String, Reported)> {
    lock(ledger).clone()
}

/// Everybody.
pub(super) struct People {
    pub(super) core: Arc<Core>,
    pub(super) door: Door,
    pub(super) line: Line,
    pub(super) ledger: Ledger,
    pub(super) random: StdRng,
    made: u64,
    watched: Vec<Watched>,
}

/// What a model does, beside the text that names its prompt.
const ACTS: [&str; 9] = [
    "say hello there",
    "echo 12 rate=20",
    "reason 6 rate=20 ;; say so it is",
    "bash echo hi ;; say done",
    "permission ;; say allowed",
    "question Which colour? ;; say thanks",
    "task { say below } ;; say above",
    "error 500 times=1 ;; say again",
    "stall 2 ;; say late",
];

impl People {
    pub(super) fn new(core: &Arc<Core>, door: &Door, line: &Line, ledger: &Ledger) -> Self {
        Self {
            core: core.clone(),
            door: door.clone(),
            line: line.clone(),
            ledger: ledger.clone(),
            random: core.random("people"),
            made: 0,
            watched: Vec::new(),
        }
    }

    /// Lives until the end.
    pub(super) async fn live(mut self) {
        loop {
            let pause = Duration::from_millis(self.random.random_range(50..1500));
            sleep(pause).await;
            if self.core.is_calm() {
                continue;
            }
            let Some(service) = self.line.service() else {
                continue;
            };
            let truth = service.truth();
            match self.random.random_range(0..20) {
                0..3 => self.create(&truth),
                3..8 => self.write(&truth),
                8..10 => self.write_elsewhere(&truth).await,
                10..13 => self.allow().await,
                13..15 => self.answer_elsewhere(&truth).await,
                15 => self.stop(&truth),
                16 => self.look(&truth).await,
                17 => self.change_elsewhere(&truth).await,
                _ => {}
            }
        }
    }

    fn session(&mut self, truth: &Truth) -> Option<String> {
        let all: Vec<&String> = truth.sessions.keys().collect();
        all.choose(&mut self.random).map(|id| (*id).clone())
    }

    fn hub(&self) -> Option<Arc<HubLife>> {
        lock(&self.door).clone()
    }

    /// A session begins, by the hub or by another client.
    fn create(&mut self, truth: &Truth) {
        if truth.sessions.len() >= SESSIONS {
            return;
        }
        self.made += 1;
        let (title, key) = (
            format!("session {}", self.made),
            format!("create {}", self.made),
        );
        let directory = ["/w/a", "/w/b"][self.random.random_range(0..2)].to_owned();
        self.core
            .trace(format_args!("{title} is begun in {directory}"));
        let Some(hub) = self.hub() else { return };
        let new = Create {
            title: Some(title),
            directory: Some(directory),
            ..Create::default()
        };
        tokio::spawn(async move {
            let _unclear = hub
                .commands
                .create_session(&instance(), new, Some(&key))
                .await;
        });
    }

    /// A prompt by the hub, which is tried until there is an outcome.
    fn write(&mut self, truth: &Truth) {
        let Some(session) = self.session(truth) else {
            return;
        };
        let at = lock(&self.ledger).len();
        let act = ACTS[self.random.random_range(0..ACTS.len())];
        let text = format!("say number {at} ;; {act}");
        self.core.trace(format_args!("{text:?} to {session}"));
        lock(&self.ledger).push((text.clone(), Reported::Waits));
        let delivery = match self.random.random_range(0..4) {
            0 => Some(Delivery::Steer),
            1 => Some(Delivery::Queue),
            _ => None,
        };
        let prompt = Prompt {
            text,
            delivery,
            ..Prompt::default()
        };
        let (door, ledger, core) = (self.door.clone(), self.ledger.clone(), self.core.clone());
        let random = self.core.random(&format!("prompt {at}"));
        tokio::spawn(async move {
            let reported = deliver(door, random, SessionId::new(session), prompt, at).await;
            core.trace(format_args!("prompt {at} is {reported:?}"));
            core.count(|stats| stats.prompts += 1);
            lock(&ledger)[at].1 = reported;
        });
    }

    /// A prompt by another client of the service.
    async fn write_elsewhere(&mut self, truth: &Truth) {
        let Some(session) = self.session(truth) else {
            return;
        };
        self.made += 1;
        let act = ACTS[self.random.random_range(0..ACTS.len())];
        let text = format!("say elsewhere {} ;; {act}", self.made);
        self.core
            .trace(format_args!("{text:?} to {session} elsewhere"));
        let id = format!("msg_elsewhere{}", self.made);
        let (Ok(id), Ok(session)) = (InboxId::parse(&id), wire2::SessionId::parse(&session)) else {
            return;
        };
        let prompt = NewPrompt {
            id: &id,
            text: &text,
            files: &[],
            agents: &[],
            delivery: wire2::Delivery::Queue,
            resume: None,
        };
        let _refused = self.elsewhere().prompt(&session, &prompt).await;
    }

    fn elsewhere(&self) -> Client {
        self.line.smooth().client()
    }

    /// A permission is answered by the hub.
    async fn allow(&mut self) {
        let Some(hub) = self.hub() else { return };
        let waiting: Vec<(PermissionId, Arc<str>)> = hub.engine.read(|state| {
            let known = state.instances.get(&instance());
            let waiting = known
                .into_iter()
                .flat_map(|known| known.permissions.values());
            waiting
                .map(|asked| (asked.id.clone(), asked.content.fingerprint.clone()))
                .collect()
        });
        let Some((id, read)) = waiting.choose(&mut self.random).cloned() else {
            return;
        };
        let reply = match self.random.random_range(0..3) {
            0 => PermissionReply::Reject,
            _ => PermissionReply::Once,
        };
        let answer = PermissionAnswer {
            reply,
            message: None,
            fingerprint: Some(read.to_string()),
        };
        self.core.trace(format_args!("{reply:?} to {id}"));
        self.made += 1;
        let (key, core) = (format!("answer {}", self.made), self.core.clone());
        tokio::spawn(async move {
            let by = Arc::from("a person");
            let (commands, of) = (&hub.commands, instance());
            let answered = commands.reply_permission(&of, &id, answer, Some(&key), &by);
            if answered.await.is_ok() {
                core.count(|stats| stats.answers += 1);
            }
        });
    }

    /// Something that waits is answered by another client.
    async fn answer_elsewhere(&mut self, truth: &Truth) {
        let waiting: Vec<_> = truth.waiting.iter().collect();
        let Some((id, session)) = waiting.choose(&mut self.random) else {
            return;
        };
        settle(&self.elsewhere(), id, session).await;
    }

    /// A person stops a session by the hub.
    fn stop(&mut self, truth: &Truth) {
        let (Some(session), Some(hub)) = (self.session(truth), self.hub()) else {
            return;
        };
        self.core.trace(format_args!("{session} is stopped"));
        tokio::spawn(async move {
            let by = Arc::from("a person");
            let session = SessionId::new(session);
            let _unclear = hub.commands.stop(&instance(), &session, &by).await;
        });
    }

    /// A person looks at another session, or at none.
    async fn look(&mut self, truth: &Truth) {
        let Some(hub) = self.hub() else { return };
        if self.watched.len() > 3 {
            self.watched.clear();
        }
        if let Some(session) = self.session(truth) {
            let watched =
                hub.engine
                    .watch(instance(), SessionId::new(session), HistoryDepth::Newest);
            self.watched.push(watched.await);
        }
    }

    /// Another client changes a row, or puts a folder's services down.
    async fn change_elsewhere(&mut self, truth: &Truth) {
        let Some(session) = self.session(truth) else {
            return;
        };
        let Ok(id) = wire2::SessionId::parse(&session) else {
            return;
        };
        self.made += 1;
        match self.random.random_range(0..4) {
            0 => {
                let _gone = self.elsewhere().interrupt(&id, false).await;
            }
            1 => {
                let archived = self.random.random_bool(0.5);
                let _gone = self.elsewhere().set_archived(&id, archived).await;
            }
            2 => {
                if let Some(service) = self.line.service() {
                    self.core.trace("a folder is put down");
                    service.shut_folder("/w/a");
                }
            }
            _ => {
                let title = format!("renamed {}", self.made);
                let _gone = self.elsewhere().rename(&id, &title).await;
            }
        }
    }
}

/// Answers all that waits, by another client.
pub(super) async fn finish(line: &Line) {
    let Some(service) = line.service() else {
        return;
    };
    for (id, session) in service.truth().waiting {
        settle(&line.smooth().client(), &id, &session).await;
    }
}

/// Answers a permission, or takes a form back.
async fn settle(client: &Client, id: &str, session: &str) {
    let Ok(session) = wire2::SessionId::parse(session) else {
        return;
    };
    if let Ok(id) = wire2::PermissionId::parse(id)
        && client
            .reply_permission(&session, &id, &Decision::Once, None)
            .await
            .is_ok()
    {
        return;
    }
    if let Ok(form) = FormId::parse(id) {
        let _settled = client
            .cancel_form(&FormOwner::Session(session), &form, None, "")
            .await;
    }
}

/// Sends a prompt to the hub over a link that loses requests and answers, until there is an outcome.
async fn deliver(
    door: Door,
    mut random: StdRng,
    session: SessionId,
    prompt: Prompt,
    at: usize,
) -> Reported {
    let mut wait = 1;
    let key = format!("prompt {at}");
    loop {
        sleep(Duration::from_millis(random.random_range(1..40))).await;
        let hub = lock(&door).clone();
        if let Some(hub) = hub {
            let patience = match random.random_range(0..12) {
                11 => Duration::from_millis(random.random_range(1..3000)),
                _ => Duration::from_secs(60),
            };
            let of = instance();
            let asked = hub
                .commands
                .prompt(&of, &session, prompt.clone(), Some(&key));
            let outcome = timeout(patience, asked).await;
            let gone = hub.ended.load(Ordering::SeqCst);
            match outcome {
                Ok(Ok(_)) if !gone => return Reported::Taken,
                Ok(Err(error)) if !gone && !is_unclear(&error) => return Reported::Refused,
                _ => {}
            }
        }
        sleep(Duration::from_millis(
            random.random_range(wait * 750..wait * 1250),
        ))
        .await;
        wait = (wait * 2).min(LAST_AGAIN);
    }
}
