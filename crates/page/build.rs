//! Turns the page's TypeScript into one small script, and gives every file a name that changes with its content.
//!
//! Modules in `client/` share one scope: their imports are dropped and their exports are plain declarations, so that
//! one program can be checked, stripped of types and minified as a whole. Names must therefore be unique over all
//! modules, and nothing may be imported under another name; the parser's checks fail the build otherwise.

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

/// Modules in an order in which what one needs at once comes before it.
const MODULES: &[&str] = &[
    "dom.ts",
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
    "menu.ts",
    "drafts.ts",
    "dialogs.ts",
    "answer.ts",
    "waiting.ts",
    "prompt.ts",
    "held.ts",
    "review.ts",
    "keys.ts",
    "main.ts",
];

/// The script of the page that lets a browser in, which runs before it may see anything else.
const ENTER: &[&str] = &["enter.ts"];

fn main() {
    println!("cargo:rerun-if-changed=client");
    println!("cargo:rerun-if-changed=build.rs");
    check_modules();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let files = [
        (
            "drovers",
            "js",
            "text/javascript; charset=utf-8",
            script(MODULES),
        ),
        (
            "drovers",
            "css",
            "text/css; charset=utf-8",
            style(&read("drovers.css")),
        ),
        ("icon", "svg", "image/svg+xml", read("icon.svg")),
        (
            "enter",
            "js",
            "text/javascript; charset=utf-8",
            script(ENTER),
        ),
    ];
    let mut list = String::from("[");
    for (name, extension, content_type, content) in files {
        let file = out.join(format!("{name}.{extension}"));
        fs::write(&file, &content).expect("OUT_DIR can be written");
        let hash = hash(content.as_bytes());
        write!(
            list,
            "Asset {{ path: \"/assets/{name}-{hash:016x}.{extension}\", content_type: {content_type:?}, \
             bytes: include_bytes!({file:?}), etag: \"\\\"{hash:016x}\\\"\" }}, "
        )
        .expect("strings can be written");
    }
    fs::write(out.join("assets.rs"), list + "]").expect("OUT_DIR can be written");
}

fn read(name: &str) -> String {
    let path = Path::new("client").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn script(modules: &[&str]) -> String {
    let source: String = modules.iter().map(|name| module(&read(name))).collect();
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

/// What a module that is not listed declares would be missing in the browser only.
fn check_modules() {
    let files = fs::read_dir("client").expect("client can be read");
    for file in files {
        let path = file.expect("client can be read").path();
        let mut modules = MODULES.iter().chain(ENTER);
        let listed = modules.any(|name| path.ends_with(name));
        let script = path.extension().is_some_and(|kind| kind == "ts");
        assert!(listed || !script, "{}: not in MODULES", path.display());
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

/// Style without comments and indentation.
fn style(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some((before, comment)) = rest.split_once("/*") {
        out.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// FNV-1a: the same on every machine and compiler; it names files and guards nothing.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
