//! A person who writes prompts and answers requests through the hub. It does what `page/client/outbox.ts` does: what was
//! written is kept under a key and tried again until it was taken or refused, a session's prompts one after the other.
//! It outlives every page and every hub.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join;
use hub::command::port::PermissionReply;
use hub::command::{CommandError, GrantError, PermissionAnswer, Prompt};
use model::ids::{InstanceId, PermissionId, SessionId};
use opencode::wire;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::core::{Core, Invariant, lock};
use super::hub::{HubLife, instance};
use super::people::is_made_here;
use super::server::Server;
use super::viewer::Door;

/// The longest wait before something is tried again, in seconds.
const LAST_AGAIN: u64 = 15;

/// The outcome of a prompt, as the hub reported it to its writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reported {
    /// Nothing yet.
    Waits,
    /// It is this message.
    Taken(String),
    /// Nothing came of it.
    Refused,
}

/// A prompt that was written. No two have the same text.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The server that it goes to.
    pub server: usize,
    /// The session.
    pub session: String,
    /// What it says.
    pub text: String,
    /// What became of it.
    pub reported: Reported,
}

/// All that one person wrote, in order.
pub(super) type Ledger = Arc<Mutex<Vec<Written>>>;

/// A session and the server that runs it.
type Place = (usize, String);

/// A person who writes.
pub(super) struct Writer {
    core: Arc<Core>,
    index: usize,
    door: Door,
    servers: Vec<Arc<Server>>,
    random: StdRng,
    /// What it wrote, for those who check.
    pub ledger: Ledger,
    lanes: BTreeMap<Place, mpsc::UnboundedSender<usize>>,
    answers: u64,
}

/// What is sent.
enum Sent {
    Prompt(InstanceId, SessionId, Prompt),
    Answer(InstanceId, PermissionId, PermissionAnswer),
}

/// What is sent one after the other.
struct Lane {
    core: Arc<Core>,
    name: String,
    door: Door,
    ledger: Ledger,
    random: StdRng,
    keys: u64,
}

impl Writer {
    /// A person who has not written anything yet.
    pub(super) fn new(
        core: Arc<Core>,
        index: usize,
        door: Door,
        servers: Vec<Arc<Server>>,
    ) -> Self {
        Self {
            random: core.random(&format!("writer {index}")),
            core,
            index,
            door,
            servers,
            ledger: Ledger::default(),
            lanes: BTreeMap::new(),
            answers: 0,
        }
    }

    /// Writes until the end.
    pub(super) async fn run(mut self) {
        loop {
            let pause = Duration::from_millis(self.random.random_range(50..1500));
            sleep(pause).await;
            if self.core.is_calm() {
                continue;
            }
            if self.random.random_ratio(1, 4) {
                self.write();
            } else {
                self.answer();
            }
        }
    }

    /// Writes to a session, a few prompts at once perhaps.
    fn write(&mut self) {
        let Some(server) = self.servers.choose(&mut self.random).cloned() else {
            return;
        };
        let sessions: Vec<String> = {
            let store = lock(&server.store);
            let own = store.sessions.values();
            // A recording has its own numbers.
            own.filter(|kept| kept.home == server.index && is_made_here(&kept.info.id))
                .map(|kept| kept.info.id.clone())
                .collect()
        };
        let Some(session) = sessions.choose(&mut self.random).cloned() else {
            return;
        };
        for _ in 0..self.random.random_range(1..4) {
            let at = self.note(server.index, &session);
            // Its receiver lives as long as everything here does.
            let _gone = self.lane_to((server.index, session.clone())).send(at);
        }
    }

    /// Writes something down. Gives its place in the ledger.
    fn note(&self, server: usize, session: &str) -> usize {
        let mut ledger = lock(&self.ledger);
        let at = ledger.len();
        let text = format!("w{} writes {at}", self.index);
        self.core
            .trace(format_args!("{text} to s{server} {session}"));
        ledger.push(Written {
            server,
            session: session.to_owned(),
            text,
            reported: Reported::Waits,
        });
        at
    }

    /// Where what is written to a session goes.
    fn lane_to(&mut self, place: Place) -> mpsc::UnboundedSender<usize> {
        if let Some(lane) = self.lanes.get(&place) {
            return lane.clone();
        }
        let (sender, mut waiting) = mpsc::unbounded_channel();
        let mut lane = self.lane(&format!("{} {}", place.0, place.1));
        tokio::spawn(async move {
            while let Some(at) = waiting.recv().await {
                lane.deliver(at).await;
            }
        });
        self.lanes.insert(place, sender.clone());
        sender
    }

    /// Answers a permission request that the hub shows.
    fn answer(&mut self) {
        let Some(hub) = lock(&self.door).clone() else {
            return;
        };
        let waiting: Vec<(Arc<Server>, PermissionId, Arc<str>)> = hub.engine.read(|state| {
            let servers = self.servers.iter();
            let waiting = servers.flat_map(|server| {
                let known = state.instances.get(&instance(server.index));
                let waiting = known
                    .into_iter()
                    .flat_map(|known| known.permissions.values());
                waiting.map(|asked| {
                    let fingerprint = asked.content.fingerprint.clone();
                    (server.clone(), asked.id.clone(), fingerprint)
                })
            });
            waiting.collect()
        });
        let Some((server, id, read)) = waiting.choose(&mut self.random).cloned() else {
            return;
        };
        let all = [
            PermissionReply::Once,
            PermissionReply::Always,
            PermissionReply::Reject,
        ];
        let reply = all[self.random.random_range(0..all.len())];
        self.answers += 1;
        let mut lane = self.lane(&format!("answer {}", self.answers));
        let answer = PermissionAnswer {
            reply,
            message: None,
            fingerprint: Some(read.to_string()),
        };
        tokio::spawn(async move { lane.settle(&server, id, answer).await });
    }

    fn lane(&self, of: &str) -> Lane {
        let name = format!("w{} {of}", self.index);
        Lane {
            core: self.core.clone(),
            random: self.core.random(&name),
            name,
            door: self.door.clone(),
            ledger: self.ledger.clone(),
            keys: 0,
        }
    }
}

impl Sent {
    /// Says it to a hub. Of a prompt, gives the message that it is.
    async fn to(&self, hub: &HubLife, key: &str) -> Result<Arc<str>, CommandError> {
        match self {
            Self::Prompt(to, session, prompt) => {
                let prompted = hub.commands.prompt(to, session, prompt.clone(), Some(key));
                Ok(prompted.await?.message_id)
            }
            Self::Answer(to, id, answer) => {
                let (commands, by) = (&hub.commands, Arc::from("a person"));
                let answered = commands.reply_permission(to, id, answer.clone(), Some(key), &by);
                answered.await.map(|()| "".into())
            }
        }
    }
}

impl Lane {
    /// Tries until a prompt was taken or refused.
    async fn deliver(&mut self, at: usize) {
        let written = lock(&self.ledger)[at].clone();
        let prompt = Prompt {
            text: written.text.clone(),
            ..Prompt::default()
        };
        let session = SessionId::new(written.session.as_str());
        let sent = Sent::Prompt(instance(written.server), session, prompt);
        let reported = match self.until_answered(&sent).await {
            Ok(message) => Reported::Taken(message.to_string()),
            Err(error) => {
                let reused = matches!(error, CommandError::KeyReused);
                let wrong = reused.then(|| format!("{}: {error}", written.text));
                self.core.check(Invariant::Sent, wrong);
                Reported::Refused
            }
        };
        self.core
            .trace(format_args!("{} {at} is reported {reported:?}", self.name));
        self.core.count(|stats| stats.prompts += 1);
        lock(&self.ledger)[at].reported = reported;
    }

    /// Tries until an answer was taken or refused. One that is reported to count is the one that the server took.
    async fn settle(&mut self, server: &Server, id: PermissionId, answer: PermissionAnswer) {
        let reply = match answer.reply {
            PermissionReply::Once => wire::PermissionReply::Once,
            PermissionReply::Always => wire::PermissionReply::Always,
            PermissionReply::Reject => wire::PermissionReply::Reject,
        };
        if reply == wire::PermissionReply::Reject {
            let refused = &mut lock(&server.inner).refusable.by_people;
            refused.insert(id.to_string());
        }
        let sent = Sent::Answer(instance(server.index), id.clone(), answer);
        let counts = self.until_answered(&sent).await.is_ok();
        let took = lock(&server.inner).answered.get(id.as_str()).copied();
        self.core.trace(format_args!(
            "{}: {reply} to {id} counts: {counts}",
            self.name
        ));
        self.core.count(|stats| stats.answers += 1);
        let wrong = counts && took != Some(Some(reply));
        let wrong = wrong.then(|| format!("{reply} is reported to count, and {id} took {took:?}"));
        self.core.check(Invariant::Sent, wrong);
    }

    /// Asks the hub, over a link that loses requests and answers, until there is an outcome.
    async fn until_answered(&mut self, sent: &Sent) -> Result<Arc<str>, CommandError> {
        let mut wait = 1;
        self.keys += 1;
        let key = format!("{} {}", self.name, self.keys);
        loop {
            sleep(Duration::from_millis(self.random.random_range(1..40))).await;
            let hub = lock(&self.door).clone();
            if let Some(hub) = hub
                && let Some(outcome) = self.ask_once(&hub, &key, sent).await
                && !outcome.as_ref().is_err_and(is_unclear)
            {
                return outcome;
            }
            let pause = self.random.random_range(wait * 750..wait * 1250);
            sleep(Duration::from_millis(pause)).await;
            wait = (wait * 2).min(LAST_AGAIN);
        }
    }

    /// One try. `None` if its request or its answer is lost.
    async fn ask_once(
        &mut self,
        hub: &HubLife,
        key: &str,
        sent: &Sent,
    ) -> Option<Result<Arc<str>, CommandError>> {
        let fate = if self.core.is_calm() {
            0
        } else {
            self.random.random_range(0..12)
        };
        let timeouts = match fate {
            10 => return None,
            // The link breaks while the hub is at work.
            11 => Duration::from_millis(self.random.random_range(1..3000)),
            _ => Duration::from_secs(60),
        };
        let asked = async {
            if fate == 9 {
                // Two tabs send it at once.
                return join(sent.to(hub, key), sent.to(hub, key)).await.0;
            }
            sent.to(hub, key).await
        };
        let outcome = timeout(timeouts, asked).await.ok()?;
        sleep(Duration::from_millis(self.random.random_range(1..40))).await;
        (!hub.ended.load(Ordering::SeqCst)).then_some(outcome)
    }
}

/// True if the command may have taken effect, or may later: the errors after which `page/client/outbox.ts` tries again.
pub(super) fn is_unclear(error: &CommandError) -> bool {
    match error {
        CommandError::NotConnected { .. }
        | CommandError::NotRemembered(_)
        | CommandError::Grant(
            GrantError::NotProven | GrantError::NotRead | GrantError::NotAudited(_),
        )
        | CommandError::Ended => true,
        CommandError::Upstream(error) => !error.is_refusal(),
        _ => false,
    }
}
