//! One build for all mutants: a function that mutants change gets its own body and every changed one, and an environment variable
//! selects the body at run time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, TraitItemFn};

use super::Mutant;

/// The environment variable with the number of the mutant that a process is.
pub const SELECTED: &str = "DROVERS_MUTANT";

/// The text of a file in which each function that one of these mutants changes has both bodies. Mutants come with the number that
/// selects them.
///
/// # Errors
/// The file cannot be parsed, or the text of a mutant is not exactly once in the file and inside of a function.
pub(super) fn woven(text: &str, mutants: &[(usize, &Mutant)]) -> Result<String> {
    let mut bodies = Bodies::default();
    bodies.visit_file(&syn::parse_file(text)?);
    let mut changed: BTreeMap<usize, Changed> = BTreeMap::new();
    for (number, mutant) in mutants {
        let mut found = text.match_indices(mutant.text);
        let at = found.next().map(|(at, _)| at..at + mutant.text.len());
        let at = at.filter(|_| found.next().is_none());
        let at = at.with_context(|| format!("{}: not exactly once in the file", mutant.name))?;
        let body = bodies.innermost(&at);
        let body = body.with_context(|| format!("{}: not inside of a function", mutant.name))?;
        let instead = [
            &text[body.start..at.start],
            mutant.instead,
            &text[at.end..body.end],
        ];
        let changed = changed.entry(body.start).or_insert(Changed {
            body,
            instead: Vec::new(),
        });
        changed.instead.push((*number, instead.concat()));
    }
    let (mut whole, mut next) = (String::with_capacity(2 * text.len()), 0);
    for Changed { body, instead } in changed.into_values() {
        ensure!(body.start >= next, "a function inside of another one");
        whole.push_str(&text[next..body.start]);
        for (number, instead) in instead {
            write!(whole, " if {} {{{instead}}} else", selected(number))?;
        }
        write!(whole, " {{{}}} ", &text[body.clone()])?;
        next = body.end;
    }
    whole.push_str(&text[next..]);
    Ok(whole)
}

/// A function that mutants change.
struct Changed {
    /// Its body, without the braces.
    body: Range<usize>,
    /// The changed bodies, by mutant.
    instead: Vec<(usize, String)>,
}

/// A condition that is true in a process that is this mutant.
fn selected(number: usize) -> String {
    format!(
        "{{ static SELECTED: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| \
         std::env::var({SELECTED:?}).is_ok_and(|number| number == \"{number}\")); *SELECTED }}"
    )
}

/// The bodies of all functions of a file, as byte ranges without their braces.
#[derive(Default)]
struct Bodies(Vec<Range<usize>>);

impl Bodies {
    fn add(&mut self, block: &Block) {
        let (open, close) = (
            block.brace_token.span.open(),
            block.brace_token.span.close(),
        );
        self.0.push(open.byte_range().end..close.byte_range().start);
    }

    /// The smallest body that has this range.
    fn innermost(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let around = self
            .0
            .iter()
            .filter(|body| body.start <= range.start && range.end <= body.end);
        around.min_by_key(|body| body.len()).cloned()
    }
}

impl<'ast> Visit<'ast> for Bodies {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(&item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
