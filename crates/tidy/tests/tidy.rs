//! The rules, over this workspace.

use std::fs;

use anyhow::{Result, bail};
use tidy::{Broken, figures, imports, layers, lengths, limits, ports, root, sources, words};

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

#[test]
fn measured_values_are_in_files_of_figures() -> Result<()> {
    let document = fs::read_to_string(root().join(figures::DOCUMENT))?;
    none(&figures::broken(&document))?;
    let files = fs::read_dir(root().join(figures::FOLDER))?
        .map(|file| Ok(file?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    assert!(!files.is_empty(), "{} is empty", figures::FOLDER);
    none(&figures::unlinked(&document, &files))
}

#[test]
fn a_row_with_a_number_is_a_measured_value() {
    let document = "| where | share |\n| --- | --- |\n| decoding | 7 % |\n| goal | ≤ 20 |\n| drain | decodes |\n";
    let lines: Vec<_> = figures::broken(document)
        .iter()
        .map(|one| one.line)
        .collect();
    assert_eq!(lines, [3, 4]);
}

/// A source of the hub with this text.
fn source(text: &str) -> Result<tidy::Source> {
    Ok(tidy::Source {
        krate: "hub".into(),
        path: "crates/hub/src/command/a.rs".into(),
        module: Vec::new(),
        test: false,
        text: text.into(),
        tree: syn::parse_file(text)?,
    })
}

#[test]
fn a_command_that_names_a_wire_type_outside_tests_is_found() -> Result<()> {
    let text = "use opencode::wire::Event;\n#[cfg(test)]\nmod tests { use opencode::Raw; }\nfn f(raw: &opencode::Raw) {}\n";
    let source = source(text)?;
    assert!(ports::is_port(&source));
    let lines: Vec<_> = ports::broken(&source).iter().map(|one| one.line).collect();
    assert_eq!(lines, [1, 4]);
    Ok(())
}

#[test]
fn identifiers_and_comments_use_the_terms_of_the_glossary() -> Result<()> {
    let sources = sources(&root())?;
    none(&sources.iter().flat_map(words::broken).collect::<Vec<_>>())
}

#[test]
fn a_word_is_found_in_names_of_either_form_and_in_comments() -> Result<()> {
    let text = "// A value as it was told.\nfn row_told(told: Told) -> ToldRow { told.unfold() }\nfn foretold() {}\n";
    let source = source(text)?;
    let lines: Vec<_> = words::broken(&source).iter().map(|one| one.line).collect();
    assert_eq!(lines, [2, 2, 2, 2, 2, 1]);
    Ok(())
}

#[test]
fn ports_know_no_wire_types() -> Result<()> {
    let sources = sources(&root())?;
    let ports: Vec<_> = sources
        .iter()
        .filter(|source| ports::is_port(source))
        .collect();
    assert!(
        ports.len() > ports::PORTS.len() + 20,
        "the ports have moved"
    );
    none(
        &ports
            .into_iter()
            .flat_map(ports::broken)
            .collect::<Vec<_>>(),
    )
}
