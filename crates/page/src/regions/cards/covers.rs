//! What *Always* covers, in words and reach.
//!
//! OpenCode keeps such an answer for the folder, in memory: until its server ends.

use std::sync::Arc;

use maud::{Markup, html};
use model::plain;

use crate::limits;

/// What always allowing covers; none where it covers nothing beyond this request.
pub(super) fn words(permission: &str, always: &[Arc<str>]) -> Option<Markup> {
    if always.is_empty() {
        return None;
    }
    Some(html! {
        @for (at, pattern) in always.iter().enumerate() {
            @if at > 0 { @if at + 1 == always.len() { " and " } @else { ", " } }
            (one(permission, pattern))
        }
        " in this folder, until its server ends."
    })
}

fn one(permission: &str, pattern: &str) -> Markup {
    let all = pattern.chars().all(|c| c == '*');
    let (text, others) = code(pattern);
    html! {
        @match (permission, all) {
            ("bash", true) => "every command",
            ("bash", false) => { @if others { "every " (text) " command" } @else { "the command " (text) } },
            ("edit", true) => "every edit of any file",
            ("edit", false) => { "every edit of " (text) },
            ("read", true) => "reading any file",
            ("read", false) => { "reading " (text) },
            ("webfetch", true) => "fetching any address",
            ("webfetch", false) => { "fetching " (text) },
            ("external_directory", true) => "work in any folder outside, by tools that ask for nothing else",
            ("external_directory", false) => { "work in " (text) ", outside" },
            ("task", true) => "every subagent",
            ("task", false) => { "every subagent " (text) },
            ("doom_loop", true) => "every call that repeats",
            ("doom_loop", false) => { "every call of " (text) " that repeats" },
            (tool, true) => { "every call of the tool " (name(tool)) },
            (tool, false) => { "every call of the tool " (name(tool)) " for " (text) },
        }
    }
}

fn name(tool: &str) -> Markup {
    html! { code { (plain::line(tool, limits::TITLE_CHARS)) } }
}

/// A pattern as code, its last `*` as "…"; and whether it stands for more than itself.
fn code(pattern: &str) -> (Markup, bool) {
    let pattern = plain::line(pattern, usize::MAX);
    let stem = pattern.strip_suffix('*');
    let inner = stem.unwrap_or(&pattern).contains(['*', '?']);
    let text = stem.map_or(pattern.clone(), |stem| format!("{stem}…"));
    let markup = html! {
        code { (text) } @if inner { " (where " code { "*" } " is anything)" }
    };
    (markup, stem.is_some() || inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(permission: &str, always: &[&str]) -> String {
        let always: Vec<Arc<str>> = always.iter().map(|&one| one.into()).collect();
        let html = words(permission, &always).map(Markup::into_string);
        html.unwrap_or_default()
            .replace("<code>", "`")
            .replace("</code>", "`")
    }

    #[test]
    fn always_says_what_it_covers_in_words() {
        let reach = " in this folder, until its server ends.";
        for (permission, always, words) in [
            ("bash", &["git push *"][..], "every `git push …` command"),
            ("bash", &["ls"], "the command `ls`"),
            ("bash", &["*"], "every command"),
            (
                "bash",
                &["cd *", "rm *", "git push *"],
                "every `cd …` command, every `rm …` command and every `git push …` command",
            ),
            (
                "bash",
                &["git * push *"],
                "every `git * push …` (where `*` is anything) command",
            ),
            ("edit", &["*"], "every edit of any file"),
            ("edit", &["src/*"], "every edit of `src/…`"),
            ("edit", &["src/a.ts"], "every edit of `src/a.ts`"),
            ("read", &["*"], "reading any file"),
            ("webfetch", &["*"], "fetching any address"),
            (
                "webfetch",
                &["https://example.com/*"],
                "fetching `https://example.com/…`",
            ),
            (
                "external_directory",
                &["/etc/*"],
                "work in `/etc/…`, outside",
            ),
            ("task", &["general"], "every subagent `general`"),
            ("doom_loop", &["bash"], "every call of `bash` that repeats"),
            ("mcp_pay", &["*"], "every call of the tool `mcp_pay`"),
            (
                "skill",
                &["deploy"],
                "every call of the tool `skill` for `deploy`",
            ),
            (
                "<b>",
                &["\u{202e}x"],
                "every call of the tool `&lt;b&gt;` for `\\u{202e}x`",
            ),
        ] {
            assert_eq!(
                said(permission, always),
                format!("{words}{reach}"),
                "{permission} {always:?}"
            );
        }
        assert_eq!(said("bash", &[]), "", "it covers nothing more");
    }
}
