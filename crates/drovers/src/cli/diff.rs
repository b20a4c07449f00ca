//! `drovers diff`: what a session changed, as the page's review shows it.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use hub::review::Scope;
use model::plain;

use super::Setting;
use crate::api::{Api, Query, Review};
use crate::census::{self, Target};
use crate::complete;
use crate::fault::Fault;
use crate::out::{self, Colour};

/// Show what changed in the folder of a session or instance
///
/// By default what the session changed, as its server recorded it; without a record, what is not committed. The page's review (d) has
/// the same, with comments.
#[derive(Debug, Args)]
#[command(
    visible_alias = "review",
    after_help = "Examples:\n  drovers diff \"Fix the login\"\n  drovers diff shop --of branch --base origin/main --stat\n  \
    drovers diff ses_1a | less -R"
)]
pub(crate) struct DiffArgs {
    /// Id of the session or instance, a prefix of it, or its name
    #[arg(add = complete::sessions())]
    name: String,
    /// What to compare
    #[arg(long, value_parser = scope())]
    of: Option<Scope>,
    /// Branch or commit that `--of branch` compares with [default: the repository's main branch]
    #[arg(long, value_name = "BRANCH")]
    base: Option<String>,
    /// List the files only, with their counts
    #[arg(long)]
    stat: bool,
    /// Print {"of", "directory", "branch", "commit", "base", "files"} as JSON
    #[arg(long)]
    json: bool,
}

/// Takes a scope by its name; the names are listed with what they mean.
fn scope() -> impl TypedValueParser<Value = Scope> {
    let all = Scope::ALL.map(|scope| PossibleValue::new(scope.word()).help(scope.about()));
    let named = |word: String| {
        let found = Scope::ALL.into_iter().find(|scope| scope.word() == word);
        found.ok_or("no such comparison")
    };
    PossibleValuesParser::new(all).try_map(named)
}

/// Prints the list, then the patch of each file.
pub(crate) async fn run(args: DiffArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let target = census::thing(&api, &args.name).await?;
    let (instance, session) = match &target {
        Target::Instance(instance) => (instance.id.as_str(), None),
        Target::Session(place) => (place.instance.as_str(), Some(place.session.id.as_str())),
    };
    let of = args.of.or(args.base.as_ref().map(|_| Scope::Branch));
    let mut query: Query<'_> = Vec::new();
    query.extend(session.map(|session| ("session", session)));
    query.extend(of.map(|of| ("of", of.word())));
    query.extend(args.base.as_deref().map(|base| ("base", base)));
    let review = api.review(instance, &query).await?;
    if args.json {
        return out::json(&review);
    }
    head(&review)?;
    if args.stat {
        return Ok(());
    }
    // What was listed is what is read: the default may be another a moment later.
    query.retain(|(name, _)| *name != "of");
    query.push(("of", &review.of));
    for file in &review.files {
        out::line("")?;
        for line in api.review_patch(instance, &query, file).await?.lines() {
            out::line(&painted(line))?;
        }
    }
    Ok(())
}

fn head(review: &Review) -> Result<(), Fault> {
    let branch = match (&review.branch, &review.commit) {
        (Some(branch), _) => format!(", on branch {branch}"),
        (None, Some(commit)) => format!(", at commit {}", commit.get(..10).unwrap_or(commit)),
        (None, None) => String::new(),
    };
    let place = format!(
        "{}{branch}, compared with {}",
        review.directory, review.base
    );
    out::line(&out::one_line(&place))?;
    if review.files.is_empty() {
        return out::line("nothing changed");
    }
    for file in &review.files {
        let lines = match (file.additions, file.deletions) {
            (Some(come), Some(gone)) => format!(
                "{} {}",
                out::paint(Colour::Green, &format!("+{come}")),
                out::paint(Colour::Red, &format!("-{gone}"))
            ),
            _ => out::paint(Colour::Dim, "binary"),
        };
        let staged = if file.staged { ", staged" } else { "" };
        let line = format!(
            "  {} ({}{staged}) {lines}",
            out::one_line(&file.name),
            file.status
        );
        out::line(&line)?;
    }
    Ok(())
}

/// A line of a patch, safe for a terminal, in the colour of what it says.
fn painted(line: &str) -> String {
    let shown = plain::block(line);
    match line.as_bytes().first() {
        Some(b'+') => out::paint(Colour::Green, &shown),
        Some(b'-') => out::paint(Colour::Red, &shown),
        Some(b'@') => out::paint(Colour::Dim, &shown),
        Some(b'd') => out::paint(Colour::Bold, &shown),
        _ => shown,
    }
}
