//! Which top-level module of a crate names something of which other.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Macro, UseTree};

use crate::source::is_for_tests;
use crate::{Source, source};

/// One module names something of another, outside of tests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The crate.
    pub krate: String,
    /// The top-level module that imports.
    pub from: String,
    /// The top-level module that is imported.
    pub to: String,
    /// The file that imports, and its line.
    pub at: (std::path::PathBuf, usize),
}

/// The imports between top-level modules of each crate. The crate's root may import all, and is left out.
pub fn imports(sources: &[Source]) -> Vec<Import> {
    let mut roots: BTreeMap<&str, Root> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.test) {
        let root = roots.entry(&source.krate).or_default();
        root.modules.extend(source.module.first().cloned());
        if source.module.is_empty() {
            root.exports(&source.tree);
        }
    }
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !source.test) {
        let (Some(from), Some(root)) = (source.module.first(), roots.get(&*source.krate)) else {
            continue;
        };
        let mut finder = Finder {
            root,
            module: source.module.clone(),
            to: BTreeMap::new(),
        };
        finder.visit_file(&source.tree);
        let others = finder.to.into_iter().filter(|(to, _)| to != from);
        found.extend(others.map(|(to, line)| Import {
            krate: source.krate.clone(),
            from: from.clone(),
            to,
            at: (source.path.clone(), line),
        }));
    }
    found
}

/// The targets of `crate::` paths.
#[derive(Default)]
struct Root {
    modules: BTreeSet<String>,
    /// Names that the root exports, and the modules that they are of.
    exports: BTreeMap<String, String>,
}

impl Root {
    fn exports(&mut self, tree: &syn::File) {
        for item in &tree.items {
            let syn::Item::Use(item) = item else { continue };
            for path in paths(&item.tree) {
                if let (Some((first, _)), Some((last, _))) = (path.first(), path.last()) {
                    self.exports.insert(last.clone(), first.clone());
                }
            }
        }
    }

    fn module(&self, name: &str) -> Option<&String> {
        let module = self.modules.get(name);
        module.or_else(|| self.modules.get(self.exports.get(name)?))
    }
}

type Segments = Vec<(String, usize)>;

struct Finder<'a> {
    root: &'a Root,
    module: Vec<String>,
    to: BTreeMap<String, usize>,
}

impl Finder<'_> {
    fn path(&mut self, path: &[(String, usize)]) {
        let Some((first, line)) = path.first() else {
            return;
        };
        let ups = path.iter().take_while(|(name, _)| name == "super").count();
        let top = match first.as_str() {
            "crate" => path.get(1).map(|(name, _)| name),
            // `super` of a top-level module is the root.
            "super" if ups >= self.module.len() => path.get(ups).map(|(name, _)| name),
            _ => None,
        };
        if let Some(module) = top.and_then(|top| self.root.module(top)) {
            self.to.entry(module.clone()).or_insert(*line);
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => {
                    path.push(segment(&ident));
                    colons = 0;
                }
                TokenTree::Ident(ident) => {
                    self.path(&path);
                    path = vec![segment(&ident)];
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.path(&path);
                    path.clear();
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.path(&path);
                    path.clear();
                }
            }
        }
        self.path(&path);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if source::is_for_tests(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            for path in paths(&item.tree) {
                self.path(&path);
            }
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|one| segment(&one.ident));
        let segments: Segments = segments.collect();
        self.path(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

fn segment(ident: &Ident) -> (String, usize) {
    (ident.to_string(), ident.span().start().line)
}

/// The paths that a `use` names.
fn paths(tree: &UseTree) -> Vec<Segments> {
    let mut left = vec![(Segments::new(), tree)];
    let mut paths = Vec::new();
    while let Some((mut way, tree)) = left.pop() {
        match tree {
            UseTree::Path(path) => {
                way.push(segment(&path.ident));
                left.push((way, &path.tree));
            }
            UseTree::Name(name) => {
                way.push(segment(&name.ident));
                paths.push(way);
            }
            UseTree::Rename(rename) => {
                way.push(segment(&rename.ident));
                paths.push(way);
            }
            UseTree::Glob(_) => paths.push(way),
            UseTree::Group(group) => {
                left.extend(group.items.iter().map(|tree| (way.clone(), tree)));
            }
        }
    }
    paths
}
