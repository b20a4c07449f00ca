//! A place as it is asked for over HTTP: whole, or one element of it.
//!
//! It has read what is lacking, waits a moment for it, and gives what is here then. It never draws and never answers
//! requests itself.

use model::State;
use model::ids::MessageId;
use model::state::{Body, Loaded, Rev};
use model::view::{self, Look, Seen};
use page::limits::NAME_BYTES;
use tokio::time::timeout;

use super::live::Live;
use crate::engine::{Handle, Reach, Watched};
use crate::limits;

/// A place as it is now.
#[derive(Debug)]
pub struct Place {
    /// All of it.
    pub seen: Seen,
    /// False if it is known that there is no such place.
    pub exists: bool,
    /// Keeps its conversation, until the viewer's own link looks at it.
    pub kept: Option<Watched>,
}

/// What is looked at, with the page of messages before one where a viewer asks for it.
pub async fn open(engine: &Handle, mut look: Look, before: Option<&MessageId>) -> Place {
    let reach = Reach::of(look.from.as_ref().or(before));
    let kept = load(engine, &look, reach).await;
    if let Some(before) = before {
        // What cannot be read in time is not shown; the link to it is still there.
        let _too_late = timeout(limits::OLDER_WAIT, older(engine, &look, before)).await;
        look.from = engine.read(|state| page_before(state, &look, before));
    }
    engine.read(|state| Place {
        seen: view::look(state, &look, Rev(0)),
        exists: exists(state, &look),
        kept,
    })
}

/// One element of what is looked at, as a viewer at `at` has it; `None` if there is none. `whole` cuts no long texts.
pub async fn element(
    live: &Live,
    look: Look,
    key: String,
    at: Option<Rev>,
    whole: bool,
) -> Option<String> {
    let engine = live.engine();
    // The viewer's own link keeps the conversation; this is for one that has just lost it.
    let _kept = load(engine, &look, Reach::of(look.from.as_ref())).await;
    let seen =
        engine.read(|state| exists(state, &look).then(|| view::look(state, &look, Rev(0))))?;
    let drawn = live.draw(move |renderer| renderer.fragment(&seen, &key, at, whole));
    drawn.await.flatten()
}

/// False if it is known that there is no such place; what has a name that is too long is none.
pub(super) fn exists(state: &State, look: &Look) -> bool {
    let Look {
        instance,
        session,
        from,
    } = look;
    let names = [
        instance.as_ref().map(|id| id.as_str()),
        session.as_ref().map(|id| id.as_str()),
        from.as_ref().map(|id| id.as_str()),
    ];
    if names
        .into_iter()
        .flatten()
        .any(|name| name.len() > NAME_BYTES)
    {
        return false;
    }
    let instance = look.instance.as_ref().map(|id| state.instances.get(id));
    match (instance, &look.session) {
        (Some(None), _) => false,
        // What a server has is known only while it is heard: just after a start, nothing is.
        (Some(Some(instance)), Some(session)) => {
            !instance.is_live() || instance.sessions.contains_key(session)
        }
        (Some(Some(_)), None) | (None, _) => true,
    }
}

/// Has the conversation read that is looked at, and waits a moment for it.
async fn load(engine: &Handle, look: &Look, reach: Reach) -> Option<Watched> {
    let (instance, session) = (look.instance.clone()?, look.session.clone()?);
    engine.read(|state| state.session(&instance, &session).map(drop))?;
    let kept = engine.watch(instance.clone(), session.clone(), reach).await;
    let here = async {
        engine
            .until(|state| {
                let session = state.session(&instance, &session);
                session.is_none_or(|session| {
                    !matches!(session.body, Body::NotLoaded | Body::Loading(_))
                })
            })
            .await;
    };
    let _too_late = timeout(limits::DOCUMENT_WAIT, here).await;
    Some(kept)
}

/// Has the messages before one read, if they are not here and there are any.
async fn older(engine: &Handle, look: &Look, before: &MessageId) {
    let lacking = |state: &State| {
        let loaded = conversation(state, look)?;
        let first = loaded.in_order().next()?.info.id.clone();
        (loaded.older.is_some() && first == *before).then_some(())
    };
    let (Some(()), Some(instance), Some(session)) =
        (engine.read(lacking), &look.instance, &look.session)
    else {
        return;
    };
    engine.older(instance.clone(), session.clone()).await;
    engine.until(|state| lacking(state).is_none()).await;
}

/// The message that begins the page of messages before one.
fn page_before(state: &State, look: &Look, before: &MessageId) -> Option<MessageId> {
    let mut newest_first = conversation(state, look)?.in_order().rev();
    newest_first.find(|message| message.info.id == *before)?;
    let page = newest_first.take(view::WINDOW).last();
    Some(page.map_or_else(|| before.clone(), |message| message.info.id.clone()))
}

fn conversation<'a>(state: &'a State, look: &Look) -> Option<&'a Loaded> {
    let (instance, session) = (look.instance.as_ref()?, look.session.as_ref()?);
    state.session(instance, session)?.loaded()
}
