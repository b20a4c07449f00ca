//! `drovers parallel`: one prompt to several models or agents, each in a session of its own.

use clap::Args;
use serde::Serialize;

use super::{Setting, new};
use crate::api::{Api, ModelChoice, ParallelChoice, ParallelRun, ParallelStart, Prompt};
use crate::changes::Changes;
use crate::complete;
use crate::fault::Fault;
use crate::out;

/// Agent of OpenCode that changes no files.
const READ_ONLY: &str = "plan";

/// Send one prompt to several models or agents, side by side
///
/// Every model runs with every agent, each in a session of its own; all work in one folder. Without --agent they use `plan`, which
/// changes no files, where the server has it. The page shows the runs beside each other, and keeps one.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes with --wait:\n  0  every run answered\n  1  one failed or was interrupted\n  5  one needs you\n\n\
    Examples:\n  drovers parallel \"How would you split this module?\" --model anthropic/claude-sonnet-4 --model openai/gpt-5\n  \
    drovers parallel ~/code/shop \"Find the bug\" --agent plan --agent build --wait --json"
)]
pub(crate) struct ParallelArgs {
    /// Folder [default: the current one], and text of the prompt; `-` reads standard input
    #[arg(required = true, num_args = 1..=2, value_names = ["FOLDER", "PROMPT"])]
    words: Vec<String>,
    /// Run on this instance instead of in a folder: its id, a prefix of it, or its name
    #[arg(long, value_name = "INSTANCE", add = complete::instances())]
    on: Option<String>,
    /// Model of a run; repeat for each [default: the server's]
    #[arg(long = "model", value_name = "PROVIDER/MODEL")]
    models: Vec<ModelChoice>,
    /// Agent of a run; repeat for each [default: plan, where there is one]
    #[arg(long = "agent", value_name = "AGENT")]
    agents: Vec<String>,
    /// Trust the folder: OpenCode runs the commands of its configuration (asked once otherwise)
    #[arg(long)]
    trust: bool,
    /// Wait until every run has ended, or one needs you
    #[arg(long)]
    wait: bool,
    /// Print {"instance", "id", "runs": [{"agent", "model", "session", "problem", "outcome"?, "text"?}]} as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ParallelResult<'a> {
    instance: &'a str,
    id: &'a str,
    runs: Vec<RunResult<'a>>,
}

#[derive(Serialize)]
struct RunResult<'a> {
    #[serde(flatten)]
    run: &'a ParallelRun,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    ended: Option<&'a Ended>,
}

/// The outcome of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Ended {
    /// `answered`, or the state of the session.
    pub(super) outcome: String,
    /// The answer.
    pub(super) text: String,
}

/// Starts the runs, and waits for them with `--wait`.
pub(crate) async fn run(args: ParallelArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let (folder, text) = new::folder_and_text(&args.words, args.on.as_deref())?;
    let prompt = Prompt::text(text);
    let instance = new::place(&api, folder, args.on.as_deref(), args.trust).await?;
    let instance = instance.id.clone();
    let agents = agents(&api, &instance, args.agents).await?;
    let start = ParallelStart {
        prompt,
        runs: choices(args.models, agents),
    };
    // The subscription comes before the start, so that no end is missed.
    let changes = match args.wait {
        true => Some(Changes::open(&api).await?),
        false => None,
    };
    let started = api.run_parallel(&instance, &start).await?;
    let ended = match changes {
        Some(mut changes) => wait(&api, &instance, &started.runs, &mut changes).await?,
        None => vec![None; started.runs.len()],
    };
    if args.json {
        let runs = started.runs.iter().zip(&ended);
        out::json(&ParallelResult {
            instance: &instance,
            id: &started.id,
            runs: runs
                .map(|(run, ended)| RunResult {
                    run,
                    ended: ended.as_ref(),
                })
                .collect(),
        })?;
    } else {
        show(&started.runs, &ended)?;
        let page = api.page_of_parallel(&instance, &started.id);
        out::note(&format!("compare them at {page}"));
    }
    outcome(&started.runs, &ended)
}

/// The agents that were named; else the read-only one, where the server has it.
async fn agents(api: &Api, instance: &str, named: Vec<String>) -> Result<Vec<String>, Fault> {
    if !named.is_empty() {
        return Ok(named);
    }
    let choices = api.choices(instance).await?;
    let mut known = choices.agents.into_iter().map(|agent| agent.name);
    Ok(known.find(|name| name == READ_ONLY).into_iter().collect())
}

/// Every model with every agent.
fn choices(models: Vec<ModelChoice>, agents: Vec<String>) -> Vec<ParallelChoice> {
    let all = |some: usize| some.max(1);
    let (models, agents) = (&models, &agents);
    (0..all(models.len()))
        .flat_map(|model| {
            (0..all(agents.len())).map(move |agent| ParallelChoice {
                model: models.get(model).cloned(),
                agent: agents.get(agent).cloned(),
            })
        })
        .collect()
}

/// How each run ended, once all have, or one needs a person.
pub(super) async fn wait(
    api: &Api,
    instance: &str,
    runs: &[ParallelRun],
    changes: &mut Changes,
) -> Result<Vec<Option<Ended>>, Fault> {
    let mut ended = vec![None; runs.len()];
    loop {
        for (run, ended) in runs.iter().zip(&mut ended) {
            if let (Some(session), None) = (&run.session, &ended) {
                *ended = end(api, instance, session).await?;
            }
        }
        let needs = |one: &Option<Ended>| one.as_ref().is_some_and(|one| one.outcome == NEEDS_YOU);
        let mut left = runs.iter().zip(&ended);
        let over = left.all(|(run, ended)| run.session.is_none() || ended.is_some());
        if over || ended.iter().any(needs) {
            return Ok(ended);
        }
        changes.next().await?;
    }
}

const NEEDS_YOU: &str = "needs_you";

/// How a session ended; `None` while it runs, or before it began.
async fn end(api: &Api, instance: &str, session: &str) -> Result<Option<Ended>, Fault> {
    let known = api.session(instance, session).await?;
    let outcome = known.mark.name.clone();
    match outcome.as_str() {
        "working" | "retrying" | "stale" => return Ok(None),
        NEEDS_YOU | "failed" | "interrupted" => {
            let text = known.mark.sentence();
            return Ok(Some(Ended { outcome, text }));
        }
        _ => {}
    }
    let messages = api.messages(instance, session).await?;
    let last = messages.last().filter(|last| last.info.role == "assistant");
    let whole = last.filter(|last| last.info.time.completed.is_some());
    Ok(whole.map(|last| {
        let texts = last.parts.iter().filter(|part| part.kind == "text");
        let texts: Vec<_> = texts.map(|part| part.text.trim_end()).collect();
        Ended {
            outcome: "answered".to_owned(),
            text: texts.join("\n"),
        }
    }))
}

fn show(runs: &[ParallelRun], ended: &[Option<Ended>]) -> Result<(), Fault> {
    for (run, ended) in runs.iter().zip(ended) {
        let (session, name) = (run.session.as_deref().unwrap_or("-"), name(run));
        let what = match (&run.problem, ended) {
            (Some(problem), _) => format!("did not start: {}", out::one_line(problem)),
            (None, Some(ended)) => ended.outcome.replace('_', " "),
            (None, None) => "started".to_owned(),
        };
        out::line(&format!("{}  {name}: {what}", out::one_line(session)))?;
        if let Some(ended) = ended.as_ref().filter(|ended| !ended.text.is_empty()) {
            out::answer(&ended.text)?;
        }
    }
    Ok(())
}

/// Model and agent of a run.
fn name(run: &ParallelRun) -> String {
    let model = run.model.as_ref();
    let model = model.map(|model| format!("{}/{}", model.provider, model.model));
    let both: Vec<String> = model.into_iter().chain(run.agent.clone()).collect();
    match both.is_empty() {
        true => "default".to_owned(),
        false => out::one_line(&both.join(" · ")),
    }
}

/// The exit code of the command.
pub(super) fn outcome(runs: &[ParallelRun], ended: &[Option<Ended>]) -> Result<(), Fault> {
    let mut ends = ended.iter().flatten();
    if ends.clone().any(|one| one.outcome == NEEDS_YOU) {
        return Err(Fault::needs_you(
            "something needs you: `drovers allow`, `drovers answer`, or the page",
        ));
    }
    let started = runs.iter().all(|run| run.problem.is_none());
    match started && ends.all(|one| one.outcome == "answered") {
        true => Ok(()),
        false => Err(Fault::failed("not every run answered")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_runs_with_every_agent() {
        let model = |name: &str| ModelChoice {
            provider: "p".to_owned(),
            model: name.to_owned(),
        };
        let of = |models: &[&str], agents: &[&str]| {
            let models = models.iter().map(|name| model(name)).collect();
            let agents = agents.iter().map(|name| (*name).to_owned()).collect();
            let all = choices(models, agents).into_iter();
            let name = |one: ParallelChoice| {
                let model = one.model.map(|model| model.model).unwrap_or_default();
                format!("{model}/{}", one.agent.unwrap_or_default())
            };
            all.map(name).collect::<Vec<_>>()
        };
        assert_eq!(of(&["a", "b"], &["plan"]), ["a/plan", "b/plan"]);
        assert_eq!(of(&[], &["plan", "build"]), ["/plan", "/build"]);
        assert_eq!(of(&["a", "b"], &[]), ["a/", "b/"]);
        assert_eq!(of(&["a", "b"], &["x", "y"]).len(), 4);
    }
}
