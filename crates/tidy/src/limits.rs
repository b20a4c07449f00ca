//! Bounds have a name in a `limits` module, a sentence on what happens at them, and a line in [`DOCUMENT`].

use std::fmt::Write;
use std::path::Path;

use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, Item, ItemConst, Lit, Meta, Type};

use crate::source::is_for_tests;
use crate::{Broken, Source};

/// The document that lists every bound.
pub const DOCUMENT: &str = "docs/limits.md";

/// Crates whose bounds are of no interest to a user.
const UNPUBLISHED: [&str; 3] = ["bench", "testkit", "tidy"];

/// Parts of names that stand for a bound.
const NAMES: [&str; 6] = ["MAX_", "_MAX", "_BYTES", "_CHARS", "_AT_ONCE", "_TRIES"];

/// One bound.
struct Bound<'a> {
    name: String,
    value: &'a str,
    sentence: String,
}

/// Constants that are a bound and stand outside of a `limits` module, and bounds without a sentence.
pub fn broken(source: &Source) -> Vec<Broken> {
    if source.test || UNPUBLISHED.contains(&&*source.krate) {
        return Vec::new();
    }
    let broken = constants(&source.tree.items)
        .into_iter()
        .filter_map(|constant| {
            let name = &constant.ident;
            let rule = if is_limits(source) {
                doc(&constant.attrs)
                    .is_empty()
                    .then(|| format!("`{name}` does not say what happens at it"))
            } else {
                is_bound(constant)
                    .then(|| format!("`{name}` is a bound: it belongs into a `limits` module"))
            };
            Some((name.span().start().line, rule?))
        });
    let file = |(line, rule)| Broken {
        file: source.path.clone(),
        line,
        rule,
    };
    broken.map(file).collect()
}

/// The expected text of [`DOCUMENT`].
pub fn document(sources: &[Source]) -> String {
    let mut text = String::from(
        "# Limits\n\nEvery bound of the program, what happens at it, and where it is named. \
         `cargo nextest run -p tidy` writes this list.\n",
    );
    for source in sources.iter().filter(|source| is_limits(source)) {
        if source.test || UNPUBLISHED.contains(&&*source.krate) {
            continue;
        }
        let _never_fails = write!(
            text,
            "\n## {}\n\n| name | value | what happens at it |\n|---|---|---|\n",
            heading(source)
        );
        for bound in bounds(source) {
            let Bound {
                name,
                value,
                sentence,
            } = bound;
            let value = value
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .replace('|', "\\|");
            let _never_fails = writeln!(
                text,
                "| `{name}` | `{value}` | {} |",
                sentence.replace('|', "\\|")
            );
        }
    }
    text
}

fn heading(source: &Source) -> String {
    let module = source.module.join("::");
    format!("{}::{module}", source.krate)
}

fn is_limits(source: &Source) -> bool {
    source.path.file_name() == Some(Path::new("limits.rs").as_os_str())
}

fn bounds(source: &Source) -> Vec<Bound<'_>> {
    let bound = |constant: &ItemConst| Bound {
        name: constant.ident.to_string(),
        value: {
            let range = constant.expr.span().byte_range();
            source.text.get(range).unwrap_or_default()
        },
        sentence: doc(&constant.attrs),
    };
    constants(&source.tree.items)
        .into_iter()
        .map(bound)
        .collect()
}

fn constants(items: &[Item]) -> Vec<&ItemConst> {
    let constants = items.iter().filter_map(constant);
    constants
        .filter(|constant| !is_for_tests(&constant.attrs))
        .collect()
}

fn constant(item: &Item) -> Option<&ItemConst> {
    match item {
        Item::Const(constant) => Some(constant),
        _ => None,
    }
}

/// True for a duration, and for a number whose name says that it is a bound.
fn is_bound(constant: &ItemConst) -> bool {
    let Type::Path(path) = &*constant.ty else {
        return false;
    };
    let kind = path.path.segments.last().map(|last| last.ident.to_string());
    let name = constant.ident.to_string();
    match kind.as_deref() {
        Some("Duration") => true,
        Some("usize" | "u64" | "u32" | "u16") => {
            NAMES.iter().any(|part| format!("_{name}_").contains(part))
        }
        _ => false,
    }
}

/// The doc comment, as one line.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}
