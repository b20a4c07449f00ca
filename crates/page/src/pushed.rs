//! What is pushed to a device: the words of a notification in the language of the device, all of them bounded.

use model::plain;
use model::state::Piece;
use model::view::{NeedKind, NeedRow, NewsKind, NewsRow};
use serde::Serialize;

use crate::language::{key, t};
use crate::limits;
use crate::wire::News;
use crate::words::encode;

/// The words of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The path of the page that it leads to.
    pub path: String,
}

/// The answer that a notification offers by buttons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushedAnswer {
    /// The path of the request in the API.
    pub url: String,
    /// Names the content that the notification shows.
    pub fingerprint: String,
    /// The label of the button that allows.
    pub allow: &'static str,
    /// The label of the button that rejects.
    pub reject: &'static str,
    /// What is said if the answer could not be sent.
    pub failed: &'static str,
}

impl Pushed {
    /// The notification of an item.
    pub fn of(row: &NewsRow) -> Self {
        let News {
            title, text, path, ..
        } = News::from(row);
        let begin = match row.kind {
            NewsKind::Needs => t("Needs you"),
            NewsKind::Failed => t("Failed"),
            NewsKind::Finished => t("Finished"),
        };
        Self {
            title: format!("{begin}: {}", cut(&title)),
            body: cut(&text),
            path,
        }
    }

    /// The notification of a request whose whole content fits into it, with the answer that it offers. `None` if it does not fit, or
    /// cannot be allowed now.
    pub fn whole(need: &NeedRow) -> Option<(Self, PushedAnswer)> {
        let NeedKind::Permission(permission) = &need.kind else {
            return None;
        };
        let content = &permission.content;
        if !need.live || need.stopped || !need.way.is_empty() || !content.is_whole() {
            return None;
        }
        let folder = need.directory.to_string();
        let lines: Option<Vec<String>> = content.pieces.iter().map(piece).collect();
        let lines: Vec<String> = lines?.into_iter().chain([folder]).collect();
        // Nothing shows itself as something else, and nothing is broken where no line would end.
        let plain = |line: &String| line.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let rows = |line: &String| line.len().div_ceil(limits::PUSHED_COLUMNS).max(1);
        let fits = lines.iter().all(plain)
            && lines.iter().map(rows).sum::<usize>() <= limits::PUSHED_ROWS
            && need.title.len() <= limits::PUSHED_COLUMNS
            && plain(&need.title.to_string());
        if content.pieces.is_empty() || !fits {
            return None;
        }
        let (instance, id) = (need.instance.as_str(), permission.id.as_str());
        let answer = PushedAnswer {
            url: format!(
                "/api/instances/{}/permissions/{}",
                encode(instance),
                encode(id)
            ),
            fingerprint: content.fingerprint.to_string(),
            allow: t("Allow once"),
            reject: t("Reject"),
            failed: t("The answer was not sent. Open Drovers to see why."),
        };
        let pushed = Self {
            title: format!("{}: {}", t("Needs you"), need.title),
            body: lines.join("\n"),
            path: crate::session_path(instance, need.session.as_str()),
        };
        Some((pushed, answer))
    }

    /// One notification for many items, which leads to the page of the newest.
    pub fn many(rows: &[NewsRow]) -> Self {
        let count = |kind: NewsKind| rows.iter().filter(|row| row.kind == kind).count();
        let (needs, failed, finished) = (
            count(NewsKind::Needs),
            count(NewsKind::Failed),
            count(NewsKind::Finished),
        );
        let counted = [
            (needs, t!("{n} needs you", "{n} need you", n = needs)),
            (failed, t!("{n} failed", "{n} failed", n = failed)),
            (finished, t!("{n} finished", "{n} finished", n = finished)),
        ];
        let counted = counted.into_iter().filter(|(many, _)| *many > 0);
        let counted: Vec<String> = counted.map(|(_, text)| text).collect();
        let lines = rows.iter().rev().take(limits::PUSHED_LINES);
        let lines: Vec<String> = lines.map(|row| Self::of(row).title).collect();
        Self {
            title: format!("Drovers: {}", counted.join(", ")),
            body: lines.join("\n"),
            path: "/".to_owned(),
        }
    }

    /// A notification that shows that notifications arrive.
    pub fn trial() -> Self {
        Self {
            title: "Drovers".to_owned(),
            body: t(TRIAL).to_owned(),
            path: "/".to_owned(),
        }
    }
}

/// The text of a trial.
const TRIAL: &str = key("A notification of Drovers arrives here.");

fn cut(text: &str) -> String {
    plain::line(text, limits::PUSHED_CHARS)
}

/// A piece of a request as one line; `None` for one that has several.
fn piece(piece: &Piece) -> Option<String> {
    match piece {
        Piece::Command(command) => Some(format!("$ {command}")),
        Piece::Field { name, value } => Some(format!("{name}: {value}")),
        Piece::Diff { .. } => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::ids::{InstanceId, SessionId};
    use model::json::Json;
    use model::state::{Permission, PermissionRequest};
    use model::time::Timestamp;

    use super::*;
    use crate::{Language, speak};

    fn need(command: &str) -> NeedRow {
        let raw = serde_json::json!({"id": "per_1", "permission": "bash", "metadata": {"command": command}});
        let request = PermissionRequest {
            id: "per_1".into(),
            session: "ses_1".into(),
            permission: "bash".into(),
            patterns: vec![command.into()],
            always: vec![],
            tool: None,
            raw: Json::of(&raw),
            asked: Timestamp(1),
        };
        NeedRow {
            instance: InstanceId::from("i1"),
            instance_name: "proj".into(),
            live: true,
            session: SessionId::from("ses_1"),
            root: SessionId::from("ses_1"),
            title: "Ship it".into(),
            way: vec![],
            agent: None,
            directory: "/home/me/proj".into(),
            stopped: false,
            asked: Timestamp(1),
            kind: NeedKind::Permission(Permission::new(request)),
        }
    }

    fn row(nth: usize, kind: NewsKind) -> NewsRow {
        NewsRow {
            key: format!("k{nth}"),
            kind,
            instance: "i1".into(),
            session: "ses_1".into(),
            title: format!("Session {nth}").into(),
            text: "x".repeat(1000),
            at: Timestamp(1),
        }
    }

    #[test]
    fn a_request_that_fits_has_an_answer_and_any_other_has_none() {
        let (pushed, answer) = Pushed::whole(&need("git push")).unwrap();
        assert!(pushed.body.starts_with("$ git push\n"), "{}", pushed.body);
        assert!(pushed.body.ends_with("/home/me/proj"));
        assert_eq!(answer.url, "/api/instances/i1/permissions/per_1");
        assert_eq!(answer.fingerprint.len(), 32);
        for command in [
            "git push\nrm -rf /",
            &"x".repeat(limits::PUSHED_COLUMNS * limits::PUSHED_ROWS),
            "git push # \u{202e}",
            "echo ä",
            "tab\there",
        ] {
            assert_eq!(Pushed::whole(&need(command)), None, "{command:?}");
        }
        let stale = NeedRow {
            live: false,
            ..need("git push")
        };
        let stopped = NeedRow {
            stopped: true,
            ..need("git push")
        };
        let below = NeedRow {
            way: vec!["Subagent".into()],
            ..need("git push")
        };
        for other in [stale, stopped, below] {
            assert_eq!(Pushed::whole(&other), None);
        }
    }

    #[test]
    fn words_are_those_of_the_device_and_bounded() {
        let said = speak(Language::German, || Pushed::of(&row(1, NewsKind::Needs)));
        assert_eq!(said.title, "Braucht dich: Session 1");
        assert!(said.body.chars().count() <= limits::PUSHED_CHARS + 1);
        assert_eq!(said.path, "/i/i1/s/ses_1");
        let rows: Vec<_> = (0..9).map(|nth| row(nth, NewsKind::Finished)).collect();
        let many = Pushed::many(&rows);
        assert_eq!(many.title, "Drovers: 9 finished");
        assert_eq!(many.body.lines().count(), limits::PUSHED_LINES);
        assert!(many.body.starts_with("Finished: Session 8"));
    }
}
