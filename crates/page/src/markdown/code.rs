//! Code with quiet colours, by class.

use std::sync::{Arc, LazyLock};

use arborium::{Config, GrammarStore, Highlighter, HtmlFormat};

use super::wall::COPY_PLACE;
use crate::limits;
use crate::words::escape;

/// Classes that highlighted code may carry; the style sheet names them too.
pub(super) const TOKEN_CLASSES: [&str; 20] = [
    "h-keyword",
    "h-function",
    "h-string",
    "h-comment",
    "h-type",
    "h-variable",
    "h-constant",
    "h-number",
    "h-operator",
    "h-punctuation",
    "h-property",
    "h-attribute",
    "h-tag",
    "h-macro",
    "h-label",
    "h-namespace",
    "h-constructor",
    "h-title",
    "h-diff-add",
    "h-diff-delete",
];

static GRAMMARS: LazyLock<Arc<GrammarStore>> = LazyLock::new(|| Arc::new(GrammarStore::new()));

/// A code block with its language and a place for its copy button.
pub(super) fn block(language: &str, text: &str, growing: bool) -> String {
    let code = text.strip_suffix('\n').unwrap_or(text);
    let bound = if growing {
        limits::OPEN_CODE_BYTES
    } else {
        limits::CODE_BYTES
    };
    let body = if code.len() > bound {
        escape(code)
    } else {
        highlight(language, code)
    };
    let label: String = language
        .chars()
        .filter(|c| !c.is_control())
        .take(24)
        .collect();
    format!(
        "<div class=\"code\"><div class=\"bar\"><span>{}</span>{COPY_PLACE}</div><pre><code>{body}</code></pre></div>",
        escape(&label)
    )
}

/// Code as escaped text with coloured words; only escaped where its language is not known or it is too long.
pub(crate) fn highlight(language: &str, code: &str) -> String {
    let Some(grammar) = grammar(language).filter(|_| code.len() <= limits::CODE_BYTES) else {
        return escape(code);
    };
    let config = Config {
        html_format: HtmlFormat::ClassNamesWithPrefix("h".to_owned()),
        ..Config::default()
    };
    // The highlighter drops trailing line ends: they are put back, so that what is copied is what was written.
    let body = code.trim_end_matches('\n');
    Highlighter::with_store_and_config(GRAMMARS.clone(), config)
        .highlight(grammar, body)
        .map_or_else(|_| escape(code), |html| html + &code[body.len()..])
}

/// The language of a file by its name, for [`highlight`].
pub(crate) fn language_of_path(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    if name.eq_ignore_ascii_case("dockerfile") {
        return "dockerfile";
    }
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn grammar(language: &str) -> Option<&'static str> {
    Some(match language.to_ascii_lowercase().as_str() {
        "bash" | "sh" | "shell" | "zsh" | "console" => "bash",
        "c" | "h" => "c",
        "cpp" | "c++" | "cc" | "cxx" | "hpp" | "hh" => "cpp",
        "css" | "scss" => "css",
        "diff" | "patch" => "diff",
        "dockerfile" | "docker" => "dockerfile",
        "go" | "golang" => "go",
        "html" | "htm" | "xml" | "svg" | "vue" => "html",
        "java" => "java",
        "javascript" | "js" | "jsx" | "mjs" | "cjs" => "javascript",
        "json" | "jsonc" | "json5" | "jsonl" => "json",
        "markdown" | "md" => "markdown",
        "python" | "py" => "python",
        "ruby" | "rb" => "ruby",
        "rust" | "rs" => "rust",
        "sql" => "sql",
        "toml" => "toml",
        "tsx" => "tsx",
        "typescript" | "ts" | "mts" | "cts" => "typescript",
        "yaml" | "yml" => "yaml",
        _ => return None,
    })
}
