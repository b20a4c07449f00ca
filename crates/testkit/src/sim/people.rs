//! What happens on a server by itself and by people who use it directly: turns go on, requests are answered, sessions
//! come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::json;
use tokio::time::sleep;

use super::core::lock;
use super::server::{Server, Up};
use super::turn::{self, Turn};

/// Turns at once on one server.
const TURNS: usize = 3;

/// Has a server live until the end.
pub(super) async fn live(server: Arc<Server>) {
    loop {
        let (pause, busy) = {
            let mut inner = lock(&server.inner);
            let busy = inner.random.random_ratio(1, 3);
            let most = if busy { 60 } else { 2500 };
            (inner.random.random_range(5..most), busy)
        };
        sleep(Duration::from_millis(pause)).await;
        if server.core.is_calm() || lock(&server.inner).up != Up::Yes {
            sleep(Duration::from_millis(300)).await;
            continue;
        }
        let steps = lock(&server.inner)
            .random
            .random_range(1..if busy { 8 } else { 3 });
        for _ in 0..steps {
            act(&server).await;
        }
    }
}

/// Ends what is under way, as far as it does not wait for anyone.
pub(super) fn finish(server: &Server) {
    for _ in 0..200 {
        answer(server, 2);
        let all: Vec<String> = lock(&server.inner).turns.keys().cloned().collect();
        let moved = all.iter().filter(|session| turn::advance(server, session));
        if moved.count() == 0 {
            return;
        }
    }
}

async fn act(server: &Arc<Server>) {
    prompt_unseen(server);
    let (dice, turns, recorded) = {
        let mut inner = lock(&server.inner);
        let dice = inner.random.random_range(0..1000);
        (dice, inner.turns.len(), !inner.recorded.is_empty())
    };
    match dice {
        0..120 if turns < TURNS => begin(server),
        120..220 => answer(server, dice),
        220..228 => {
            if let Some(session) = pick(server, true) {
                server
                    .core
                    .trace(format_args!("s{} abort {session}", server.index));
                turn::abort(server, &session);
            }
        }
        228..236 => {
            if let Some(session) = pick(server, false) {
                delete(server, &session);
            }
        }
        236..238 => dispose(server),
        238..250 => {
            if let Some(session) = pick(server, false) {
                turn::touch(server, &session, Some(&format!("Renamed {dice}")));
            }
        }
        250..600 if recorded => {
            for _ in 0..dice % 12 {
                let frame = lock(&server.inner).recorded.pop_front();
                if let Some(frame) = frame {
                    server.replay(&frame);
                }
            }
        }
        _ => {
            if let Some(session) = pick(server, true) {
                turn::advance(server, &session);
            }
        }
    }
    let pause = lock(&server.inner).random.random_range(0..30);
    sleep(Duration::from_millis(pause)).await;
}

/// A session of this server: one whose turn is under way, or any.
fn pick(server: &Server, under_way: bool) -> Option<String> {
    let sessions: Vec<String> = if under_way {
        lock(&server.inner).turns.keys().cloned().collect()
    } else {
        let store = lock(&server.store);
        let own = store
            .sessions
            .values()
            .filter(|kept| kept.home == server.index);
        // A recording goes on with its sessions whatever happens to them.
        let recording = !lock(&server.inner).recorded.is_empty();
        own.filter(|kept| !recording || is_made_here(&kept.info.id))
            .map(|kept| kept.info.id.clone())
            .collect()
    };
    sessions.choose(&mut lock(&server.inner).random).cloned()
}

/// Recorded ids are longer.
pub(super) fn is_made_here(id: &str) -> bool {
    id.len() == 11
}

/// A prompt: to a new session, or to one that is there.
fn begin(server: &Server) {
    let known = pick(server, false);
    let fresh = lock(&server.inner).random.random_ratio(1, 3);
    let elsewhere = lock(&server.inner).random.random_ratio(1, 6);
    let session = match known {
        Some(session) if !fresh => session,
        _ => {
            let directory = if elsewhere {
                format!("{}/other", server.directory)
            } else {
                server.directory.clone()
            };
            turn::create(server, &directory, None)
        }
    };
    let directory = {
        let store = lock(&server.store);
        let kept = store.sessions.get(&session);
        kept.map(|kept| kept.info.directory.clone())
    };
    let Some(directory) = directory else { return };
    let mut inner = lock(&server.inner);
    if inner.turns.contains_key(&session) {
        return;
    }
    let turn = Turn::new(&directory, "Do *this* & <that>", &mut inner.random, 0);
    inner.turns.insert(session, turn);
}

/// A person gives a stopped session a prompt while nobody listens, and its run asks for permission.
fn prompt_unseen(server: &Server) {
    let session = {
        let inner = &mut *lock(&server.inner);
        let seen = inner.connections.iter();
        if seen.filter(|line| line.pipe.is_open()).count() > 0 || !inner.random.random_ratio(1, 3) {
            return;
        }
        let stops = inner.refusable.stops.iter();
        let mut idle = stops.filter(|stop| !inner.turns.contains_key(&stop.session));
        let last = idle.rfind(|stop| stop.done.is_some());
        last.map(|stop| stop.session.clone())
    };
    let Some(session) = session else { return };
    let directory = {
        let store = lock(&server.store);
        let kept = store.sessions.get(&session);
        kept.map(|kept| kept.info.directory.clone())
    };
    let Some(directory) = directory else { return };
    server
        .core
        .trace(format_args!("s{} {session} runs unseen", server.index));
    let turn = Turn::asking(&directory);
    lock(&server.inner).turns.insert(session.clone(), turn);
    while turn::advance(server, &session) {}
}

/// Someone answers what waits.
fn answer(server: &Server, dice: i32) {
    let (permission, question) = {
        let inner = lock(&server.inner);
        let permission = inner.permissions.values().next();
        let question = inner.questions.values().next();
        (
            permission.map(|asked| (asked.id.clone(), asked.session_id.clone())),
            question.map(|asked| (asked.id.clone(), asked.session_id.clone())),
        )
    };
    let directory = |session: &str| {
        let store = lock(&server.store);
        let kept = store.sessions.get(session);
        kept.map_or_else(String::new, |kept| kept.info.directory.clone())
    };
    if let Some((id, session)) = permission {
        let about = json!({"sessionID": session, "requestID": id, "reply": "once"});
        server.emit(&directory(&session), "permission.replied", &about);
    } else if let Some((id, session)) = question {
        let (kind, about) = if dice % 3 == 0 {
            let about = json!({"sessionID": session, "requestID": id});
            ("question.rejected", about)
        } else {
            let about = json!({"sessionID": session, "requestID": id, "answers": [["Red"]]});
            ("question.replied", about)
        };
        server.emit(&directory(&session), kind, &about);
    }
}

/// A folder is let go of: what runs there ends without a word of its own.
fn dispose(server: &Server) {
    let Some(session) = pick(server, false) else {
        return;
    };
    let (directory, there) = {
        let store = lock(&server.store);
        let Some(kept) = store.sessions.get(&session) else {
            return;
        };
        let directory = kept.info.directory.clone();
        let here = store.sessions.values();
        let here =
            here.filter(|kept| kept.info.directory == directory && kept.home == server.index);
        let there: BTreeSet<String> = here.map(|kept| kept.info.id.clone()).collect();
        (directory, there)
    };
    {
        let mut inner = lock(&server.inner);
        inner.turns.retain(|id, _| !there.contains(id));
        inner.running.retain(|id, _| !there.contains(id));
        inner
            .permissions
            .retain(|_, asked| !there.contains(&asked.session_id));
        inner
            .questions
            .retain(|_, asked| !there.contains(&asked.session_id));
    }
    let about = format_args!("s{} {directory}", server.index);
    server.core.fault("folder disposed", about);
    let about = json!({"directory": directory});
    server.emit(&directory, "server.instance.disposed", &about);
}

/// A session goes, with all below it; what runs in it does not notice for a while.
fn delete(server: &Arc<Server>, session: &str) {
    let family = lock(&server.store).family(session);
    for id in family {
        let info = {
            let store = lock(&server.store);
            let kept = store.sessions.get(&id);
            kept.map(|kept| (kept.info.raw.get().to_owned(), kept.info.directory.clone()))
        };
        let Some((raw, directory)) = info else {
            continue;
        };
        let ran = lock(&server.inner).turns.contains_key(&id);
        let properties = format!(r#"{{"sessionID":"{id}","info":{raw}}}"#);
        server.tell(&directory, "session.deleted", &properties);
        if ran {
            let (server, id) = (server.clone(), id.clone());
            tokio::spawn(async move { haunt(&server, &id, &directory).await });
        }
    }
}

/// Late events of a session that is gone.
async fn haunt(server: &Server, session: &str, directory: &str) {
    for at in 0..6 {
        sleep(Duration::from_millis(130)).await;
        if lock(&server.inner).up != Up::Yes {
            return;
        }
        let (message, part) = (server.id("msg"), server.id("prt"));
        let delta = json!({
            "sessionID": session, "messageID": message, "partID": part, "field": "text", "delta": "late",
        });
        server.emit(directory, "message.part.delta", &delta);
        if at == 4 {
            let info = json!({"id": session, "directory": directory, "title": "late", "time": {"created": 1, "updated": 2}});
            server.haunt(
                directory,
                "session.updated",
                &json!({"sessionID": session, "info": info}),
            );
        }
        if at == 3 {
            let part = json!({"id": part, "messageID": message, "sessionID": session, "type": "text", "text": "late"});
            let about = json!({"sessionID": session, "part": part});
            server.emit(directory, "message.part.updated", &about);
        }
    }
}
