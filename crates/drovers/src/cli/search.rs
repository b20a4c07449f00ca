//! `drovers search`: finds prompts, answers and tool calls in all sessions.

use clap::Args;

use super::Setting;
use crate::api::{Api, SearchAnswer, SearchHit, SearchProgress};
use crate::fault::Fault;
use crate::out;

/// Search the prompts, answers and tool calls of all sessions, newest first
///
/// A word is found by its beginning, a name such as parseErrorKind by each of its parts. Filters: in:folder, from:me, from:agent,
/// tool:edit, file:src/*.rs, after:2026-11-01, before:2026-11-30, model:opus.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers search login timeout\n  drovers search '\"connection refused\"' tool:bash after:2026-11-01\n  drovers search from:me in:api --json"
)]
pub(crate) struct SearchArgs {
    /// Words, phrases in quotes, and filters
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// Most hits, up to 200
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print {"hits", "more", "progress"} as JSON
    #[arg(long)]
    json: bool,
}

/// Asks, and prints.
pub(crate) async fn run(args: SearchArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let answer = api.search(&args.words.join(" "), args.limit).await?;
    if args.json {
        return out::json(&answer);
    }
    for hit in &answer.hits {
        for line in lines(hit) {
            out::line(&line)?;
        }
    }
    if answer.hits.is_empty() {
        out::line("nothing was found")?;
    } else if answer.more {
        out::line("… there are more: use --limit, or add a word or a filter")?;
    }
    for note in notes(&answer) {
        out::note(&note);
    }
    Ok(())
}

fn lines(hit: &SearchHit) -> [String; 2] {
    let what = match hit.kind.as_str() {
        "tool" => &hit.tool,
        kind => kind,
    };
    let at = jiff::Timestamp::from_millisecond(hit.at).unwrap_or_default();
    let at = at
        .to_zoned(jiff::tz::TimeZone::system())
        .strftime("%Y-%m-%d %H:%M");
    let title = match hit.title.as_str() {
        "" => &hit.session,
        title => title,
    };
    let text: String = hit.snippet.iter().map(|one| one.text.as_str()).collect();
    [
        out::one_line(&format!(
            "{at}  {what}  {title}  ({}, {})",
            hit.instance_name, hit.session
        )),
        format!("    {}", out::one_line(&text)),
    ]
}

/// What the answer may lack.
fn notes(answer: &SearchAnswer) -> Vec<String> {
    let SearchProgress {
        indexed,
        waiting,
        changed,
        away,
        left_out,
        problem,
    } = &answer.progress;
    let mut notes: Vec<String> = problem.iter().cloned().collect();
    if *waiting > 0 {
        let all = waiting + changed + indexed;
        notes.push(format!("{waiting} of {all} sessions are not indexed yet"));
    }
    if *changed > 0 {
        notes.push(format!(
            "{changed} sessions have changed since they were indexed"
        ));
    }
    if *away > 0 {
        notes.push(format!(
            "{away} sessions belong to instances that are not connected"
        ));
    }
    if *left_out > 0 {
        notes.push(format!(
            "{left_out} sessions are not indexed: their instances are left out of the journal"
        ));
    }
    notes
}
