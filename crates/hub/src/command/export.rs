//! Export of a session: the whole conversation as one document, JSON for programs or Markdown for people.

mod markdown;

use model::ids::{InstanceId, SessionId};
use serde::Deserialize;
use serde_json::Value;

use super::port::{Servers, Sessions};
use super::{CommandError, Commands, Messages};
use crate::limits;

/// The format of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// A transcript for people.
    #[default]
    Markdown,
    /// `{"session", "messages", "cut", "left_out"}`, in OpenCode's shapes.
    Json,
}

/// An exported session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The document.
    pub text: String,
    /// A file name for it, of letters, digits and dashes.
    pub name: String,
}

/// The content of an export.
struct Transcript {
    session: Value,
    /// Pages of messages, oldest first.
    pages: Vec<Messages>,
    /// True if older messages are omitted at the limit of [`limits::EXPORT_BYTES`].
    cut: bool,
    /// Number of messages and parts that could not be decoded.
    left_out: usize,
}

impl<S: Servers> Commands<S>
where
    S::Server: Sessions,
{
    /// A session with its messages, oldest first, as one document. A streaming text is included as far as it was received.
    /// While the server is unreachable, the document has the messages that the hub keeps.
    ///
    /// # Errors
    /// The session does not exist, or none of its messages are available.
    pub async fn export(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        format: ExportFormat,
    ) -> Result<Exported, CommandError> {
        let transcript = self.transcript(instance, session).await?;
        let now = self.engine.now();
        // Megabytes of text are not assembled on a thread that serves other requests.
        let exported = tokio::task::spawn_blocking(move || {
            let (text, ending) = match format {
                ExportFormat::Json => (transcript.json(), "json"),
                ExportFormat::Markdown => (transcript.markdown(now), "md"),
            };
            let title = transcript.session["title"].as_str().unwrap_or_default();
            let name = format!("{}.{ending}", file_name(title));
            Exported { text, name }
        });
        exported.await.map_err(|_| CommandError::Ended)
    }

    async fn transcript(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Transcript, CommandError> {
        let mut transcript = Transcript {
            session: self.session(instance, session).await?,
            pages: Vec::new(),
            cut: false,
            left_out: 0,
        };
        let (mut bytes, mut before) = (0, None);
        loop {
            let page = self.messages(
                instance,
                session,
                Some(limits::EXPORT_PAGE),
                before.as_deref(),
            );
            let page = page.await?;
            bytes += page.bytes();
            if bytes > limits::EXPORT_BYTES && !transcript.pages.is_empty() {
                transcript.cut = true;
                break;
            }
            transcript.left_out += page.left_out;
            // An empty page with a cursor would loop.
            before = page.before.clone();
            before = before.filter(|_| !page.messages.is_empty());
            transcript.pages.push(page);
            if before.is_none() {
                break;
            }
        }
        transcript.pages.reverse();
        Ok(transcript)
    }
}

impl Transcript {
    fn json(&self) -> String {
        let pages = self.pages.iter().filter(|page| !page.messages.is_empty());
        let pages = pages.map(|page| {
            let array = page.json();
            array[1..array.len() - 1].to_owned()
        });
        let messages: Vec<String> = pages.collect();
        format!(
            r#"{{"session":{},"messages":[{}],"cut":{},"left_out":{}}}"#,
            self.session,
            messages.join(","),
            self.cut,
            self.left_out
        )
    }

    fn markdown(&self, now: model::time::Timestamp) -> String {
        let mut document = markdown::Document::begin(&self.session, now);
        if self.cut {
            let most = limits::EXPORT_BYTES >> 20;
            document.note(&format!(
                "Older messages are left out: an export has at most {most} MiB of messages."
            ));
        }
        if self.left_out > 0 {
            let count = self.left_out;
            document.note(&format!(
                "{count} messages or parts could not be read and are left out."
            ));
        }
        for (info, parts) in self.pages.iter().flat_map(|page| &page.messages) {
            document.message(info, parts);
        }
        document.end()
    }
}

/// A file name made of a title: letters, digits and dashes alone, which no file system or shell interprets.
fn file_name(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars() {
        match c.is_ascii_alphanumeric() {
            true => name.push(c.to_ascii_lowercase()),
            false if name.ends_with('-') || name.is_empty() => {}
            false => name.push('-'),
        }
        if name.len() >= limits::EXPORT_NAME_CHARS {
            break;
        }
    }
    match name.trim_end_matches('-') {
        "" => "session".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_plain_letters_alone() {
        for (title, name) in [
            ("Fix the login: now!", "fix-the-login-now"),
            ("../../etc/passwd", "etc-passwd"),
            ("修复 \"x\"\r\nSet-Cookie: a", "x-set-cookie-a"),
            ("…", "session"),
        ] {
            assert_eq!(file_name(title), name);
        }
        assert_eq!(file_name(&"a".repeat(999)).len(), limits::EXPORT_NAME_CHARS);
    }
}
