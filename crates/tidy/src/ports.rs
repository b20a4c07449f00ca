//! Ports of the hub, and the commands on them, speak types of `model` and of the hub: the wire types of one kind of server would bind the
//! hub to that kind.

use std::path::Path;

use syn::visit::{self, Visit};
use syn::{ItemMod, UseTree, spanned::Spanned};

use crate::source::is_for_tests;
use crate::{Broken, Source};

/// Files that define ports to servers, or use nothing else of a server.
pub const PORTS: [&str; 2] = [
    "crates/hub/src/command.rs",
    "crates/hub/src/ingest/upstream.rs",
];

/// Folders with such files.
pub const FOLDERS: [&str; 1] = ["crates/hub/src/command"];

/// The crate with the wire types.
const WIRE: &str = "opencode";

/// True for a file that must not name the wire crate.
pub fn is_port(source: &Source) -> bool {
    let defines = PORTS.iter().any(|port| source.path == Path::new(port));
    let below = FOLDERS.iter().any(|folder| source.path.starts_with(folder));
    !source.test && (defines || below)
}

/// Names of the wire crate in a port.
pub fn broken(source: &Source) -> Vec<Broken> {
    let mut names = Names(Vec::new());
    names.visit_file(&source.tree);
    let broken = names.0.into_iter().map(|line| Broken {
        file: source.path.clone(),
        line,
        rule: format!(
            "names the crate `{WIRE}`: ports and commands speak types of `model` and the hub"
        ),
    });
    broken.collect()
}

/// Lines that name the wire crate.
struct Names(Vec<usize>);

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        // Tests make the data of ports from recorded wire data.
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 && path.segments[0].ident == WIRE {
            self.0.push(path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_use_tree(&mut self, tree: &'ast UseTree) {
        let first = match tree {
            UseTree::Path(path) => Some(&path.ident),
            UseTree::Name(name) => Some(&name.ident),
            UseTree::Rename(rename) => Some(&rename.ident),
            UseTree::Glob(_) | UseTree::Group(_) => None,
        };
        if let Some(name) = first.filter(|name| **name == WIRE) {
            self.0.push(name.span().start().line);
        }
        visit::visit_use_tree(self, tree);
    }
}
