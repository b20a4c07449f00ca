//! Sessions of several instances that need a person, as one list.

use std::collections::HashSet;

use super::{row, shown, tree, urgency};
use crate::api::Session;
use crate::census::Counted;
use crate::out::{self, Colour};

/// From this urgency on a session needs a person: it asks, failed, was interrupted, retries, or is to review.
const URGENT: u8 = 3;

/// Takes the sessions that need a person out of several instances, with all below them, and lists them by urgency over all of these. One
/// instance alone has that order itself.
pub(super) fn urgent(counted: &mut [Counted], now: f64, columns: Option<usize>) -> Vec<String> {
    if counted.len() < 2 {
        return Vec::new();
    }
    // The name of the instance stands before the title.
    let names = counted
        .iter()
        .map(|one| out::width(&out::one_line(&one.instance.name)) + 2);
    let widest = names.max().unwrap_or_default();
    let columns = columns.map(|columns| columns.saturating_sub(widest));
    let mut families = Vec::new();
    for one in &*counted {
        let theirs = now + one.instance.clock_ahead as f64;
        let waiting = one.waiting();
        let tree = tree(&one.sessions);
        let matters = |session: &Session| {
            urgency(session) >= URGENT || waiting.contains_key(session.id.as_str())
        };
        let shown = shown(&tree, false, matters);
        let ends = (1..tree.len()).filter(|at| tree[*at].0 == 0);
        let starts = std::iter::once(0).chain(ends.clone());
        for (from, to) in starts.zip(ends.chain([tree.len()])) {
            let family = &tree[from..to];
            let Some(most) = family.iter().map(|(_, one)| urgency(one)).max() else {
                continue;
            };
            if most < URGENT {
                continue;
            }
            let rows: Vec<_> = (from..to)
                .filter(|at| shown[*at])
                .map(|at| {
                    let (depth, session) = tree[at];
                    let waits = waiting.get(session.id.as_str());
                    let waits = waits.map_or(&[][..], Vec::as_slice);
                    let mut row = row(session, waits, depth, (now, theirs), columns);
                    row.insert(2, out::one_line(&one.instance.name));
                    row
                })
                .collect();
            let ids = family.iter().map(|(_, session)| session.id.clone());
            let updated = theirs - family[0].1.time.updated;
            families.push((most, updated, rows, ids.collect::<Vec<_>>()));
        }
    }
    families.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)));
    let (mut rows, mut taken) = (Vec::new(), HashSet::new());
    for (.., family, ids) in families {
        rows.extend(family);
        taken.extend(ids);
    }
    if rows.is_empty() {
        return Vec::new();
    }
    for one in counted {
        one.sessions.retain(|session| !taken.contains(&session.id));
    }
    let drawn = out::columns(&rows).into_iter();
    let head = out::paint(Colour::Bold, "Needs you, in all instances");
    std::iter::once(head)
        .chain(drawn.map(|line| format!("  {line}")))
        .collect()
}
