//! Scope of *Always*, as a sentence.
//!
//! OpenCode keeps such an answer for the folder, in memory: until its server ends.

use std::sync::Arc;

use maud::{Markup, html};
use model::plain;

use crate::language::{m, t};
use crate::limits;

/// Scope of “always”; `None` if it does not reach beyond this request.
pub(super) fn words(permission: &str, always: &[Arc<str>]) -> Option<Markup> {
    if always.is_empty() {
        return None;
    }
    let list = html! {
        @for (at, pattern) in always.iter().enumerate() {
            @if at > 0 { @if at + 1 == always.len() { (t(" and ")) } @else { (t(", ")) } }
            (one(permission, pattern))
        }
    };
    Some(m!(
        "{list} in this folder, until the server stops.",
        list = list
    ))
}

fn one(permission: &str, pattern: &str) -> Markup {
    let all = pattern.chars().all(|c| c == '*');
    let (text, others) = code(pattern);
    html! {
        @match (permission, all) {
            ("bash", true) => (t("every command")),
            ("bash", false) => { @if others { (m!("every {pattern} command", pattern = text)) } @else { (m!("the command {pattern}", pattern = text)) } },
            ("edit", true) => (t("every edit of any file")),
            ("edit", false) => { (m!("every edit of {pattern}", pattern = text)) },
            ("read", true) => (t("reading any file")),
            ("read", false) => { (m!("reading {pattern}", pattern = text)) },
            ("webfetch", true) => (t("fetching any URL")),
            ("webfetch", false) => { (m!("fetching {pattern}", pattern = text)) },
            ("external_directory", true) => (t("work in any outside folder, by tools that need no other permission")),
            ("external_directory", false) => { (m!("work in {pattern}, outside", pattern = text)) },
            ("task", true) => (t("every subagent")),
            ("task", false) => { (m!("every subagent {pattern}", pattern = text)) },
            ("doom_loop", true) => (t("every call that repeats")),
            ("doom_loop", false) => { (m!("every call of {pattern} that repeats", pattern = text)) },
            (tool, true) => { (m!("every call of the tool {tool}", tool = name(tool))) },
            (tool, false) => { (m!("every call of the tool {tool} for {pattern}", tool = name(tool), pattern = text)) },
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
        code { (text) } @if inner { " " (m!("(where {star} is anything)", star = html! { code { "*" } })) }
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
        let reach = " in this folder, until the server stops.";
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
            ("webfetch", &["*"], "fetching any URL"),
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
