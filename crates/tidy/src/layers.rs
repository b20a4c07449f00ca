//! Layers of a crate's top-level modules: each imports only what is in a layer above it in the picture.
//!
//! `ARCHITECTURE.md` has the picture as blocks of code that are marked `layers CRATE`: a line for each layer, its modules
//! with `·` between them, and what they are for behind `—`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Broken, Import, Source};

/// The document with the picture.
pub const PICTURE: &str = "ARCHITECTURE.md";

/// For each crate, the layer of each module, from 0.
pub type Layers = BTreeMap<String, BTreeMap<String, usize>>;

/// The picture, as layers.
pub fn read(document: &str) -> Layers {
    let mut layers = Layers::new();
    let mut open: Option<(String, usize)> = None;
    for line in document.lines() {
        if let Some(krate) = line.strip_prefix("```layers ") {
            open = Some((krate.trim().to_owned(), 0));
        } else if line.starts_with("```") {
            open = None;
        } else if let Some((krate, layer)) = &mut open {
            let names = line.split('—').next().unwrap_or_default();
            let names = names
                .split('·')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            let of = layers.entry(krate.clone()).or_default();
            of.extend(names.map(|name| (name.to_owned(), *layer)));
            *layer += 1;
        }
    }
    layers
}

/// Imports that go up or sideways, and modules that the picture lacks or that do not exist.
pub fn broken(layers: &Layers, sources: &[Source], imports: &[Import]) -> Vec<Broken> {
    let upwards = imports.iter().filter_map(|import| upwards(layers, import));
    upwards.chain(unlike_the_picture(layers, sources)).collect()
}

fn upwards(layers: &Layers, import: &Import) -> Option<Broken> {
    let of = layers.get(&import.krate)?;
    let (from, to) = (of.get(&import.from)?, of.get(&import.to)?);
    let (krate, (file, line)) = (&import.krate, import.at.clone());
    (to >= from).then(|| Broken {
        file,
        line,
        rule: format!(
            "`{krate}::{}` imports `{}`, which is not in a layer above it ({PICTURE})",
            import.from, import.to
        ),
    })
}

fn unlike_the_picture(layers: &Layers, sources: &[Source]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (krate, drawn) in layers {
        let of_crate = sources
            .iter()
            .filter(|source| source.krate == *krate && !source.test);
        let there: BTreeSet<_> = of_crate
            .filter_map(|source| source.module.first())
            .collect();
        let lacks = there.iter().filter(|module| !drawn.contains_key(**module));
        let lacks = lacks.map(|module| format!("the layers of `{krate}` lack `{module}`"));
        let gone = drawn.keys().filter(|module| !there.contains(module));
        let gone = gone
            .map(|module| format!("the layers of `{krate}` name `{module}`, which is no module"));
        broken.extend(lacks.chain(gone).map(|rule| Broken {
            file: PICTURE.into(),
            line: 1,
            rule,
        }));
    }
    broken
}
