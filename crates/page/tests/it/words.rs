//! The catalogues against the sources: every text that is used has its translations, and every entry is used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../build/catalog.rs"]
mod catalog;

use catalog::Entry;

/// Languages, and the number of their plural forms.
const LANGUAGES: [(&str, usize); 2] = [("de", 2), ("zh", 1)];

/// Sources outside of the page all of whose sentences a page shows.
const SENTENCES: [&str; 30] = [
    "model/src/view/mark.rs",
    "model/src/view/doing.rs",
    "model/src/view/reason.rs",
    "model/src/view/news.rs",
    "model/src/facts/usage.rs",
    "page/src/settings.rs",
    "hub/src/http/problem.rs",
    "hub/src/access/passkey.rs",
    "hub/src/command.rs",
    "hub/src/command/grant.rs",
    "model/src/facts/capability.rs",
    "hub/src/registry/origin.rs",
    "hub/src/workspace/folders.rs",
    "hub/src/ingest/reason.rs",
    "opencode/src/client/error.rs",
    "hub/src/git.rs",
    "hub/src/git/include.rs",
    "hub/src/git/merge.rs",
    "hub/src/git/read.rs",
    "hub/src/git/removal.rs",
    "hub/src/git/setup.rs",
    "hub/src/git/worktrees.rs",
    "hub/src/git/write.rs",
    "hub/src/review.rs",
    "hub/src/http/review.rs",
    "hub/src/http/review/comments.rs",
    "hub/src/http/review/page.rs",
    "hub/src/http/worktrees/acts.rs",
    "hub/src/instances/making.rs",
    "hub/src/worktrees/run.rs",
];

/// Their literals that are no sentences of their own: words that are looked for in what a server says, values, messages of commits, and
/// what is in the hub's own log or for programs alone.
const NAMES: [&str; 36] = [
    "This server",
    "api key",
    "no such model",
    "too long",
    "model not found",
    "unknown model",
    "does not exist",
    "rate limit",
    "too many requests",
    "context length",
    "context window",
    "maximum context",
    "token limit",
    "{name} `{subject}`",
    "{before}: {words}",
    "{name} = {value}",
    "{error}. {next}",
    "an unnamed address",
    "data without a content type",
    ": {excerpt}",
    "version {version}",
    "not a git repository",
    "the reviews are damaged",
    "the reviews cannot be read",
    "git diff",
    "git did not end",
    "Discarded in Drovers",
    "Work tree removed in Drovers\n\n{BRANCH}{branch}\n{FOLDER}{folder}",
    "Merge branch '{}'",
    "{text}, … (+{more})",
    "{folder}, on branch {branch}",
    "a discarded state is kept beyond the bound",
    "a removed work tree is kept beyond the bound",
    "a removed work tree is still trusted",
    "the same key again will look at the work tree first",
    "the prompt of a new work tree is no draft on the disk",
];

/// Folders whose literals count as uses of an entry.
const SOURCES: [&str; 7] = [
    "page/src",
    "page/client",
    "model/src",
    "hub/src",
    "opencode/src",
    "search/src",
    "drovers/src",
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn entries(language: &str) -> BTreeMap<String, Entry> {
    let path = crates().join(format!("page/words/{language}.po"));
    let all = catalog::parse(&fs::read_to_string(path).unwrap()).unwrap();
    all.into_iter()
        .map(|entry| (entry.key.clone(), entry))
        .collect()
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, all);
        } else if name.ends_with(".ts") || name.ends_with(".rs") && !name.contains("tests") {
            all.push(path);
        }
    }
}

/// A literal of a source, and the code before it since the last literal.
#[derive(Debug)]
struct Literal {
    before: String,
    text: String,
}

/// The literals of a source up to its tests. Comments and characters are none.
fn literals(source: &str) -> Vec<Literal> {
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap_or(source);
    let source = source
        .split("#[cfg(test)]\n#[allow")
        .next()
        .unwrap_or(source);
    let chars: Vec<char> = source.chars().collect();
    let (mut all, mut before, mut at) = (Vec::new(), String::new(), 0);
    while at < chars.len() {
        let rest = &chars[at..];
        match rest {
            ['/', '/', ..] => at += rest.iter().take_while(|c| **c != '\n').count(),
            ['\'', '"', '\'', ..] => at += 3,
            ['\'', '\\', _, '\'', ..] => at += 4,
            ['"', ..] => {
                let (text, length) = literal(&rest[1..]);
                all.push(Literal {
                    before: std::mem::take(&mut before),
                    text,
                });
                at += length + 1;
            }
            [c, ..] => {
                before.push(*c);
                at += 1;
            }
            [] => break,
        }
    }
    all
}

/// A literal after its opening quote, and its length with the closing one.
fn literal(chars: &[char]) -> (String, usize) {
    let mut text = String::new();
    let mut at = 0;
    while at < chars.len() {
        match &chars[at..] {
            ['"', ..] => return (text, at + 1),
            ['\\', '\n', ..] => {
                at += 2;
                at += chars[at..].iter().take_while(|c| c.is_whitespace()).count();
            }
            ['\\', 'n', ..] => {
                text.push('\n');
                at += 2;
            }
            ['\\', 'u', '{', rest @ ..] => {
                let digits: String = rest.iter().take_while(|c| **c != '}').collect();
                let code = u32::from_str_radix(&digits, 16).unwrap_or_default();
                text.push(char::from_u32(code).unwrap_or_default());
                at += 4 + digits.len();
            }
            ['\\', c, ..] => {
                text.push(*c);
                at += 2;
            }
            [c, ..] => {
                text.push(*c);
                at += 1;
            }
            [] => break,
        }
    }
    (text, at)
}

/// True if the code before a literal is a call of one of these names, which is a name of its own.
fn calls(before: &str, names: &[&str]) -> bool {
    let before = before.trim_end();
    names.iter().any(|name| {
        let whole =
            |rest: &str| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
        before.strip_suffix(name).is_some_and(whole)
    })
}

/// Texts that the page's own sources look up, with their plurals.
fn used() -> BTreeMap<String, Option<String>> {
    let mut all = Vec::new();
    files(&crates().join("page/src"), &mut all);
    files(&crates().join("page/client"), &mut all);
    let mut used = BTreeMap::new();
    for path in all {
        let name = path.to_string_lossy().into_owned();
        if name.ends_with("src/language.rs") || name.contains("/sample") {
            continue;
        }
        let literals = literals(&fs::read_to_string(&path).unwrap());
        let client = name.ends_with(".ts");
        for (nth, literal) in literals.iter().enumerate() {
            let next = literals
                .get(nth + 1)
                .filter(|next| next.before.trim() == ",");
            let plural = match client {
                true => next.filter(|_| {
                    literal
                        .before
                        .rsplit('\n')
                        .next()
                        .is_some_and(|line| line.contains("tn(") && !line.ends_with("t("))
                }),
                false => next.filter(|_| calls(&literal.before, &["t!(", "m!("])),
            };
            if calls(&literal.before, &["t(", "t!(", "m!(", "key(", "hint("]) || plural.is_some() {
                let plural = plural.map(|plural| plural.text.clone());
                used.insert(literal.text.clone(), plural);
            }
        }
    }
    used
}

/// The placeholders of a text.
fn placeholders(text: &str) -> BTreeSet<&str> {
    let opened = text.split('{').skip(1);
    opened
        .filter_map(|rest| Some(rest.split_once('}')?.0))
        .collect()
}

/// True for a text of several words, which is no name or path.
fn is_sentence(text: &str) -> bool {
    let words = text.split(' ').filter(|word| {
        let mut letters = word.chars().filter(|c| c.is_alphabetic());
        letters.next().is_some() && letters.next().is_some()
    });
    words.count() > 1 && !text.contains("/{") && !text.contains('<')
}

#[test]
fn every_text_of_the_page_is_in_every_language() {
    let used = used();
    assert!(used.len() > 500, "{} texts are found", used.len());
    let mut lacking = Vec::new();
    for (language, forms) in LANGUAGES {
        let known = entries(language);
        for (key, plural) in &used {
            match known.get(key) {
                None => lacking.push(format!("{language}: {key:?} is missing")),
                Some(entry) if entry.plural != *plural => {
                    lacking.push(format!(
                        "{language}: {key:?} has the plural {:?}, not {plural:?}",
                        entry.plural
                    ));
                }
                Some(_) => {}
            }
        }
        for entry in known.values() {
            let has = if entry.plural.is_some() { forms } else { 1 };
            if entry.forms.len() != has {
                lacking.push(format!(
                    "{language}: {:?} has {} forms",
                    entry.key,
                    entry.forms.len()
                ));
            }
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

#[test]
fn every_sentence_that_others_make_for_the_page_is_in_every_language() {
    let mut lacking = Vec::new();
    for (language, _) in LANGUAGES {
        let known = entries(language);
        for path in SENTENCES {
            let source = fs::read_to_string(crates().join(path)).unwrap();
            for Literal { text, .. } in literals(&source) {
                let full = format!("{text}.");
                let known = known.contains_key(&text) || known.contains_key(&full);
                if is_sentence(&text) && !known && !NAMES.contains(&&*text) {
                    lacking.push(format!("{language}: {path}: {text:?}"));
                }
            }
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

#[test]
fn every_entry_is_used() {
    let mut all = Vec::new();
    for folder in SOURCES {
        files(&crates().join(folder), &mut all);
    }
    let written: BTreeSet<String> = all
        .iter()
        .flat_map(|path| literals(&fs::read_to_string(path).unwrap()))
        .map(|literal| literal.text)
        .collect();
    let mut unused = Vec::new();
    for (language, _) in LANGUAGES {
        for key in entries(language).into_keys() {
            let bare = key.strip_suffix('.');
            if !written.contains(&key) && !bare.is_some_and(|bare| written.contains(bare)) {
                unused.push(format!("{language}: {key:?}"));
            }
        }
    }
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

#[test]
fn every_translation_has_the_placeholders_of_its_text() {
    let mut wrong = Vec::new();
    for (language, _) in LANGUAGES {
        for (key, entry) in entries(language) {
            let forms = entry.forms.iter().chain(&entry.plural);
            for form in forms.filter(|form| placeholders(form) != placeholders(&key)) {
                wrong.push(format!("{language}: {key:?}: {form:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
