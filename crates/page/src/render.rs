//! The renderer: rows in, a whole document, changes or one element out.
//!
//! It remembers what it drew lately, for all viewers together, and never who they are.

mod ring;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::InstanceId;
use model::state::Rev;
use model::view::{Look, MessageRow, PartRow, Seen};

use ring::{Cache, Drawn, Identity};

use crate::fragment::{Fragment, fragment_url};
use crate::shell::Context;
use crate::wire::Op;
use crate::{parts, regions, shell};

/// Draws what viewers see. One is shared by all of them; it is cheap to call from many threads at once.
#[derive(Debug, Default)]
pub struct Renderer {
    cache: Mutex<Cache>,
}

impl Renderer {
    /// A renderer that has drawn nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The whole page. `seen` is everything of a look: `model::view::look(state, look, Rev(0))`.
    pub fn document(&self, seen: &Seen, context: &Context<'_>) -> String {
        let messages: Vec<String> = seen
            .log
            .iter()
            .flat_map(|log| &log.messages)
            .map(|row| self.message(seen, row))
            .collect();
        let list = seen.log.as_ref().and_then(parts::messages);
        for fragment in regions::all(seen).into_iter().chain(list) {
            self.remember(seen, fragment);
        }
        shell::document(seen, context, &messages)
    }

    /// What a viewer at `since` lacks. `seen` is `model::view::look(state, look, since)`; after these operations the
    /// viewer is at `seen.rev`. `Rev(0)` sends everything.
    pub fn patch(&self, seen: &Seen, since: Rev) -> Vec<Op> {
        let mut ops = Vec::new();
        let fetch = |key: &str| fragment_url(&seen.look, key, seen.rev);
        for fragment in regions::all(seen) {
            let base = self
                .lock()
                .at(&region_key(&seen.look, &fragment.key), since);
            let fragment = self.remember(seen, fragment);
            let base = base.as_ref().map(|base| &*base.fragment);
            fragment.changes(base, &fetch, &mut ops);
            fragment.order(base, &mut ops);
        }
        if let Some(log) = &seen.log {
            let since = if log.anew { Rev(0) } else { since };
            for row in &log.messages {
                self.message_changes(seen, row, since, &mut ops);
            }
            if let Some(list) = parts::messages(log) {
                let base = self.lock().at(&region_key(&seen.look, &list.key), since);
                let base = base.as_ref().map(|base| &*base.fragment);
                self.remember(seen, list).order(base, &mut ops);
            }
        }
        ops
    }

    /// One element by its `data-k`, for a page that was told to fetch it.
    ///
    /// `at` asks for what a viewer at that revision has, so that later patches fit; where that is forgotten it is what
    /// `seen` holds. `whole` draws a part without cutting long texts. `None` if the look holds no such element.
    pub fn fragment(&self, seen: &Seen, key: &str, at: Option<Rev>, whole: bool) -> Option<String> {
        let rev = at.unwrap_or(seen.rev);
        let rows = || seen.log.iter().flat_map(|log| &log.messages);
        let row = rows().find_map(|message| {
            let part = message.parts.iter().find(|part| is_of_part(key, part))?;
            Some((message, part))
        });
        if let (Some((message, part)), Some(instance)) = (row, &seen.look.instance) {
            let place = place(seen, message);
            // Asked in a statement of its own: the lock must be free again before the part is drawn.
            let known = self.lock().at(&part_key(instance, part), rev);
            let drawn = match known {
                _ if whole => Arc::new(parts::part(&place, part, None, true)),
                Some(known) => known.fragment,
                None => self.part(seen, message, part),
            };
            return if drawn.key == key {
                Some(drawn.html())
            } else {
                drawn.block_html(key)
            };
        }
        if let Some(row) = rows().find(|row| {
            key.strip_prefix("m:")
                .is_some_and(|id| id == row.info.id.as_str())
        }) {
            return Some(self.message(seen, row));
        }
        regions::all(seen).into_iter().find_map(|fragment| {
            let drawn = self.lock().at(&region_key(&seen.look, &fragment.key), rev);
            let fragment = drawn.map_or_else(|| Arc::new(fragment), |drawn| drawn.fragment);
            if fragment.key == key {
                Some(fragment.html())
            } else {
                fragment.block_html(key)
            }
        })
    }

    /// Forgets what was drawn of the regions of `seen`: a viewer is sent them by another renderer, as its place does not exist
    /// now, and what was remembered of that place before is not what this viewer has.
    pub fn forget(&self, seen: &Seen) {
        let mut cache = self.lock();
        for fragment in regions::all(seen) {
            cache.remove(&region_key(&seen.look, &fragment.key));
        }
    }

    /// Bytes of what is remembered.
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    fn message(&self, seen: &Seen, row: &MessageRow) -> String {
        let shell = self.remember(seen, parts::message(&seen.look, row));
        let parts: String = row
            .parts
            .iter()
            .map(|part| self.part(seen, row, part).html())
            .collect();
        [&shell.tag, &shell.open, &parts, &*shell.close].concat()
    }

    fn message_changes(&self, seen: &Seen, row: &MessageRow, since: Rev, ops: &mut Vec<Op>) {
        let fetch = |key: &str| fragment_url(&seen.look, key, seen.rev);
        let shell = parts::message(&seen.look, row);
        let base = self.lock().at(&region_key(&seen.look, &shell.key), since);
        let shell = self.remember(seen, shell);
        let base = base.as_ref().map(|base| &*base.fragment);
        shell.changes(base, &fetch, ops);
        for part in &row.parts {
            let had = seen
                .look
                .instance
                .as_ref()
                .and_then(|id| self.lock().at(&part_key(id, part), since));
            let has = self.part(seen, row, part);
            if had
                .as_ref()
                .is_none_or(|had| !Arc::ptr_eq(&had.fragment, &has))
            {
                let had = had.as_ref().map(|had| &*had.fragment);
                has.changes(had, &fetch, ops);
                has.order(had, ops);
            }
        }
        shell.order(base, ops);
    }

    /// A part as it is now: drawn, or remembered.
    fn part(&self, seen: &Seen, message: &MessageRow, row: &PartRow) -> Arc<Fragment> {
        let identity = Identity {
            rev: row.rev,
            cut_off: row.cut_off,
            waits_for: row.waits_for.clone(),
            status: message.status,
        };
        let place = place(seen, message);
        let Some(instance) = &seen.look.instance else {
            return Arc::new(parts::part(&place, row, None, false));
        };
        let key = part_key(instance, row);
        let before = self.lock().at(&key, seen.rev);
        if let Some(before) = before
            .as_ref()
            .filter(|before| before.identity.as_ref() == Some(&identity))
        {
            return before.fragment.clone();
        }
        let before = before.map(|before| before.fragment);
        let mut fragment = parts::part(
            &place,
            row,
            before.as_deref().map(|before| &before.memo),
            false,
        );
        if let Some(before) = &before {
            fragment.share(before);
        }
        let fragment = Arc::new(fragment);
        self.lock().keep(
            &key,
            Drawn {
                at: seen.rev,
                until: seen.rev,
                identity: Some(identity),
                fragment: fragment.clone(),
            },
        );
        fragment
    }

    fn remember(&self, seen: &Seen, mut fragment: Fragment) -> Arc<Fragment> {
        let key = region_key(&seen.look, &fragment.key);
        let mut cache = self.lock();
        if let Some(before) = cache.at(&key, seen.rev) {
            fragment.share(&before.fragment);
        }
        let fragment = Arc::new(fragment);
        cache.keep(
            &key,
            Drawn {
                at: seen.rev,
                until: seen.rev,
                identity: None,
                fragment: fragment.clone(),
            },
        );
        fragment
    }

    /// A thread that panicked while it held the cache left it consistent enough: it only saves work.
    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place<'a>(seen: &'a Seen, message: &'a MessageRow) -> parts::Place<'a> {
    parts::Place {
        look: &seen.look,
        message,
    }
}

fn is_of_part(key: &str, part: &PartRow) -> bool {
    let id = part.id.as_str();
    key.strip_prefix("p:") == Some(id)
        || key
            .strip_prefix("b:")
            .and_then(|rest| rest.strip_prefix(id))
            .is_some_and(|rest| rest.starts_with(':'))
}

fn part_key(instance: &InstanceId, part: &PartRow) -> String {
    format!("p/{instance}/{}", part.id)
}

fn region_key(look: &Look, key: &str) -> String {
    let Look {
        instance,
        session,
        from,
    } = look;
    let [instance, session, from] = [
        instance.as_ref().map(|i| i.as_str()),
        session.as_ref().map(|s| s.as_str()),
        // What stands before the messages depends on the first of them.
        from.as_ref().map(|m| m.as_str()),
    ];
    format!(
        "r/{}/{}/{}/{key}",
        instance.unwrap_or_default(),
        session.unwrap_or_default(),
        from.unwrap_or_default()
    )
}
