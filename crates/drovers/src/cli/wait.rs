//! `drovers wait`: ends when something needs a person, or is done.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::timeout;

use super::Setting;
use crate::api::Api;
use crate::census::{self, SessionLocation};
use crate::changes::Changes;
use crate::complete;
use crate::fault::Fault;
use crate::out;

/// Wait until sessions are done, or one needs you
///
/// Without names it waits for every session that is running now. A session is done once it is idle, failed or interrupted. A session
/// that needs you ends the wait immediately.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  done, and at least one failed or was interrupted\n  \
    5  one needs you\n  6  the --timeout expired\n\nExamples:\n  drovers wait && notify-send \"All agents are done\"\n  \
    drovers wait --any \"Fix the login\" \"Write the docs\" --json"
)]
pub(crate) struct WaitArgs {
    /// Id of a session, a prefix of it, or its title [default: every session that runs]
    #[arg(add = complete::sessions())]
    sessions: Vec<String>,
    /// End when one of them is done
    #[arg(long, conflicts_with = "all")]
    any: bool,
    /// End when all of them are done (the default)
    #[arg(long)]
    all: bool,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Print {"outcome": "done"|"failed"|"needs_you", "sessions": [{"instance", "session", "title", "state"}]} as JSON
    #[arg(long)]
    json: bool,
}

/// State of a session, as far as waiting needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Runs,
    NeedsYou,
    Done,
    Failed,
}

/// Outcome of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done,
    Failed,
    NeedsYou,
}

#[derive(Serialize)]
struct WaitResult<'a> {
    outcome: Outcome,
    sessions: Vec<SessionState<'a>>,
}

#[derive(Serialize)]
struct SessionState<'a> {
    #[serde(flatten)]
    named: census::NamedSession<'a>,
    state: &'a str,
}

/// Waits.
pub(crate) async fn run(args: WaitArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    // The subscription comes before the read, so that no change is missed.
    let mut changes = Changes::open(&api).await?;
    let places = match args.sessions.is_empty() {
        true => census::all_sessions(&api)
            .await?
            .into_iter()
            .filter(runs)
            .collect(),
        false => census::sessions(&api, &args.sessions).await?,
    };
    if places.is_empty() {
        return match args.json {
            true => report(Outcome::Done, &places),
            false => out::line("no session is running"),
        };
    }
    let waited = wait(&api, &mut changes, places, args.any);
    let (outcome, places) = match args.timeout {
        None => waited.await?,
        Some(seconds) => timeout(Duration::from_secs(seconds), waited)
            .await
            .map_err(|_| Fault::timed_out(format!("still running after {seconds} s")))??,
    };
    if args.json {
        report(outcome, &places)?;
    } else {
        for place in places.iter().filter(|place| state(place) != State::Runs) {
            let (word, title) = (&place.session.mark.word, super::ls::title(&place.session));
            out::line(&format!("{}: {title}", out::one_line(word)))?;
        }
    }
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::Failed => Err(Fault::failed(
            "not everything ended well. `drovers ls` says why",
        )),
        Outcome::NeedsYou => Err(Fault::needs_you(
            "something needs you: `drovers allow`, `drovers answer`, or the page",
        )),
    }
}

async fn wait(
    api: &Api,
    changes: &mut Changes,
    mut places: Vec<SessionLocation>,
    any: bool,
) -> Result<(Outcome, Vec<SessionLocation>), Fault> {
    loop {
        let states: Vec<State> = places.iter().map(state).collect();
        if let Some(outcome) = outcome(&states, any) {
            return Ok((outcome, places));
        }
        changes.next().await?;
        let now = census::all_sessions(api).await?;
        for place in &mut places {
            let known = now.iter().find(|one| one.session.id == place.session.id);
            match known {
                Some(known) => *place = known.clone(),
                // A deleted session does not run any more.
                None => place.session = place.session.ended(),
            }
        }
    }
}

/// The outcome, if the wait is over.
fn outcome(states: &[State], any: bool) -> Option<Outcome> {
    if states.contains(&State::NeedsYou) {
        return Some(Outcome::NeedsYou);
    }
    let runs = |state: &&State| **state == State::Runs;
    let running = states.iter().filter(runs).count();
    let over = match any {
        true => running < states.len(),
        false => running == 0,
    };
    over.then(|| match states.contains(&State::Failed) {
        true => Outcome::Failed,
        false => Outcome::Done,
    })
}

fn state(place: &SessionLocation) -> State {
    match place.session.mark.name.as_str() {
        "needs_you" => State::NeedsYou,
        "failed" | "interrupted" => State::Failed,
        "working" | "retrying" | "stale" => State::Runs,
        _ => State::Done,
    }
}

/// True for a root that is not done.
fn runs(place: &SessionLocation) -> bool {
    let root = place.session.parent.is_none() && !place.session.time.is_archived();
    root && matches!(state(place), State::Runs | State::NeedsYou)
}

fn report(outcome: Outcome, places: &[SessionLocation]) -> Result<(), Fault> {
    let sessions = places.iter().map(|place| SessionState {
        named: place.named(),
        state: &place.session.mark.name,
    });
    out::json(&WaitResult {
        outcome,
        sessions: sessions.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::State::{Done, Failed, NeedsYou, Runs};
    use super::*;

    #[test]
    fn a_wait_ends_when_all_or_any_are_done_and_at_once_when_one_needs_a_person() {
        for (states, any, all) in [
            (&[Runs, Runs][..], None, None),
            (&[Runs, Done], Some(Outcome::Done), None),
            (&[Runs, Failed], Some(Outcome::Failed), None),
            (&[Done, Done], Some(Outcome::Done), Some(Outcome::Done)),
            (
                &[Done, Failed],
                Some(Outcome::Failed),
                Some(Outcome::Failed),
            ),
            (
                &[Runs, NeedsYou],
                Some(Outcome::NeedsYou),
                Some(Outcome::NeedsYou),
            ),
        ] {
            assert_eq!(outcome(states, true), any, "{states:?}");
            assert_eq!(outcome(states, false), all, "{states:?}");
        }
    }
}
