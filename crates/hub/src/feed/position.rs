//! A viewport requested over HTTP: in full, or one element of it.
//!
//! Requests missing data, waits a moment for it, and returns what is loaded then. Never renders.

use model::State;
use model::ids::{MessageId, SessionId};
use model::state::{Body, Instance, Loaded, Rev};
use model::view::{self, ViewDelta, Viewport};
use page::Language;
use page::limits::NAME_BYTES;
use tokio::time::timeout;

use super::shared::LiveShared;
use crate::engine::{Handle, HistoryDepth, Watched};
use crate::limits;

/// The current state of a viewport.
#[derive(Debug)]
pub struct ViewerPosition {
    /// All elements of the viewport.
    pub seen: ViewDelta,
    /// False if the viewport certainly does not exist.
    pub exists: bool,
    /// Retains its conversations, until the viewer's own link requests them.
    pub kept: Vec<Watched>,
}

/// Opens a viewport, with the page of messages before a message where the viewer requests that.
pub async fn open(
    live: &LiveShared,
    mut look: Viewport,
    before: Option<&MessageId>,
) -> ViewerPosition {
    let engine = live.engine();
    let reach = HistoryDepth::of(look.from.as_ref().or(before));
    let kept = load(engine, &look, reach).await;
    if let Some(before) = before {
        // Messages that cannot be read in time are not shown; the link to them remains.
        let _too_late = timeout(limits::OLDER_WAIT, older(engine, &look, before)).await;
        look.from = engine.read(|state| page_before(state, &look, before));
    }
    engine.read(|state| ViewerPosition {
        seen: live.whole(state, &look),
        exists: exists(state, &look),
        kept,
    })
}

/// One element of a viewport, as a viewer with the viewport `at` shows it; `None` if there is none. `whole` disables
/// the truncation of long texts.
pub async fn element(
    live: &LiveShared,
    language: Language,
    look: Viewport,
    key: String,
    at: Option<Rev>,
    whole: bool,
) -> Option<String> {
    let engine = live.engine();
    // The viewer's own link retains the conversation; this covers a viewer that has just lost the link.
    let _kept = load(engine, &look, HistoryDepth::of(look.from.as_ref())).await;
    let seen = engine.read(|state| exists(state, &look).then(|| live.whole(state, &look)))?;
    let drawn = live.draw(language, move |renderer| {
        renderer.fragment(&seen, &key, at, whole)
    });
    drawn.await.flatten()
}

/// False if the viewport certainly does not exist; a name that is too long never exists.
pub(super) fn exists(state: &State, look: &Viewport) -> bool {
    let Viewport {
        instance,
        session,
        from,
        parallel,
        overview: _,
        review: _,
    } = look;
    let names = [
        parallel.as_ref().map(|id| id.as_str()),
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
    let compared = |instance: &Instance| {
        let parallel = look.parallel.as_ref();
        parallel.is_none_or(|id| instance.parallels.contains_key(id))
    };
    match (instance, &look.session) {
        (Some(None), _) => false,
        (Some(Some(instance)), _) if !compared(instance) => false,
        // The sessions of a server are known only while it is connected: just after a start none are.
        (Some(Some(instance)), Some(session)) => {
            !instance.is_live() || instance.sessions.contains_key(session)
        }
        (Some(Some(_)), None) | (None, _) => true,
    }
}

/// Requests the conversations of the viewport, and waits a moment for them.
async fn load(engine: &Handle, look: &Viewport, reach: HistoryDepth) -> Vec<Watched> {
    let Some(instance) = look.instance.clone() else {
        return Vec::new();
    };
    let mut sessions = engine.read(|state| shown(state, look));
    sessions.retain(|session| engine.read(|state| state.session(&instance, session).is_some()));
    let mut kept = Vec::with_capacity(sessions.len());
    for session in &sessions {
        let watched = engine.watch(instance.clone(), session.clone(), reach);
        kept.push(watched.await);
    }
    let here = engine.until(|state| {
        sessions.iter().all(|session| {
            let session = state.session(&instance, session);
            session
                .is_none_or(|session| !matches!(session.body, Body::NotLoaded | Body::Loading(_)))
        })
    });
    let _too_late = timeout(limits::DOCUMENT_WAIT, here).await;
    kept
}

/// The sessions whose conversations a viewport shows.
pub(super) fn shown(state: &State, look: &Viewport) -> Vec<SessionId> {
    if look.review {
        return Vec::new();
    }
    let instance = look
        .instance
        .as_ref()
        .and_then(|id| state.instances.get(id));
    let compared = instance.zip(look.parallel.as_ref());
    let compared = compared.and_then(|(instance, id)| instance.parallels.get(id));
    let compared = compared
        .into_iter()
        .flat_map(|(_, parallel)| parallel.sessions());
    look.session.iter().chain(compared).cloned().collect()
}

/// Requests the messages before a message, if they are not loaded and there are any.
async fn older(engine: &Handle, look: &Viewport, before: &MessageId) {
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

/// The first message of the page before a message.
fn page_before(state: &State, look: &Viewport, before: &MessageId) -> Option<MessageId> {
    let mut newest_first = conversation(state, look)?.in_order().rev();
    newest_first.find(|message| message.info.id == *before)?;
    let page = newest_first.take(view::WINDOW).last();
    Some(page.map_or_else(|| before.clone(), |message| message.info.id.clone()))
}

fn conversation<'a>(state: &'a State, look: &Viewport) -> Option<&'a Loaded> {
    let (instance, session) = (look.instance.as_ref()?, look.session.as_ref()?);
    state.session(instance, session)?.loaded()
}
