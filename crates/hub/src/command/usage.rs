//! The usage of sessions by day, and the limits that a person set for it.
//!
//! A task observes all sessions every [`limits::USAGE_EVERY`], counts what they used ([`ledger`]), and looks which limits they passed
//! ([`budget`]): a session that did so is raised in the state, and stopped if the settings say so.

mod budget;
mod ledger;
mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::tz::TimeZone;
use model::State;
use model::event::Event;
use model::ids::{InstanceId, SessionId};
use model::state::{Instance, Rev, Run, Session, Usage};
use model::time::Timestamp;
use model::view::Roots;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::budget::{Crossing, RunningRoot};
use self::ledger::{Day, Ledger, Observed};
use super::Commands;
use super::port::Servers;
use crate::limits;
use crate::settings::SettingsStore;

pub use store::FILE;

/// The hub in the audit log, for what a limit stops.
const BY: &str = "drovers (a limit of cost or time was passed)";

/// The account of a hub. Cheap to clone.
#[derive(Clone)]
pub struct Account {
    path: Option<Arc<PathBuf>>,
    ledger: Arc<Mutex<Ledger>>,
    /// The content of the file. Locked during a write.
    written: Arc<Mutex<Vec<u8>>>,
    zone: TimeZone,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account")
    }
}

/// The usage of sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct UsageReport {
    /// The current day in the hub's time zone, such as `2026-11-29`.
    pub day: String,
    /// What all sessions used today.
    #[schema(value_type = Object)]
    pub today: Usage,
    /// Instances, the most expensive of today first.
    pub instances: Vec<InstanceUsage>,
    /// Sessions that used something today, the most expensive first; 200 at most.
    pub sessions: Vec<SessionUsage>,
    /// Earlier days, the newest first.
    pub days: Vec<DayUsage>,
}

/// What the sessions of an instance used.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct InstanceUsage {
    /// Id of the instance.
    pub id: String,
    /// Name of the instance; empty if it was removed.
    pub name: String,
    /// What its sessions used today.
    #[schema(value_type = Object)]
    pub today: Usage,
    /// The total usage of the listed sessions since their creation. The time is not known.
    #[schema(value_type = Object)]
    pub total: Usage,
}

/// The usage of a session.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SessionUsage {
    /// Its instance.
    pub instance: String,
    /// Its id.
    pub session: String,
    /// Its title; empty if it was deleted.
    pub title: String,
    /// What it used today, without its subagents.
    #[schema(value_type = Object)]
    pub today: Usage,
    /// Its total usage since its creation. The time is not known.
    #[schema(value_type = Object)]
    pub total: Usage,
}

/// The usage of one day.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DayUsage {
    /// The day.
    pub day: String,
    /// The usage of all sessions.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub used: Usage,
}

impl Account {
    /// An account in memory, by this time zone.
    pub fn in_memory(zone: TimeZone) -> Self {
        Self {
            path: None,
            ledger: Arc::default(),
            written: Arc::default(),
            zone,
        }
    }

    /// The account that a file has, by the machine's time zone. Blocks on the disk.
    pub fn load(path: PathBuf) -> Self {
        Self {
            ledger: Arc::new(Mutex::new(store::read(&path))),
            path: Some(Arc::new(path)),
            written: Arc::default(),
            zone: TimeZone::system(),
        }
    }

    /// Writes the account, if it is stored and has changed. Blocks on the disk.
    pub fn write(&self) {
        let Some(path) = &self.path else { return };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let ledger = self.ledger().clone();
        if let Err(error) = store::write(path, &ledger, &mut written) {
            tracing::warn!(%error, path = %path.display(), "what sessions used cannot be written");
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The day of a time.
    fn day(&self, at: Timestamp) -> Day {
        let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        let time = time.to_zoned(self.zone.clone());
        let begins = time.start_of_day().unwrap_or_else(|_| time.clone());
        Day {
            name: time.strftime("%Y-%m-%d").to_string().into(),
            begins: Timestamp(begins.timestamp().as_millisecond()),
        }
    }

    /// Observes the sessions of a state. Returns the sums of today by instance, and the limits that were passed.
    fn observe(
        &self,
        state: &Snapshot,
        budget: &page::Budget,
        at: Timestamp,
    ) -> (BTreeMap<InstanceId, Usage>, Vec<Crossing>) {
        let day = self.day(at);
        let mut ledger = self.ledger();
        ledger.observe(&day, at, &state.sessions);
        let today = ledger.today();
        let crossings = ledger.passed.look(budget, today, at, &state.running);
        (ledger.sums(), crossings)
    }

    /// The usage, with names from the state.
    pub fn report(&self, state: &State) -> UsageReport {
        let ledger = self.ledger().clone();
        let sums = ledger.sums();
        let mut instances: Vec<_> = state
            .instances
            .values()
            .map(|one| of_instance(one, &sums))
            .collect();
        instances.sort_by(|a, b| {
            b.today
                .cost
                .total_cmp(&a.today.cost)
                .then(a.name.cmp(&b.name))
        });
        let mut sessions: Vec<_> = ledger
            .sessions
            .iter()
            .map(|((instance, id), counted)| {
                let session = state.session(instance, id);
                SessionUsage {
                    instance: instance.to_string(),
                    session: id.to_string(),
                    title: session.map_or_else(String::new, |one| one.info.title().to_owned()),
                    today: counted.today,
                    total: counted.seen,
                }
            })
            .collect();
        sessions.sort_by(|a, b| b.today.cost.total_cmp(&a.today.cost));
        sessions.truncate(limits::USAGE_REPORTED);
        let days = ledger.days.iter().rev().map(|(day, of)| {
            let mut used = Usage::default();
            of.values().for_each(|one| used.include(*one));
            DayUsage {
                day: day.to_string(),
                used,
            }
        });
        UsageReport {
            day: ledger
                .day
                .as_ref()
                .map_or_else(String::new, |day| day.name.to_string()),
            today: ledger.today(),
            instances,
            sessions,
            days: days.collect(),
        }
    }
}

fn of_instance(instance: &Instance, sums: &BTreeMap<InstanceId, Usage>) -> InstanceUsage {
    let mut total = Usage::default();
    for session in instance.sessions.values() {
        total.include(Usage {
            cost: session.info.cost,
            tokens: session.info.tokens.total(),
            running_ms: 0,
        });
    }
    InstanceUsage {
        id: instance.id.to_string(),
        name: instance.name.to_string(),
        today: sums.get(&instance.id).copied().unwrap_or_default(),
        total,
    }
}

/// What the account needs of a state.
struct Snapshot {
    sessions: Vec<Observed>,
    running: Vec<RunningRoot>,
    /// The usage of today in the state.
    published: BTreeMap<InstanceId, Usage>,
}

fn snapshot(state: &State) -> Snapshot {
    let mut snapshot = Snapshot {
        sessions: Vec::new(),
        running: Vec::new(),
        published: BTreeMap::new(),
    };
    for instance in state.instances.values() {
        snapshot
            .published
            .insert(instance.id.clone(), instance.today);
        let mut tops = Roots::of(instance);
        let shown = |session: &&Session| state.shows(&instance.id, &session.info.id);
        let mut roots: BTreeMap<&SessionId, RunningRoot> = BTreeMap::new();
        let mut costs: BTreeMap<&SessionId, f64> = BTreeMap::new();
        for session in instance.sessions.values().map(Box::as_ref).filter(shown) {
            snapshot.sessions.push(observed(instance, session));
            let root = tops.root_of(&session.info.id);
            *costs.entry(root).or_default() += session.info.cost;
            let live = instance.is_live();
            if let (true, Run::Busy { since } | Run::Retry { since, .. }) = (live, &session.run) {
                let circle = session.activity.circles.evidence();
                let known = roots.entry(root).or_insert_with(|| RunningRoot {
                    instance: instance.id.clone(),
                    session: root.clone(),
                    cost: 0.0,
                    since: *since,
                    circle: None,
                });
                known.since = known.since.min(*since);
                known.circle = known.circle.take().or(circle);
            }
        }
        for (root, mut running) in roots {
            running.cost = costs.get(root).copied().unwrap_or_default();
            snapshot.running.push(running);
        }
    }
    snapshot
}

fn observed(instance: &Instance, session: &Session) -> Observed {
    Observed {
        instance: instance.id.clone(),
        session: session.info.id.clone(),
        created: instance.ours(session.info.created),
        cost: session.info.cost,
        tokens: session.info.tokens.total(),
        running: instance.is_live() && session.run.is_running(),
    }
}

impl<S: Servers> Commands<S> {
    /// Counts what sessions use, and keeps the limits of the settings, for as long as the engine runs.
    pub async fn keep_account(&self, account: &Account, settings: &SettingsStore) {
        let mut ticks = interval(limits::USAGE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut written, mut last) = (Instant::now(), None);
        while !self.engine.has_ended() {
            ticks.tick().await;
            last = self
                .account_once(account, &settings.now().budget, last)
                .await;
            if written.elapsed() >= limits::USAGE_WRITTEN_EVERY {
                written = Instant::now();
                let account = account.clone();
                let writing = tokio::task::spawn_blocking(move || account.write());
                if let Err(error) = writing.await {
                    tracing::warn!(%error, "writing what sessions used ended badly");
                }
            }
        }
    }

    /// Observes all sessions once, unless nothing ran at the last look and nothing changed since. Returns the revision and the day of
    /// this look, if nothing runs.
    async fn account_once(
        &self,
        account: &Account,
        budget: &page::Budget,
        last: Option<(Rev, Day)>,
    ) -> Option<(Rev, Day)> {
        let at = self.engine.now();
        let now = (self.engine.read(|state| state.rows_rev), account.day(at));
        if last.as_ref() == Some(&now) {
            return last;
        }
        let seen = self.engine.read(snapshot);
        let (sums, crossings) = account.observe(&seen, budget, at);
        let idle = seen.running.is_empty();
        for (instance, before) in seen.published {
            let today = sums.get(&instance).copied().unwrap_or_default();
            if shown(before) != shown(today) {
                self.engine.own(instance, Event::Used { today }).await;
            }
        }
        for crossing in crossings {
            self.passed(crossing).await;
        }
        idle.then_some(now)
    }

    async fn passed(&self, crossing: Crossing) {
        let Crossing {
            instance,
            session,
            over,
        } = crossing;
        tracing::info!(%instance, %session, evidence = over.words(), stopped = over.stopped, "a limit was passed");
        let raised = Event::OverLimit {
            session: session.clone(),
            over: Some(over),
        };
        self.engine.own(instance.clone(), raised).await;
        if !over.stopped {
            return;
        }
        // A server that does not answer must not hold up the account.
        let commands = self.clone();
        tokio::spawn(async move {
            if let Err(error) = commands.stop(&instance, &session, &BY.into()).await {
                tracing::warn!(%instance, %session, %error, "a session over its limit was not stopped");
            }
        });
    }
}

/// The shown precision of a sum: cents, thousands of tokens and minutes. Finer values would redraw pages too often.
fn shown(usage: Usage) -> (u64, u64, u64) {
    // The cast saturates.
    let cents = (usage.cost * 100.0) as u64;
    (cents, usage.tokens / 1000, usage.running_ms / 60_000)
}
