//! Work trees: the dialog that lists them, and the one that makes a session in a new one.
//!
//! Names, paths and scripts are anybody's: all of them are escaped, and what hides or turns text around in them is shown.

use maud::{Markup, html};
use model::plain;
use model::view::Mark;

use crate::language::{m, sentence, t};
use crate::limits;
use crate::words::{self, encode, session_path};

/// A work tree.
#[derive(Clone, Debug)]
pub struct TreeRow {
    /// Its folder.
    pub path: String,
    /// True for the repository's own folder.
    pub main: bool,
    /// The branch that is checked out.
    pub branch: Option<String>,
    /// The reason why it must not be removed.
    pub locked: Option<String>,
    /// True if its folder is gone.
    pub gone: bool,
    /// Files that are not committed; absent if that could not be read.
    pub changed: Option<usize>,
    /// Some of them by name.
    pub files: String,
    /// The branch that it is compared with.
    pub base: Option<String>,
    /// The other branches, into which its own can be merged.
    pub others: Vec<String>,
    /// Commits that the base lacks.
    pub ahead: u64,
    /// Commits of the base that it lacks.
    pub behind: u64,
    /// The sessions that work in it: instance, session, title and state.
    pub sessions: Vec<(String, String, String, Mark)>,
}

/// The dialog with all work trees of an instance's repository, or the reason why there is none.
pub fn worktrees_dialog(
    instance: &str,
    session: Option<&str>,
    trees: Result<&[TreeRow], String>,
) -> String {
    html! {
        dialog #worktrees aria-labelledby="worktrees-title" data-url=(act_url(instance, session)) {
            h2 #worktrees-title { (t("Work trees")) }
            @match trees {
                Err(trouble) => p { (sentence(&format!("{trouble}."))) },
                Ok(trees) => ul.trees { @for tree in trees { (row(tree)) } },
            }
            p.problem role="alert" hidden {}
            div.row {
                button.main type="button" data-act="new" { (t("New session in its own work tree")) }
                button type="button" data-do="close" { (t("Close")) }
            }
        }
    }
    .into_string()
}

fn act_url(instance: &str, session: Option<&str>) -> String {
    let query = session.map(|session| format!("?session={}", encode(session)));
    let query = query.unwrap_or_default();
    format!("/api/instances/{}/worktrees/act{query}", encode(instance))
}

fn line(text: &str) -> String {
    plain::line(text, limits::PATH_CHARS)
}

fn row(tree: &TreeRow) -> Markup {
    let base = tree.base.as_deref().map(line).unwrap_or_default();
    html! {
        li.tree-of data-path=(tree.path) data-branch=[tree.branch.as_ref()] {
            header {
                b { @match &tree.branch { Some(branch) => { (line(branch)) }, None => { (t("no branch")) } } }
                span.quiet.path { (line(&tree.path)) }
            }
            p.facts { (facts(tree, &base)) }
            @if !tree.files.is_empty() { p.quiet.path { (line(&tree.files)) } }
            @if !tree.sessions.is_empty() {
                ul.within {
                    @for (instance, session, title, mark) in &tree.sessions {
                        li { a href=(session_path(instance, session)) {
                            span.mark.(words::colour(*mark)) aria-hidden="true" { (mark.shape()) } span.hear { (t(mark.word())) " " }
                            span.name { (words::title(title)) }
                        } }
                    }
                }
            }
            @if !tree.main {
                div.row {
                    @if tree.branch.is_some() && !tree.gone && !tree.others.is_empty() { (targets(tree)) }
                    button type="button" data-act="remove" { (t("Remove")) }
                }
                p.quiet.tried role="status" hidden {}
            }
            p.problem role="alert" hidden {}
        }
    }
}

/// The branch to merge into, and both ways to do it. Where no base is known, none is chosen for a person.
fn targets(tree: &TreeRow) -> Markup {
    html! {
        label { (t("Into")) " "
            select name="into" {
                @if tree.base.is_none() { option value="" selected { (t("Choose a branch")) } }
                @for other in &tree.others { option value=(other) selected[tree.base.as_ref() == Some(other)] { (line(other)) } }
            }
        }
        button type="button" data-act="merge" { (t("Merge")) }
        button type="button" data-act="rebase" { (t("Rebase")) }
    }
}

fn facts(tree: &TreeRow, base: &str) -> String {
    let mut facts = Vec::new();
    if tree.main {
        facts.push(t("the repository's own folder").to_owned());
    }
    if tree.gone {
        facts.push(t("its folder is gone").to_owned());
    }
    if let Some(reason) = &tree.locked {
        facts.push(match reason.trim().is_empty() {
            true => t("locked").to_owned(),
            false => t!("locked: {reason}", reason = line(reason)),
        });
    }
    match tree.changed {
        None if tree.gone => {}
        None => facts.push(t("its state cannot be read").to_owned()),
        Some(0) => facts.push(t("everything is committed").to_owned()),
        Some(many) => facts.push(t!(
            "{n} file is not committed",
            "{n} files are not committed",
            n = many
        )),
    }
    if !base.is_empty() && !tree.main && !tree.gone {
        facts.push(match (tree.ahead, tree.behind) {
            (0, 0) => t!("same as {base}", base = base),
            (ahead, 0) => t!(
                "{n} commit ahead of {base}",
                "{n} commits ahead of {base}",
                n = count(ahead),
                base = base
            ),
            (0, behind) => t!(
                "{n} commit behind {base}",
                "{n} commits behind {base}",
                n = count(behind),
                base = base
            ),
            (ahead, behind) => t!(
                "{ahead} ahead of {base}, {behind} behind",
                ahead = ahead,
                base = base,
                behind = behind
            ),
        });
    }
    facts.join(" · ")
}

fn count(many: u64) -> usize {
    usize::try_from(many).unwrap_or(usize::MAX)
}

/// What making a work tree would do.
#[derive(Clone, Debug)]
pub struct NewTreeForm {
    /// The branch that is checked out, at which it begins.
    pub base: Option<String>,
    /// The commit at which it begins.
    pub commit: String,
    /// The folder in which it would be.
    pub beside: String,
    /// The set-up command: its file, content and fingerprint, and whether a person allowed it.
    pub setup: Option<(String, String, String, bool)>,
    /// Ignored files that are copied.
    pub copies: Vec<String>,
    /// How many further ones are not.
    pub over: usize,
}

/// The dialog that makes a session in a work tree of its own, or the reason why none can be made.
pub fn new_worktree_dialog(
    instance: &str,
    session: Option<&str>,
    form: Result<&NewTreeForm, String>,
) -> String {
    html! {
        dialog #worktree aria-labelledby="worktree-title" data-instance=(instance) data-session=[session] {
            h2 #worktree-title { (t("New session in its own work tree")) }
            @match form {
                Err(trouble) => {
                    p { (sentence(&format!("{trouble}."))) }
                    div.row { button.main type="button" data-do="close" { (t("Close")) } }
                },
                Ok(form) => { (fields(form)) (progress()) },
            }
        }
    }
    .into_string()
}

fn fields(form: &NewTreeForm) -> Markup {
    let commit = form.commit.get(..10).unwrap_or(&form.commit);
    html! {
        form autocomplete="off" {
            label { (t("Prompt")) textarea name="text" rows="4" dir="auto" required {} }
            label { (t("Name of its branch and folder (optional)")) input type="text" name="name" maxlength="120" spellcheck="false" placeholder=(t("from the prompt")); }
            p.quiet {
                @match &form.base {
                    Some(base) => (m!("It begins at {branch}, commit {commit}, in a folder of its own in {beside}. What is not committed stays here.",
                        branch = html! { b { (line(base)) } }, commit = html! { code { (commit) } }, beside = html! { code { (line(&form.beside)) } })),
                    None => (m!("It begins at commit {commit}, in a folder of its own in {beside}. What is not committed stays here.",
                        commit = html! { code { (commit) } }, beside = html! { code { (line(&form.beside)) } })),
                }
            }
            @if !form.copies.is_empty() || form.over > 0 { (copies(form)) }
            @if let Some((file, content, fingerprint, allowed)) = &form.setup { (setup(file, content, fingerprint, *allowed)) }
            p.problem role="alert" hidden {}
            div.row {
                button.main type="submit" { (t("Start")) }
                button type="button" data-do="close" { (t("Cancel")) }
            }
        }
    }
}

fn copies(form: &NewTreeForm) -> Markup {
    html! {
        details {
            summary { (t!("{n} ignored file is copied, by .worktreeinclude", "{n} ignored files are copied, by .worktreeinclude", n = form.copies.len())) }
            ul.path { @for path in &form.copies { li { (line(path)) } } }
            @if form.over > 0 { p.quiet { (t!("{n} more is over a limit and not copied", "{n} more are over a limit and not copied", n = form.over)) } }
        }
    }
}

/// Consent is to the text that stands here: none of both choices is made beforehand, unless a person allowed the same text before.
fn setup(file: &str, content: &str, fingerprint: &str, allowed: bool) -> Markup {
    let run = match allowed {
        true => t("Run it: this exact text was allowed before"),
        false => t("I have read it: run it, and allow this exact text from now on"),
    };
    html! {
        fieldset.setup data-fingerprint=(fingerprint) data-allowed[allowed] {
            legend { (m!("Set-up command of the project, from {file}", file = html! { code { (file) } })) }
            pre.out tabindex="0" { (plain::block(content)) }
            @if !allowed { p.quiet { (t("Agents can write this file, and the programs that it runs. It runs as you, outside of any sandbox.")) } }
            label.check { input type="radio" name="setup" value="run" required checked[allowed]; span { (run) } }
            label.check { input type="radio" name="setup" value="skip" required; span { (t("Leave it out this time")) } }
        }
    }
}

fn progress() -> Markup {
    html! {
        section.making hidden {
            p role="status" data-stage {}
            p.quiet.path data-made-in {}
            pre.out data-output tabindex="0" hidden {}
            p.quiet.path data-left hidden {}
            p.problem role="alert" hidden {}
            div.row {
                a.button.main data-open hidden { (t("Open the session")) }
                button type="button" data-do="close" { (t("Close")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> TreeRow {
        TreeRow {
            path: "/p-worktrees/\u{202e}<b>".to_owned(),
            main: false,
            branch: Some("<i>fix</i>".to_owned()),
            locked: None,
            gone: false,
            changed: Some(2),
            files: "a<script>, b".to_owned(),
            base: Some("main".to_owned()),
            others: vec!["<s>other".to_owned(), "main".to_owned()],
            ahead: 1,
            behind: 2,
            sessions: vec![(
                "i1".into(),
                "ses_1".into(),
                "<u>t</u>".into(),
                Mark::Working,
            )],
        }
    }

    #[test]
    fn names_of_others_are_text() {
        let html = worktrees_dialog("i1", Some("ses 1"), Ok(&[tree()]));
        for bad in ["<script>", "<i>fix", "<u>t", "<s>other", "/\u{202e}<b>"] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
        assert!(html.contains("?session=ses%201") && html.contains("1 ahead of main, 2 behind"));
        assert!(html.contains("2 files are not committed") && html.contains("data-act=\"rebase\""));
    }

    #[test]
    fn the_branch_that_a_tree_began_at_is_its_usual_target() {
        let html = worktrees_dialog("i1", None, Ok(&[tree()]));
        assert!(
            html.contains(r#"<option value="main" selected>main</option>"#),
            "{html}"
        );
        let unknown = TreeRow {
            base: None,
            ..tree()
        };
        let html = worktrees_dialog("i1", None, Ok(&[unknown]));
        assert!(html.contains(r#"<option value="" selected>Choose a branch</option>"#));
        let alone = TreeRow {
            others: Vec::new(),
            ..tree()
        };
        let html = worktrees_dialog("i1", None, Ok(&[alone]));
        assert!(!html.contains("data-act=\"merge\"") && html.contains("data-act=\"remove\""));
    }

    #[test]
    fn no_choice_is_made_for_a_person_who_has_not_read_the_command() {
        let form = |allowed| NewTreeForm {
            base: None,
            commit: "0123456789abcdef".to_owned(),
            beside: "/p-worktrees".to_owned(),
            setup: Some((
                ".drovers/setup.sh".to_owned(),
                "npm ci\n\u{202e}</pre><b>".to_owned(),
                "f".to_owned(),
                allowed,
            )),
            copies: vec![".env".to_owned()],
            over: 1,
        };
        let html = new_worktree_dialog("i", None, Ok(&form(false)));
        assert!(!html.contains("checked") && html.contains("required"));
        assert!(
            html.contains("\\u{202e}&lt;/pre&gt;")
                && html.contains("commit <code>0123456789</code>")
        );
        assert!(new_worktree_dialog("i", None, Ok(&form(true))).contains("checked"));
        let none = new_worktree_dialog("i", None, Err("there is no repository".to_owned()));
        assert!(
            none.contains("There is no repository.") || none.contains("there is no repository.")
        );
        assert!(!none.contains("<form"));
    }
}
