//! What the modules of the client import and export, as far as their lines say.

use std::collections::BTreeSet;

/// How declarations begin that are values in the browser.
const VALUES: [&str; 6] = [
    "async function ",
    "function ",
    "const ",
    "let ",
    "class ",
    "var ",
];

/// How declarations begin of which only the checks of types know.
const TYPES: [&str; 2] = ["interface ", "type "];

/// What a module exports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Exports {
    /// Names of values.
    pub(crate) values: BTreeSet<String>,
    /// Names of types.
    pub(crate) types: BTreeSet<String>,
}

/// What a module exports. Any other form than a declaration is refused: what is left out here would be undefined in the browser, and
/// nothing else would say so.
pub(crate) fn exports(source: &str) -> Result<Exports, String> {
    let mut found = Exports::default();
    for line in source.lines() {
        let Some(rest) = line.strip_prefix("export ") else {
            continue;
        };
        let begins = |kinds: &[&str]| {
            kinds
                .iter()
                .find_map(|kind| rest.strip_prefix(kind))
                .map(name)
        };
        match (begins(&VALUES), begins(&TYPES)) {
            (Some(name), _) if !name.is_empty() => found.values.insert(name),
            (None, Some(name)) if !name.is_empty() => found.types.insert(name),
            _ => return Err(format!("this form of export is not known: {line}")),
        };
    }
    Ok(found)
}

/// The name at the start of a declaration.
fn name(rest: &str) -> String {
    let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == '$');
    rest.split(end).next().unwrap_or_default().to_owned()
}

/// The statements of a module that import, each on one line.
pub(crate) fn imports(source: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open: Option<String> = None;
    for line in source.lines() {
        if open.is_none() && line.starts_with("import ") {
            open = Some(String::new());
        }
        let Some(statement) = &mut open else { continue };
        statement.push_str(line);
        if line.ends_with(';') {
            all.extend(open.take());
        }
    }
    all
}

/// The values and types that a statement imports, and the module that it names.
pub(crate) fn taken(import: &str) -> Option<(Exports, String)> {
    let (list, rest) = import.split_once('{')?.1.split_once('}')?;
    let module = rest.split('"').nth(1)?.strip_prefix("./")?;
    let mut taken = Exports::default();
    let all_types = import.starts_with("import type");
    for name in list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match name.strip_prefix("type ") {
            Some(name) => taken.types.insert(name.to_owned()),
            None if all_types => taken.types.insert(name.to_owned()),
            None => taken.values.insert(name.to_owned()),
        };
    }
    Some((taken, module.to_owned()))
}

/// The first name that a module imports and the other one does not export. `read` gives the text of a module.
pub(crate) fn missing(source: &str, read: impl Fn(&str) -> String) -> Result<(), String> {
    for import in imports(source) {
        let (taken, module) =
            taken(&import).ok_or_else(|| format!("this form of import is not known: {import}"))?;
        let there = exports(&read(&module))?;
        // Where types are all that is taken of a class, it may be imported as a type.
        let types = |name: &&String| !there.types.contains(*name) && !there.values.contains(*name);
        let lacks = taken.values.difference(&there.values).next();
        if let Some(name) = lacks.or_else(|| taken.types.iter().find(types)) {
            return Err(format!("{module} does not export {name}"));
        }
    }
    Ok(())
}
