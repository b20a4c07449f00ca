//! Everything the hub knows, as names: instances, and each session once.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::api::{Api, Instance, Link, Session, Waiting};
use crate::fault::Fault;
use crate::pick::{Named, pick};

/// How to see what there is.
const SEE: &str = "`drovers ls` shows what there is";

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
pub(crate) struct Place {
    pub(crate) instance: String,
    pub(crate) session: Session,
}

/// An instance or a session.
#[derive(Debug, Clone)]
pub(crate) enum Thing {
    Instance(Instance),
    Session(Place),
}

impl Counted {
    /// True while the instance is live.
    pub(crate) fn is_live(&self) -> bool {
        self.instance.status == Link::Connected
    }

    /// What waits, by the session in which it does.
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
    // An instance that never connected has none to tell of; its own status says why.
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
pub(crate) async fn session(api: &Api, meant: &str) -> Result<Place, Fault> {
    let named: Vec<_> = places(take(api).await?)
        .into_iter()
        .map(name_session)
        .collect();
    pick(meant, &named, "session", SEE).map(|named| named.thing.clone())
}

/// The instance or session that is meant.
pub(crate) async fn thing(api: &Api, meant: &str) -> Result<Thing, Fault> {
    let counted = take(api).await?;
    let instances: Vec<_> = counted
        .iter()
        .map(|counted| name_instance(counted.instance.clone()))
        .collect();
    let sessions = places(counted).into_iter().map(name_session);
    let named: Vec<_> = instances
        .into_iter()
        .map(|named| Named {
            id: named.id,
            name: named.name,
            thing: Thing::Instance(named.thing),
        })
        .chain(sessions.map(|named| Named {
            id: named.id,
            name: named.name,
            thing: Thing::Session(named.thing),
        }))
        .collect();
    pick(meant, &named, "instance or session", SEE).map(|named| named.thing.clone())
}

fn name_instance(instance: Instance) -> Named<Instance> {
    Named {
        id: instance.id.clone(),
        name: instance.name.clone(),
        thing: instance,
    }
}

fn name_session(place: Place) -> Named<Place> {
    Named {
        id: place.session.id.clone(),
        name: place.session.title.clone(),
        thing: place,
    }
}

/// Each session once: servers of one user list each other's. Who knows what it is doing runs it; else whoever is live.
fn places(counted: Vec<Counted>) -> Vec<Place> {
    let mut places: Vec<(u8, Place)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for counted in counted {
        let live = counted.is_live();
        for session in counted.sessions {
            let rank = u8::from(session.status.kind != "unknown") * 2 + u8::from(live);
            let (id, instance) = (session.id.clone(), counted.instance.id.clone());
            let place = (rank, Place { instance, session });
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
