//! `drovers show`: a conversation, readable at a terminal.

use std::collections::BTreeSet;

use clap::Args;
use model::plain;
use opencode::wire::{MessageInfo, MessageWithParts, PartInfo, PartKind, Role, ToolState};
use serde_json::value::RawValue;

use super::Setting;
use crate::api::Api;
use crate::census::{self, SessionLocation};
use crate::changes::Changes;
use crate::complete;
use crate::fault::Fault;
use crate::limits;
use crate::out::{self, Colour};

/// Show a session's conversation
///
/// Terminal control characters are shown as visible symbols. A tool call is one line, followed by the end of its output; the page shows
/// the rest.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers show \"Fix the login\"\n  drovers show ses_1a -n 100 | less -R\n  \
    drovers show ses_1a --follow"
)]
pub(crate) struct ShowArgs {
    /// Id of the session, a prefix of it, or its title
    #[arg(add = complete::sessions())]
    session: String,
    /// Number of messages, the newest
    #[arg(short = 'n', value_name = "COUNT", default_value_t = 20)]
    count: usize,
    /// Keep printing new messages; a text is printed once it is complete
    #[arg(long, short)]
    follow: bool,
    /// Print {"instance", "session", "title", "messages"} as JSON; with --follow each completed message, one per line
    #[arg(long)]
    json: bool,
}

/// Ids of printed turns and parts, so that nothing is printed twice.
#[derive(Default)]
struct Printed {
    headings: BTreeSet<String>,
    parts: BTreeSet<String>,
}

/// Prints the conversation, and follows it with `--follow`.
pub(crate) async fn run(args: ShowArgs, setting: &Setting) -> Result<(), Fault> {
    let count = args.count.clamp(1, limits::SHOWN_MESSAGES);
    let api = Api::of(&setting.data_dir()?)?;
    // The subscription comes before the read, so that no event is missed.
    let mut changes = match args.follow {
        true => Some(Changes::open(&api).await?),
        false => None,
    };
    let place = census::session(&api, &args.session).await?;
    let read = read(&api, &place, count).await?;
    if args.json && !args.follow {
        let named = serde_json::to_value(place.named()).unwrap_or_default();
        let (instance, session) = (&named["instance"], &named["session"]);
        return out::json(&Whole {
            instance,
            session,
            title: &named["title"],
            messages: &read.0,
        });
    }
    let mut printed = Printed::default();
    if !args.json {
        head(&place)?;
    }
    printed.print(&read, args.follow, args.json)?;
    while let Some(changes) = &mut changes {
        changes.next().await?;
        let read = self::read(&api, &place, count.max(limits::FOLLOWED_MESSAGES)).await?;
        printed.print(&read, true, args.json)?;
    }
    Ok(())
}

#[derive(serde::Serialize)]
struct Whole<'a> {
    instance: &'a serde_json::Value,
    session: &'a serde_json::Value,
    title: &'a serde_json::Value,
    messages: &'a RawValue,
}

async fn read(
    api: &Api,
    place: &SessionLocation,
    count: usize,
) -> Result<(Box<RawValue>, Vec<MessageWithParts>), Fault> {
    let raw = api
        .transcript(&place.instance, &place.session.id, count)
        .await?;
    let messages = MessageWithParts::parse_list(raw.get()).unwrap_or_default();
    Ok((raw, messages))
}

fn head(place: &SessionLocation) -> Result<(), Fault> {
    let session = &place.session;
    let title = out::paint(Colour::Bold, &super::ls::title(session));
    let (id, word) = (
        out::one_line(&session.id),
        out::one_line(&session.mark.word),
    );
    out::line(&format!(
        "{title}  {}  {word}",
        out::paint(Colour::Dim, &id)
    ))?;
    // The current step, or the reason why the session is idle.
    match session.mark.evidence(super::ls::now()) {
        Some(evidence) => out::line(&out::one_line(&evidence)),
        None => Ok(()),
    }
}

impl Printed {
    /// Prints the parts that were not printed yet. `done` omits parts that still change.
    fn print(
        &mut self,
        (_, messages): &(Box<RawValue>, Vec<MessageWithParts>),
        done: bool,
        json: bool,
    ) -> Result<(), Fault> {
        for message in messages {
            let info = &message.info;
            if json {
                let whole = info.role == Role::User || info.completed.is_some();
                if whole && self.headings.insert(info.id.clone()) {
                    let parts: Vec<_> = message.parts.iter().map(|part| &part.raw).collect();
                    out::json(&serde_json::json!({"info": info.raw, "parts": parts}))?;
                }
                continue;
            }
            for part in &message.parts {
                if done && !is_done(info, part) {
                    continue;
                }
                let Some(text) = part_text(info, part) else {
                    continue;
                };
                if self.parts.insert(part.id.clone()) {
                    self.heading(info)?;
                    out::line(&text)?;
                }
            }
            if let Some(error) = &info.error
                && self.parts.insert(info.id.clone())
            {
                self.heading(info)?;
                let end = match error.is_abort() {
                    true => "stopped".to_owned(),
                    false => format!("failed: {}", out::one_line(&error.message)),
                };
                out::line(&format!("  {}", out::paint(Colour::Red, &end)))?;
            }
        }
        Ok(())
    }

    /// Prints the author, once for a prompt and once for all steps of its answer.
    fn heading(&mut self, info: &MessageInfo) -> Result<(), Fault> {
        let turn = match info.role {
            Role::User => format!("you {}", info.id),
            Role::Assistant => format!("agent {}", info.parent_id.as_deref().unwrap_or(&info.id)),
        };
        if !self.headings.insert(turn) {
            return Ok(());
        }
        let by = match info.role {
            Role::User => "You".to_owned(),
            Role::Assistant => {
                let agent = info.agent.as_deref().or(info.mode.as_deref());
                let model = info.model.as_ref().map(|model| model.model_id.as_str());
                let named: Vec<String> =
                    agent.into_iter().chain(model).map(out::one_line).collect();
                match named.is_empty() {
                    true => "Agent".to_owned(),
                    false => named.join(" · "),
                }
            }
        };
        out::line("")?;
        out::line(&out::paint(Colour::Bold, &format!("── {by}")))
    }
}

/// True for a part that no longer changes.
fn is_done(info: &MessageInfo, part: &PartInfo) -> bool {
    if info.role == Role::User || info.completed.is_some() {
        return true;
    }
    match &part.kind {
        PartKind::Text { end, .. } | PartKind::Reasoning { end, .. } => end.is_some(),
        PartKind::Tool { state, .. } => {
            matches!(state, ToolState::Completed { .. } | ToolState::Error { .. })
        }
        _ => true,
    }
}

/// A part for a terminal: every line is indented, so that none of it looks like a heading of this command.
fn part_text(info: &MessageInfo, part: &PartInfo) -> Option<String> {
    let text = match &part.kind {
        PartKind::Text {
            text, synthetic, ..
        } => {
            let hidden = text.trim().is_empty() || (*synthetic && info.role == Role::User);
            (!hidden).then(|| indented(text.trim_end()))?
        }
        PartKind::Reasoning { text, .. } if !text.trim().is_empty() => {
            let lines = tail(text.trim_end(), limits::SHOWN_REASONING_LINES);
            out::paint(Colour::Dim, &indented(&format!("(reasoning) {lines}")))
        }
        PartKind::Tool { tool, state, .. } => tool_text(tool, state),
        PartKind::File(file) => format!("  [file: {}]", out::one_line(file.name())),
        PartKind::Compaction { .. } => "  [the history before this is compacted]".to_owned(),
        PartKind::Retry { attempt, error } => {
            let why = error.as_ref().map_or("", |error| error.message.as_str());
            format!("  [attempt {attempt} failed: {}]", out::one_line(why))
        }
        _ => return None,
    };
    Some(text)
}

fn tool_text(tool: &str, state: &ToolState) -> String {
    let (mark, title) = match state {
        ToolState::Pending { .. } => ("◐", None),
        ToolState::Running { title, .. } => ("◐", title.clone()),
        ToolState::Completed { title, .. } => ("✓", title.clone()),
        ToolState::Error { error, .. } => ("✕", Some(error.clone())),
    };
    let input = state.input().map(|input| input.get().to_owned());
    let input: serde_json::Value = input
        .and_then(|input| serde_json::from_str(&input).ok())
        .unwrap_or_default();
    let about = input["command"].as_str().map(str::to_owned);
    let about = about.or(title.filter(|title| !title.is_empty()));
    let about = about.or_else(|| input["filePath"].as_str().map(str::to_owned));
    let line = format!(
        "  {mark} {}  {}",
        out::one_line(tool),
        out::one_line(&about.unwrap_or_default())
    );
    let line = out::paint(Colour::Yellow, line.trim_end());
    let printed = match state {
        ToolState::Completed { output, .. } if tool == "bash" => output.trim_end(),
        _ => "",
    };
    if printed.is_empty() {
        return line;
    }
    let printed = indented(&tail(printed, limits::SHOWN_OUTPUT_LINES)).replace('\n', "\n  ");
    format!("{line}\n  {}", out::paint(Colour::Dim, &printed))
}

/// The last lines of a text, with the number of omitted lines before them.
fn tail(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let Some(left) = lines.len().checked_sub(most).filter(|left| *left > 0) else {
        return text.to_owned();
    };
    format!("… {left} lines before\n{}", lines[left..].join("\n"))
}

fn indented(text: &str) -> String {
    format!("  {}", plain::block(text).replace('\n', "\n  "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_message_passes_for_one_of_ours() {
        let json = serde_json::json!([{"info": {"id": "msg_1", "sessionID": "s", "role": "assistant", "time": {}},
            "parts": [{"id": "prt_1", "messageID": "msg_1", "sessionID": "s", "type": "text",
                "text": "one\n── You\n\u{1b}[2Jtwo\u{202e}", "time": {"start": 1, "end": 2}}]}]);
        let message = MessageWithParts::parse_list(&json.to_string())
            .unwrap()
            .remove(0);
        let text = part_text(&message.info, &message.parts[0]).unwrap();
        assert!(text.lines().all(|line| line.starts_with("  ")), "{text}");
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text}"
        );
    }

    #[test]
    fn the_end_of_a_long_output_is_shown() {
        assert_eq!(tail("a\nb", 2), "a\nb");
        assert_eq!(tail("a\nb\nc", 2), "… 1 lines before\nb\nc");
    }
}
