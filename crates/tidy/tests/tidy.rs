//! The rules, over this workspace.

use std::fs;

use anyhow::{Result, bail};
use tidy::{Broken, imports, layers, lengths, limits, root, sources};

fn none(broken: &[Broken]) -> Result<()> {
    if broken.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = broken.iter().map(Broken::to_string).collect();
    bail!(
        "{} places break a rule:\n{}",
        broken.len(),
        lines.join("\n")
    )
}

#[test]
fn modules_import_only_from_layers_above_them() -> Result<()> {
    let (picture, sources) = (
        fs::read_to_string(root().join(layers::PICTURE))?,
        sources(&root())?,
    );
    let imports = imports(&sources);
    let layers = layers::read(&picture);
    assert!(
        layers.contains_key("hub"),
        "{} draws no layers",
        layers::PICTURE
    );
    none(&layers::broken(&layers, &sources, &imports))
}

#[test]
fn functions_and_files_are_short_or_say_why() -> Result<()> {
    let sources = sources(&root())?;
    none(&sources.iter().flat_map(lengths::broken).collect::<Vec<_>>())
}

#[test]
fn bounds_are_named_in_limits_with_a_sentence() -> Result<()> {
    let sources = sources(&root())?;
    none(&sources.iter().flat_map(limits::broken).collect::<Vec<_>>())
}

#[test]
fn the_document_lists_every_bound() -> Result<()> {
    let path = root().join(limits::DOCUMENT);
    let expected = limits::document(&sources(&root())?);
    if fs::read_to_string(&path).unwrap_or_default() == expected {
        return Ok(());
    }
    fs::write(&path, expected)?;
    bail!(
        "{} was not true any more and has been written anew: look at it, and commit it",
        limits::DOCUMENT
    )
}
