//! How long functions and files may be.

use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use crate::{Broken, Source};

/// Lines of a function. A longer one says why in a comment above it that has the words `longer than 70 lines`.
pub const FUNCTION: usize = 70;
/// Lines of a file. A longer one says why at its top, with the words `longer than 600 lines`.
pub const FILE: usize = 600;

/// Functions and files that are too long.
pub fn broken(source: &Source) -> Vec<Broken> {
    let lines: Vec<_> = source.text.lines().collect();
    let mut long = Long {
        source,
        lines: &lines,
        broken: Vec::new(),
    };
    long.visit_file(&source.tree);
    let top = lines.iter().take(20);
    if lines.len() > FILE && !says(top, FILE) {
        long.add(
            1,
            format!(
                "a file of {} lines, more than {FILE}, without the reason at its top",
                lines.len()
            ),
        );
    }
    long.broken
}

fn says<'a>(lines: impl Iterator<Item = &'a &'a str>, limit: usize) -> bool {
    let words = format!("longer than {limit} lines");
    lines
        .map(|line| line.to_lowercase())
        .any(|line| line.contains(&words))
}

struct Long<'a> {
    source: &'a Source,
    lines: &'a [&'a str],
    broken: Vec<Broken>,
}

impl Long<'_> {
    fn add(&mut self, line: usize, rule: String) {
        let file = self.source.path.clone();
        self.broken.push(Broken { file, line, rule });
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let line = signature.fn_token.span.start().line;
        let length = block.brace_token.span.close().end().line - line + 1;
        if length <= FUNCTION {
            return;
        }
        let above = self.lines[..line - 1].iter().rev();
        let above = above.take_while(|line| {
            let line = line.trim_start();
            line.starts_with("//") || line.starts_with("#[")
        });
        if !says(above, FUNCTION) {
            let name = &signature.ident;
            self.add(
                line,
                format!(
                    "`{name}` has {length} lines, more than {FUNCTION}, without the reason above it"
                ),
            );
        }
    }
}

impl<'ast> Visit<'ast> for Long<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
