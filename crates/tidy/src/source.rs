use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::{Attribute, Item, Meta};

/// A parsed source file.
pub struct Source {
    /// The crate that it belongs to.
    pub krate: String,
    /// Its path, relative to the workspace's root.
    pub path: PathBuf,
    /// Its module, from the crate's root: `["engine", "folders"]`. Empty for the root, and for what is not below `src`.
    pub module: Vec<String>,
    /// True for tests, benchmarks and examples.
    pub test: bool,
    /// Its text.
    pub text: String,
    /// Its syntax tree.
    pub tree: syn::File,
}

/// Every Rust source of the workspace's crates, sorted by path.
///
/// # Errors
/// A file cannot be read or parsed.
pub fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    for krate in entries(&root.join("crates"))? {
        let name = name_of(&krate);
        for folder in ["src", "tests", "benches", "examples"] {
            let mut files = Vec::new();
            rust_files(&krate.join(folder), &mut files)?;
            for file in files {
                let inside = file.strip_prefix(krate.join(folder))?.to_owned();
                found.push(source(root, &file, &inside, &name, folder)?);
            }
        }
    }
    mark_tests(&mut found);
    Ok(found)
}

/// Marks the files of modules that are declared for tests alone.
fn mark_tests(sources: &mut [Source]) {
    let declared = |source: &Source| {
        let modules = source.tree.items.iter().filter_map(|item| match item {
            Item::Mod(module) if is_for_tests(&module.attrs) => Some(module.ident.to_string()),
            _ => None,
        });
        let paths = modules.map(|name| [source.module.clone(), vec![name]].concat());
        paths
            .map(|path| (source.krate.clone(), path))
            .collect::<Vec<_>>()
    };
    let roots = sources.iter().filter(|source| !source.test);
    let for_tests: Vec<_> = roots.flat_map(declared).collect();
    for source in sources {
        let below = |(krate, path): &(String, Vec<String>)| {
            *krate == source.krate && source.module.starts_with(path)
        };
        source.test |= for_tests.iter().any(below);
    }
}

fn source(root: &Path, file: &Path, inside: &Path, krate: &str, folder: &str) -> Result<Source> {
    let text = fs::read_to_string(file)?;
    let tree = syn::parse_file(&text).with_context(|| format!("{} is not Rust", file.display()))?;
    let module = match folder {
        "src" => module(inside),
        _ => Vec::new(),
    };
    let test = folder != "src" || module.iter().any(|name| name == "tests");
    let (krate, path) = (krate.to_owned(), file.strip_prefix(root)?.to_owned());
    Ok(Source {
        krate,
        path,
        module,
        test,
        text,
        tree,
    })
}

/// The module of a file below `src`.
fn module(inside: &Path) -> Vec<String> {
    let parts = inside.with_extension("");
    let names = parts.iter().map(|part| part.to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    let last = names.last().map(String::as_str);
    if matches!(last, Some("mod" | "lib" | "main")) {
        names.pop();
    }
    names
}

/// True for what only tests compile.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string().trim() == "test",
        _ => false,
    })
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in entries(folder)? {
        if entry.is_dir() {
            rust_files(&entry, files)?;
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))?;
    let mut entries = read
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
