//! Everything the hub knows, as names: instances, and each session once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Serialize;

use crate::api::{Api, Instance, Link, LogQuery, Session, Waiting};
use crate::fault::Fault;
use crate::out;
use crate::pick::{Candidate, pick};

/// Next step if a name matches nothing.
const SEE: &str = "Run `drovers ls` for a list";

/// An instance with what is known of it.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) instance: Instance,
    pub(crate) sessions: Vec<Session>,
    pub(crate) permissions: Vec<Waiting>,
    pub(crate) questions: Vec<Waiting>,
}

/// A session and where it is.
#[derive(Debug, Clone)]
pub(crate) struct SessionLocation {
    pub(crate) instance: String,
    pub(crate) session: Session,
}

/// A session as the JSON of commands names it.
#[derive(Debug, Serialize)]
pub(crate) struct NamedSession<'a> {
    instance: &'a str,
    session: &'a str,
    title: &'a str,
}

impl SessionLocation {
    /// Its names.
    pub(crate) fn named(&self) -> NamedSession<'_> {
        NamedSession {
            instance: &self.instance,
            session: &self.session.id,
            title: &self.session.title,
        }
    }
}

/// Titles of sessions, for people.
#[derive(Debug, Default)]
pub(crate) struct Titles(BTreeMap<(String, String), String>);

impl Titles {
    /// Of every session; empty if the hub does not report them.
    pub(crate) async fn read(api: &Api) -> Self {
        let counted = take(api).await.unwrap_or_default();
        let titles = counted.into_iter().flat_map(|counted| {
            let instance = counted.instance.id.clone();
            let sessions = counted.sessions.into_iter();
            sessions.map(move |session| {
                let title = session.title.clone();
                ((instance.clone(), session.id.clone()), title)
            })
        });
        Self(titles.collect())
    }

    /// The title of a session on one line; its id if it has none.
    pub(crate) fn of(&self, instance: &str, session: &str) -> String {
        let known = self.0.get(&(instance.to_owned(), session.to_owned()));
        let title = known.map(|title| out::one_line(title));
        title
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| out::one_line(session))
    }
}

/// An instance or a session.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Instance(Instance),
    Session(SessionLocation),
}

impl Counted {
    /// True while the instance is live.
    pub(crate) fn is_live(&self) -> bool {
        self.instance.status == Link::Connected
    }

    /// Open requests, by session.
    pub(crate) fn waiting(&self) -> BTreeMap<&str, Vec<&Waiting>> {
        let mut waiting: BTreeMap<&str, Vec<&Waiting>> = BTreeMap::new();
        for one in self.permissions.iter().chain(&self.questions) {
            waiting.entry(one.session.as_str()).or_default().push(one);
        }
        waiting
    }
}

/// Asks for everything. What was never read of an instance is empty.
pub(crate) async fn take(api: &Api) -> Result<Vec<Counted>, Fault> {
    let instances = api.instances().await?.into_iter();
    Ok(join_all(instances.map(|instance| count(api, instance))).await)
}

async fn count(api: &Api, instance: Instance) -> Counted {
    let id = instance.id.clone();
    let (sessions, permissions, questions) =
        tokio::join!(api.sessions(&id), api.permissions(&id), api.questions(&id));
    // An instance that never connected has no sessions; its status has the reason.
    Counted {
        instance,
        sessions: sessions.unwrap_or_default(),
        permissions: permissions.unwrap_or_default(),
        questions: questions.unwrap_or_default(),
    }
}

/// The instance that is meant.
pub(crate) async fn instance(api: &Api, meant: &str) -> Result<Instance, Fault> {
    let named: Vec<_> = api
        .instances()
        .await?
        .into_iter()
        .map(name_instance)
        .collect();
    pick(meant, &named, "instance", SEE).map(|named| named.thing.clone())
}

/// The session that is meant.
pub(crate) async fn session(api: &Api, meant: &str) -> Result<SessionLocation, Fault> {
    let named: Vec<_> = places(take(api).await?)
        .into_iter()
        .map(name_session)
        .collect();
    pick(meant, &named, "session", SEE).map(|named| named.thing.clone())
}

/// The sessions that are meant, each once, in the order given.
pub(crate) async fn sessions(api: &Api, meant: &[String]) -> Result<Vec<SessionLocation>, Fault> {
    let named: Vec<_> = places(take(api).await?)
        .into_iter()
        .map(name_session)
        .collect();
    let mut found: Vec<SessionLocation> = Vec::new();
    for meant in meant {
        let place = &pick(meant, &named, "session", SEE)?.thing;
        if !found
            .iter()
            .any(|known| known.session.id == place.session.id)
        {
            found.push(place.clone());
        }
    }
    Ok(found)
}

/// Every session, each once.
pub(crate) async fn all_sessions(api: &Api) -> Result<Vec<SessionLocation>, Fault> {
    Ok(places(take(api).await?))
}

/// The instance or session that is meant.
pub(crate) async fn thing(api: &Api, meant: &str) -> Result<Target, Fault> {
    let counted = take(api).await?;
    let instances: Vec<_> = counted
        .iter()
        .map(|counted| name_instance(counted.instance.clone()))
        .collect();
    let sessions = places(counted).into_iter().map(name_session);
    let named: Vec<_> = instances
        .into_iter()
        .map(|named| Candidate {
            id: named.id,
            name: named.name,
            thing: Target::Instance(named.thing),
        })
        .chain(sessions.map(|named| Candidate {
            id: named.id,
            name: named.name,
            thing: Target::Session(named.thing),
        }))
        .collect();
    pick(meant, &named, "instance or session", SEE).map(|named| named.thing.clone())
}

/// Limits a query of the log to the instance or session that is meant.
pub(crate) async fn limit(api: &Api, query: &mut LogQuery, meant: &str) -> Result<(), Fault> {
    match thing(api, meant).await? {
        Target::Instance(instance) => query.instance = Some(instance.id.clone()),
        Target::Session(place) => {
            query.instance = Some(place.instance);
            query.session = Some(place.session.id.clone());
        }
    }
    Ok(())
}

fn name_instance(instance: Instance) -> Candidate<Instance> {
    Candidate {
        id: instance.id.clone(),
        name: instance.name.clone(),
        thing: instance,
    }
}

fn name_session(place: SessionLocation) -> Candidate<SessionLocation> {
    Candidate {
        id: place.session.id.clone(),
        name: place.session.title.clone(),
        thing: place,
    }
}

/// Each session once, as servers of one user list each other's sessions: by the server that reports its run, else by a connected one.
fn places(counted: Vec<Counted>) -> Vec<SessionLocation> {
    let mut places: Vec<(u8, SessionLocation)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for counted in counted {
        let live = counted.is_live();
        for session in counted.sessions {
            let rank = u8::from(session.status.kind != "unknown") * 2 + u8::from(live);
            let (id, instance) = (session.id.clone(), counted.instance.id.clone());
            let place = (rank, SessionLocation { instance, session });
            match known.get(&id) {
                Some(at) if places[*at].0 < rank => places[*at] = place,
                Some(_) => {}
                None => {
                    known.insert(id, places.len());
                    places.push(place);
                }
            }
        }
    }
    places.into_iter().map(|(_, place)| place).collect()
}
