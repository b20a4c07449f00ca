//! The renderer: rows in, a whole document, changes or one element out.
//!
//! It remembers what it drew lately, for all viewers together, and never who they are.

mod ring;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::{InstanceId, MessageId};
use model::state::Rev;
use model::view::{MessageRow, PartRow, RunColumn, ViewDelta, Viewport};

use ring::{Cache, CachedRender, Identity};

use crate::fragment::{Fragment, fragment_url};
use crate::language;
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
    pub fn document(&self, seen: &ViewDelta, context: &Context<'_>) -> String {
        let messages: Vec<String> = seen
            .log
            .iter()
            .flat_map(|log| &log.messages)
            .map(|row| self.message(&seen.viewport, seen.rev, row))
            .collect();
        let list = seen.log.as_ref().and_then(parts::messages);
        for fragment in regions::all(seen).into_iter().chain(list) {
            self.remember(&seen.viewport, seen.rev, fragment);
        }
        let runs = self.runs(seen);
        shell::document(seen, context, &messages, &runs)
    }

    /// The messages of the runs that are compared, drawn.
    fn runs(&self, seen: &ViewDelta) -> Vec<String> {
        let runs = seen.parallel.iter().flat_map(|page| &page.runs);
        let drawn = runs.enumerate().map(|(nth, run)| {
            self.remember(
                &seen.viewport,
                seen.rev,
                regions::parallel::answer(nth, run),
            );
            let look = run_viewport(seen, run);
            let messages = run.answer.iter();
            messages
                .map(|row| self.message(&look, seen.rev, row))
                .collect()
        });
        drawn.collect()
    }

    /// What a viewer lacks of the messages of the runs that are compared.
    fn runs_changes(&self, seen: &ViewDelta, since: Rev, ops: &mut Vec<Op>) {
        let runs = seen.parallel.iter().flat_map(|page| &page.runs);
        for (nth, run) in runs.enumerate() {
            let look = run_viewport(seen, run);
            let anew = run.loaded_since > since;
            let since = if anew { Rev(0) } else { since };
            let list = regions::parallel::answer(nth, run);
            let key = region_key(&seen.viewport, &list.key);
            let base = self.lock().at(&key, since);
            let base = base.as_ref().map(|base| &*base.fragment);
            for row in &run.answer {
                let shown = base.is_some_and(|list| list.has_child(&message_key(row)));
                let since = if shown { since } else { Rev(0) };
                self.message_changes(&look, seen.rev, row, since, ops);
            }
            self.remember(&seen.viewport, seen.rev, list)
                .order(base, ops);
        }
    }

    /// What a viewer at `since` lacks. `seen` is `model::view::look(state, look, since)`; after these operations the
    /// viewer is at `seen.rev`. `Rev(0)` sends everything.
    pub fn patch(&self, seen: &ViewDelta, since: Rev) -> Vec<Op> {
        let mut ops = Vec::new();
        let fetch = |key: &str| fragment_url(&seen.viewport, key, seen.rev);
        for fragment in regions::all(seen) {
            let base = self
                .lock()
                .at(&region_key(&seen.viewport, &fragment.key), since);
            let fragment = self.remember(&seen.viewport, seen.rev, fragment);
            let base = base.as_ref().map(|base| &*base.fragment);
            fragment.changes(base, &fetch, &mut ops);
            fragment.order(base, &mut ops);
        }
        if let Some(log) = &seen.log {
            let since = if log.anew { Rev(0) } else { since };
            let list = parts::messages(log);
            let base = list.as_ref().and_then(|list| {
                let key = region_key(&seen.viewport, &list.key);
                self.lock().at(&key, since)
            });
            let base = base.as_ref().map(|base| &*base.fragment);
            for row in &log.messages {
                // A message that left the window, or was read anew after a gap, may come back as it was: the viewer has nothing of it.
                let shown = |list: &Fragment| list.has_child(&message_key(row));
                let lacks = list.is_some() && !base.is_some_and(shown);
                let since = if lacks { Rev(0) } else { since };
                self.message_changes(&seen.viewport, seen.rev, row, since, &mut ops);
            }
            if let Some(list) = list {
                self.remember(&seen.viewport, seen.rev, list)
                    .order(base, &mut ops);
            }
        }
        self.runs_changes(seen, since, &mut ops);
        ops
    }

    /// One element by its `data-k`, for a page that fetches it.
    ///
    /// `at` asks for what a viewer at that revision has, so that later patches fit; where that is forgotten it is what
    /// `seen` holds. `whole` draws a part without cutting long texts. `None` if the look holds no such element.
    pub fn fragment(
        &self,
        seen: &ViewDelta,
        key: &str,
        at: Option<Rev>,
        whole: bool,
    ) -> Option<String> {
        let rev = at.unwrap_or(seen.rev);
        let rows = || seen.log.iter().flat_map(|log| &log.messages);
        let row = rows().find_map(|message| {
            let part = message.parts.iter().find(|part| is_of_part(key, part))?;
            Some((message, part))
        });
        if let (Some((message, part)), Some(instance)) = (row, &seen.viewport.instance) {
            let place = place(&seen.viewport, message);
            // Asked in a statement of its own: the lock must be free again before the part is drawn.
            let known = self.lock().at(&part_key(instance, part), rev);
            let drawn = match known {
                _ if whole => Arc::new(parts::part(&place, part, None, true)),
                Some(known) => known.fragment,
                None => self.part(&seen.viewport, seen.rev, message, part),
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
            return Some(self.message(&seen.viewport, seen.rev, row));
        }
        regions::all(seen).into_iter().find_map(|fragment| {
            let drawn = self
                .lock()
                .at(&region_key(&seen.viewport, &fragment.key), rev);
            let fragment = drawn.map_or_else(|| Arc::new(fragment), |drawn| drawn.fragment);
            if fragment.key == key {
                Some(fragment.html())
            } else {
                fragment.block_html(key)
            }
        })
    }

    /// The messages of a viewport before one that its viewer has, with what stands before them, in one element that names the oldest
    /// message of the viewport: `data-from`.
    pub fn older(&self, seen: &ViewDelta, before: &MessageId) -> String {
        let look = &seen.viewport;
        let rows = seen.log.iter().flat_map(|log| &log.messages);
        let rows = rows.take_while(|row| row.info.id != *before);
        let messages: String = rows.map(|row| self.message(look, seen.rev, row)).collect();
        let all = regions::all(seen).into_iter();
        let above: String = all
            .filter(|fragment| fragment.key == "before")
            .map(|fragment| self.remember(look, seen.rev, fragment).html())
            .collect();
        let from = look.from.as_ref().unwrap_or(before);
        let html = maud::html! {
            div data-from=(from) { (maud::PreEscaped(above)) (maud::PreEscaped(messages)) }
        };
        html.into_string()
    }

    /// The messages of a viewport, drawn.
    pub(crate) fn conversation(&self, seen: &ViewDelta) -> String {
        let rows = seen.log.iter().flat_map(|log| &log.messages);
        rows.map(|row| self.message(&seen.viewport, seen.rev, row))
            .collect()
    }

    /// Forgets what was drawn of the regions of `seen`: a viewer is sent them by another renderer, as its place does not exist
    /// now, and what was remembered of that place before is not what this viewer has.
    pub fn forget(&self, seen: &ViewDelta) {
        let mut cache = self.lock();
        for fragment in regions::all(seen) {
            cache.remove(&region_key(&seen.viewport, &fragment.key));
        }
    }

    /// Bytes of what is remembered.
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    fn message(&self, look: &Viewport, rev: Rev, row: &MessageRow) -> String {
        let shell = self.remember(look, rev, parts::message(look, row));
        let parts: String = row
            .parts
            .iter()
            .map(|part| self.part(look, rev, row, part).html())
            .collect();
        [&shell.tag, &shell.open, &parts, &*shell.close].concat()
    }

    fn message_changes(
        &self,
        look: &Viewport,
        rev: Rev,
        row: &MessageRow,
        since: Rev,
        ops: &mut Vec<Op>,
    ) {
        let fetch = |key: &str| fragment_url(look, key, rev);
        let shell = parts::message(look, row);
        let base = self.lock().at(&region_key(look, &shell.key), since);
        let shell = self.remember(look, rev, shell);
        let base = base.as_ref().map(|base| &*base.fragment);
        shell.changes(base, &fetch, ops);
        for part in &row.parts {
            let had = look
                .instance
                .as_ref()
                .and_then(|id| self.lock().at(&part_key(id, part), since));
            let has = self.part(look, rev, row, part);
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
    fn part(
        &self,
        look: &Viewport,
        rev: Rev,
        message: &MessageRow,
        row: &PartRow,
    ) -> Arc<Fragment> {
        let identity = Identity {
            rev: row.rev,
            cut_off: row.cut_off,
            waits_for: row.waits_for.clone(),
            steps: row.steps.clone(),
            status: message.status,
        };
        let place = place(look, message);
        let Some(instance) = &look.instance else {
            return Arc::new(parts::part(&place, row, None, false));
        };
        let key = part_key(instance, row);
        let before = self.lock().at(&key, rev);
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
            CachedRender {
                at: rev,
                until: rev,
                identity: Some(identity),
                fragment: fragment.clone(),
            },
        );
        fragment
    }

    fn remember(&self, look: &Viewport, rev: Rev, mut fragment: Fragment) -> Arc<Fragment> {
        let key = region_key(look, &fragment.key);
        let mut cache = self.lock();
        if let Some(before) = cache.at(&key, rev) {
            fragment.share(&before.fragment);
        }
        let fragment = Arc::new(fragment);
        cache.keep(
            &key,
            CachedRender {
                at: rev,
                until: rev,
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

fn place<'a>(look: &'a Viewport, message: &'a MessageRow) -> parts::PartContext<'a> {
    parts::PartContext { look, message }
}

/// The viewport of a run's session, whose page shows the same messages.
fn run_viewport(seen: &ViewDelta, run: &RunColumn) -> Viewport {
    Viewport {
        instance: seen.viewport.instance.clone(),
        session: run.session.clone(),
        ..Viewport::default()
    }
}

fn message_key(row: &MessageRow) -> String {
    format!("m:{}", row.info.id)
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
    format!("{}/p/{instance}/{}", language::current().tag(), part.id)
}

fn region_key(look: &Viewport, key: &str) -> String {
    let Viewport {
        instance,
        session,
        from,
        parallel,
        overview,
        review,
    } = look;
    let [instance, session, from, parallel] = [
        instance.as_ref().map(|i| i.as_str()),
        session.as_ref().map(|s| s.as_str()),
        // What stands before the messages depends on the first of them.
        from.as_ref().map(|m| m.as_str()),
        parallel.as_ref().map(|p| p.as_str()),
    ];
    format!(
        "{}/r/{}/{}/{}/{}/{}/{key}",
        language::current().tag(),
        instance.unwrap_or_default(),
        session.unwrap_or_default(),
        from.unwrap_or_default(),
        parallel.unwrap_or_default(),
        // The head leads to another place from each of them.
        u8::from(*review) + 2 * u8::from(*overview)
    )
}
