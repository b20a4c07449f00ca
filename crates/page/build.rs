//! Turns the page's TypeScript into one small script, and gives every file a name that changes with its content.
//!
//! Modules in `client/` share one scope: their imports are dropped and their exports are plain declarations, so that
//! one program can be checked, stripped of types and minified as a whole. Names must therefore be unique over all
//! modules, and nothing may be imported under another name; the parser's checks fail the build otherwise.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use oxc::allocator::Allocator;
use oxc::codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc::minifier::{CompressOptions, MangleOptions, Minifier, MinifierOptions};
use oxc::parser::Parser;
use oxc::semantic::SemanticBuilder;
use oxc::span::SourceType;
use oxc::transformer::{TransformOptions, Transformer};

#[path = "build/catalog.rs"]
mod catalog;
#[path = "build/exports.rs"]
mod exports;

use catalog::Entry;
use exports::{exports, imports, missing, taken};

/// Modules in an order in which what one needs at once comes before it.
const MODULES: &[&str] = &[
    "words.ts",
    "dom.ts",
    "later.ts",
    "hint.ts",
    "clock.ts",
    "composing.ts",
    "api.ts",
    "outbox.ts",
    "places.ts",
    "morph.ts",
    "patch.ts",
    "reading.ts",
    "steady.ts",
    "presses.ts",
    "pace.ts",
    "live.ts",
    "navigate.ts",
    "overview.ts",
    "menu.ts",
    "press.ts",
    "drafts.ts",
    "dialogs.ts",
    "answer.ts",
    "choices.ts",
    "waiting.ts",
    "prompt.ts",
    "settled.ts",
    "triage.ts",
    "actions.ts",
    "keys.ts",
    "main.ts",
];

/// The script of the page that lets a browser in, which runs before it may see anything else.
const ENTER: &[&str] = &["enter.ts"];

/// The script of that page where a passkey lets a browser in.
const PASSKEY: &[&str] = &["base64.ts", "passkey.ts"];

/// The script of the page that is shown while the hub is away.
const OFFLINE: &[&str] = &["offline.ts"];

/// The service worker. What it stores is known once every file has its address: it takes the place of [`SHELF`].
const WORKER: &[&str] = &["sw.ts"];

/// Stands in for what the build knows, where types are checked.
const SHELF: &str = "shelf.ts";

/// Address of the document that the hub makes for the service worker.
const OFFLINE_DOCUMENT: &str = "/offline";

/// Parts of the style sheet, in order: a later rule holds over an earlier one.
const STYLES: &[&str] = &["drovers.css", "overview.css", "screens.css"];

/// Scripts that the page loads on demand, by name. The page's script exports the values that their modules import from it; a
/// chunk exports all that its modules export.
const CHUNKS: &[(&str, &[&str])] = &[
    ("palette", &["palette.ts", "find.ts"]),
    (
        "beside",
        &[
            "review.ts",
            "away.ts",
            "listed.ts",
            "bar.ts",
            "rail.ts",
            "rows.ts",
            "beside.ts",
            "attach.ts",
            "paste.ts",
            "recall.ts",
            "sync.ts",
            "compose.ts",
            "visits.ts",
            "marking.ts",
        ],
    ),
    ("settings", &["settings.ts", "devices.ts", "launch.ts"]),
    (
        "notify",
        &[
            "base64.ts",
            "push.ts",
            "notify.ts",
            "wheel.ts",
            "pager.ts",
            "phone.ts",
        ],
    ),
    ("session", &["undo.ts", "session.ts"]),
    ("complete", &["complete.ts"]),
    ("queue", &["queue.ts", "held.ts", "rewrite.ts"]),
    ("picker", &["picker.ts"]),
    ("sort", &["sort.ts"]),
    ("tree", &["why.ts", "unread.ts", "archive.ts", "tree.ts"]),
    ("bulk", &["bulk.ts"]),
    ("desk", &["panes.ts", "permalink.ts", "turn.ts"]),
    (
        "verify",
        &["copying.ts", "verify.ts", "debug.ts", "output.ts"],
    ),
    ("parallel", &["parallel.ts"]),
    ("forms", &["forms.ts"]),
    ("changes", &["changes.ts"]),
    ("staging", &["staging.ts"]),
    ("remarks", &["unsent.ts", "remarks.ts"]),
    ("marks", &["marks.ts"]),
    ("basket", &["basket.ts"]),
    ("worktrees", &["worktrees.ts"]),
    ("inspect", &["inspect.ts"]),
    ("frames", &["frames.ts", "charts.ts"]),
    ("travel", &["detail.ts", "travel.ts"]),
    ("passkeys", &["base64.ts", "passkeys.ts"]),
    ("folders", &["folders.ts", "pins.ts", "several.ts"]),
    ("powers", &["roles.ts"]),
];

/// Languages beside English: the name of their catalogue in `words/`, and the number of their plural forms.
const LANGUAGES: [(&str, usize); 2] = [("de", 2), ("zh", 1)];

fn main() {
    println!("cargo:rerun-if-changed=client");
    println!("cargo:rerun-if-changed=words");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=build.rs");
    check_modules();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut assets = Assets {
        out,
        list: String::from("["),
        paths: Vec::new(),
    };
    let imports: Vec<BTreeSet<String>> = CHUNKS.iter().map(|(_, chunk)| imported(chunk)).collect();
    let wanted: BTreeSet<String> = imports.iter().flatten().cloned().collect();
    let main = assets.add(
        "drovers",
        "js",
        SCRIPT,
        script("", MODULES, &wanted).as_bytes(),
    );
    assets.add(
        "drovers",
        "css",
        STYLE_SHEET,
        style(&STYLES.iter().map(|name| read(name)).collect::<String>()).as_bytes(),
    );
    let icon = assets.add("icon", "svg", "image/svg+xml", read("icon.svg").as_bytes());
    assets.add(
        "enter",
        "js",
        SCRIPT,
        script("", ENTER, &BTreeSet::new()).as_bytes(),
    );
    assets.add("need", "svg", "image/svg+xml", read("need.svg").as_bytes());
    let large = assets.add("icon", "png", "image/png", &bytes("icon.png"));
    let small = bytes("icon-192.png");
    let manifest = read("manifest.json")
        .replace("ICON_SVG", &icon)
        .replace("ICON_PNG", &large)
        .replace("ICON_192", &address("icon-192", "png", &small));
    assets.add(
        "manifest",
        "webmanifest",
        "application/manifest+json",
        manifest.as_bytes(),
    );
    let later = style(&read("later.css"));
    assets.add("later", "css", STYLE_SHEET, later.as_bytes());
    for ((name, chunk), imports) in CHUNKS.iter().zip(&imports) {
        let names: Vec<&str> = imports.iter().map(String::as_str).collect();
        let from = format!("import {{ {} }} from \"{main}\";\n", names.join(", "));
        assets.add(
            name,
            "js",
            SCRIPT,
            script(&from, chunk, &exported(chunk)).as_bytes(),
        );
    }
    let catalogs = LANGUAGES.map(|(language, forms)| catalog(language, forms));
    for ((language, _), entries) in LANGUAGES.iter().zip(&catalogs) {
        let name = format!("words-{language}");
        assets.add(&name, "js", SCRIPT, client_words(entries).as_bytes());
    }
    assets.add("icon-192", "png", "image/png", &small);
    let offline = script("", OFFLINE, &BTreeSet::new());
    assets.add("offline", "js", SCRIPT, offline.as_bytes());
    let passkey = script("", PASSKEY, &BTreeSet::new());
    assets.add("passkey", "js", SCRIPT, passkey.as_bytes());
    let roles = style(&read("roles.css"));
    assets.add("roles", "css", STYLE_SHEET, roles.as_bytes());
    fs::write(assets.out.join("sw.js"), worker(&assets)).expect("OUT_DIR can be written");
    fs::write(assets.out.join("words.rs"), tables(&catalogs)).expect("OUT_DIR can be written");
    fs::write(assets.out.join("assets.rs"), assets.list + "]").expect("OUT_DIR can be written");
}

/// The service worker, with the address of every file of the shell.
fn worker(assets: &Assets) -> String {
    let mut files = assets.paths.clone();
    files.push(OFFLINE_DOCUMENT.to_owned());
    // Another file has another address, so that the addresses name what is stored.
    let version = format!("{:016x}", hash(files.join(" ").as_bytes()));
    let shelf = format!("const shellFiles = {files:?};\nconst shellVersion = {version:?};\n");
    script(&shelf, WORKER, &BTreeSet::new())
}

/// The catalogue of a language.
fn catalog(language: &str, forms: usize) -> Vec<Entry> {
    let path = Path::new("words").join(format!("{language}.po"));
    let source = fs::read_to_string(&path);
    let source = source.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let entries = catalog::parse(&source);
    let mut entries = entries.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for Entry {
        key,
        plural,
        forms: has,
        ..
    } in &entries
    {
        let lacks = if plural.is_some() { forms } else { 1 };
        assert!(
            has.len() == lacks,
            "{}: “{key}” has not {lacks} forms",
            path.display()
        );
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries
}

/// The catalogues as Rust, sorted for a binary search.
fn tables([german, chinese]: &[Vec<Entry>; 2]) -> String {
    let table = |entries: &[Entry]| {
        let rows = entries.iter();
        let rows = rows.map(|Entry { key, forms, .. }| format!("({key:?}, &{forms:?}),"));
        rows.collect::<String>()
    };
    let sentences = german
        .iter()
        .filter(|entry| entry.sentence && entry.key.contains('{'));
    let sentences: Vec<&str> = sentences.map(|entry| &*entry.key).collect();
    format!(
        "Catalogs {{ german: &[{}], chinese: &[{}], sentences: &{sentences:?} }}",
        table(german),
        table(chinese)
    )
}

/// The words of a language that the client uses, as a script that runs before its own.
fn client_words(entries: &[Entry]) -> String {
    let modules = MODULES
        .iter()
        .chain(CHUNKS.iter().flat_map(|(_, modules)| *modules));
    let client: String = modules.map(|name| read(name)).collect();
    let used = entries.iter().filter(|entry| {
        let written = entry.key.replace('\\', "\\\\").replace('"', "\\\"");
        client.contains(&format!("\"{written}\""))
    });
    let rows = used.map(
        |Entry {
             key, plural, forms, ..
         }| match plural {
            Some(_) => format!("[{key:?},{forms:?}]"),
            None => format!("[{key:?},{:?}]", forms[0]),
        },
    );
    format!(
        "globalThis.droversWords=new Map([{}]);\n",
        rows.collect::<Vec<_>>().join(",")
    )
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE_SHEET: &str = "text/css; charset=utf-8";

/// The files that were made, their addresses, and the list of them as Rust.
struct Assets {
    out: PathBuf,
    list: String,
    paths: Vec<String>,
}

/// The address of a file, which changes with its content.
fn address(name: &str, extension: &str, content: &[u8]) -> String {
    format!("/assets/{name}-{:016x}.{extension}", hash(content))
}

impl Assets {
    /// Writes a file, and gives back its address.
    fn add(&mut self, name: &str, extension: &str, content_type: &str, content: &[u8]) -> String {
        let file = self.out.join(format!("{name}.{extension}"));
        fs::write(&file, content).expect("OUT_DIR can be written");
        let hash = hash(content);
        let path = address(name, extension, content);
        write!(
            self.list,
            "Asset {{ path: {path:?}, content_type: {content_type:?}, bytes: include_bytes!({file:?}), \
             etag: \"\\\"{hash:016x}\\\"\" }}, "
        )
        .expect("strings can be written");
        self.paths.push(path.clone());
        path
    }
}

/// The values that a chunk imports from modules outside of it.
fn imported(chunk: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for import in chunk.iter().flat_map(|name| imports(&read(name))) {
        let (values, module) = taken(&import).expect("imports name what they take");
        let own = chunk
            .iter()
            .any(|name| name.trim_end_matches(".ts") == module);
        if !own {
            names.extend(values.values);
        }
    }
    names
}

/// The values that the modules of a chunk export.
fn exported(chunk: &[&str]) -> BTreeSet<String> {
    let of = |name: &&str| exports(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    chunk.iter().flat_map(|name| of(name).values).collect()
}

fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new("client").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(name: &str) -> String {
    let path = Path::new("client").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One script of `modules` that begins with `from` and exports `names`.
fn script(from: &str, modules: &[&str], names: &BTreeSet<String>) -> String {
    let body: String = modules.iter().map(|name| module(&read(name))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let export = match names.as_slice() {
        [] => String::new(),
        names => format!("export {{ {} }};\n", names.join(", ")),
    };
    let source = format!("{from}{body}{export}");
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &source, SourceType::ts()).parse();
    check("parse", &parsed.diagnostics, &source);
    let mut program = parsed.program;
    let built = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .build(&program);
    check("check", &built.diagnostics, &source);
    let options = TransformOptions::default();
    let done = Transformer::new(&allocator, Path::new("client.ts"), &options)
        .build_with_scoping(built.semantic.into_scoping(), &mut program);
    check("transform", &done.diagnostics, &source);
    let minified = Minifier::new(MinifierOptions {
        mangle: Some(MangleOptions {
            top_level: Some(true),
            ..MangleOptions::default()
        }),
        mangle_properties: None,
        compress: Some(CompressOptions::smallest()),
    })
    .minify(&allocator, &mut program);
    let options = CodegenOptions {
        minify: true,
        comments: CommentOptions::disabled(),
        ..CodegenOptions::default()
    };
    let code = Codegen::new()
        .with_options(options)
        .with_scoping(minified.scoping)
        .build(&program)
        .code;
    check_script(&code);
    code
}

/// What a module that is not listed declares would be missing in the browser only, as would what it imports and nothing exports.
fn check_modules() {
    let files = fs::read_dir("client").expect("client can be read");
    for file in files {
        let path = file.expect("client can be read").path();
        let chunks = CHUNKS.iter().flat_map(|(_, modules)| *modules);
        let apart = ENTER.iter().chain(OFFLINE).chain(PASSKEY).chain(WORKER);
        let apart = apart.chain([&SHELF]);
        let mut modules = MODULES.iter().chain(apart).chain(chunks);
        let listed = modules.any(|name| path.ends_with(name));
        let script = path.extension().is_some_and(|kind| kind == "ts");
        assert!(listed || !script, "{}: not in MODULES", path.display());
        if script {
            let source = fs::read_to_string(&path).expect("modules can be read");
            let found = missing(&source, |module| read(&format!("{module}.ts")));
            found.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// TypeScript may declare a function twice; no browser would run that.
fn check_script(code: &str) {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, code, SourceType::mjs()).parse();
    check("parse the result", &parsed.diagnostics, code);
    let built = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .build(&parsed.program);
    check("check the result", &built.diagnostics, code);
}

fn check<E: std::fmt::Debug>(step: &str, errors: impl IntoIterator<Item = E>, source: &str) {
    let errors: Vec<E> = errors.into_iter().collect();
    assert!(errors.is_empty(), "client: {step}: {errors:#?}\n{source}");
}

/// A module's text without its imports, and with its exports as plain declarations.
fn module(source: &str) -> String {
    let mut out = String::new();
    let mut importing = false;
    for line in source.lines() {
        importing |= line.starts_with("import ");
        if !importing {
            out.push_str(line.strip_prefix("export ").unwrap_or(line));
            out.push('\n');
        }
        if importing && line.ends_with(';') {
            importing = false;
        }
    }
    out
}

/// Style without comments and indentation, whose sizes of text follow the size that the person chose: pixels of the style
/// sheet are those at the usual size, of which 16 make one `rem`.
fn style(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some((before, comment)) = rest.split_once("/*") {
        out.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.lines()
        .map(|line| scaled(line.trim()))
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A line of style with its sizes of text in `rem`.
fn scaled(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((at, name)) = ["font-size: ", "line-height: ", "font: "]
        .iter()
        .filter_map(|name| Some((rest.find(name)?, name)))
        .min()
    {
        let (before, value) = rest.split_at(at + name.len());
        out.push_str(before);
        let end = value.find([';', '}']).unwrap_or(value.len());
        let (value, after) = value.split_at(end);
        out.push_str(&in_rem(value));
        rest = after;
    }
    out + rest
}

/// A value with each number of pixels in `rem`.
fn in_rem(value: &str) -> String {
    let mut out = String::new();
    let mut number = String::new();
    let mut rest = value;
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
        } else if let (Ok(pixels), Some(after)) = (number.parse::<f64>(), rest.strip_prefix("px")) {
            write!(out, "{}rem", pixels / 16.0).expect("strings can be written");
            number.clear();
            rest = after;
            continue;
        } else {
            out.push_str(&number);
            number.clear();
            out.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    out + &number
}

/// FNV-1a: the same on every machine and compiler; it names files and guards nothing.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
