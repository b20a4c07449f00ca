//! Words that identifiers and comments do not use: each stands for several things, of which `docs/glossary.md` has the terms.

use syn::visit::{self, Visit};
use syn::{Ident, ItemMod};

use crate::source::is_for_tests;
use crate::{Broken, Source};

/// The words, with the terms that a text uses instead.
pub const WORDS: [(&str, &str); 5] = [
    (
        "told",
        "reported, sent, published, or the name of the value",
    ),
    ("heard", "received, connected"),
    ("said", "message, text, reply, body"),
    ("mend", "repair, fix"),
    ("mended", "repaired, fixed"),
];

/// Crates in which such identifiers are left.
pub const LEFT: [&str; 1] = ["page"];

/// Uses of these words outside tests.
pub fn broken(source: &Source) -> Vec<Broken> {
    if source.test || LEFT.contains(&&*source.krate) {
        return Vec::new();
    }
    let mut names = Names {
        source,
        broken: Vec::new(),
    };
    names.visit_file(&source.tree);
    for (at, line) in source.text.lines().enumerate() {
        if let Some(comment) = line.trim_start().strip_prefix("//") {
            names.check(at + 1, comment.split(|c: char| !c.is_alphanumeric()));
        }
    }
    names.broken
}

struct Names<'a> {
    source: &'a Source,
    broken: Vec<Broken>,
}

impl Names<'_> {
    fn check<'w>(&mut self, line: usize, mut words: impl Iterator<Item = &'w str>) {
        let found = words.find_map(|word| {
            let known = WORDS.iter();
            known
                .into_iter()
                .find(|(bad, _)| word.eq_ignore_ascii_case(bad))
        });
        if let Some((word, instead)) = found {
            self.broken.push(Broken {
                file: self.source.path.clone(),
                line,
                rule: format!("the word `{word}`: rather {instead}"),
            });
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_ident(&mut self, name: &'ast Ident) {
        let text = name.to_string();
        let capitals = text.char_indices().filter(|(_, c)| c.is_uppercase());
        let starts: Vec<usize> = capitals.map(|(at, _)| at).collect();
        let ends = starts.iter().copied().skip(1).chain([text.len()]);
        let camel = starts
            .iter()
            .zip(ends)
            .map(|(start, end)| &text[*start..end]);
        self.check(name.span().start().line, text.split('_').chain(camel));
    }
}
