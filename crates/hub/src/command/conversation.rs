//! Reading a conversation from its server, combined with the streamed text received so far.

use std::collections::BTreeMap;

use model::export;
use model::ids::{InstanceId, PartId, SessionId};
use model::state::{MessageInfo, Part, Role};
use model::text::OpenText;

use super::port::{MessagePage, Servers, Sessions};
use super::{CommandError, Commands, gone};

/// A page of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Messages {
    /// The messages with their parts, oldest first. A part whose text is still streaming has the text received so far, and
    /// `incomplete` beside it in its JSON.
    pub messages: Vec<(MessageInfo, Vec<Part>)>,
    /// Cursor of the previous (older) page; `None` on the oldest page.
    pub before: Option<String>,
    /// Number of messages and parts that could not be parsed and are omitted.
    pub left_out: usize,
}

impl Messages {
    /// The messages as a JSON array of `{info, parts}` objects, in OpenCode's format.
    pub fn json(&self) -> String {
        let entries = self.messages.iter().map(|(info, parts)| {
            let parts: Vec<&str> = parts.iter().map(|part| part.raw.get()).collect();
            let (info, parts) = (info.raw.get(), parts.join(","));
            format!(r#"{{"info":{info},"parts":[{parts}]}}"#)
        });
        let entries: Vec<String> = entries.collect();
        format!("[{}]", entries.join(","))
    }

    /// Bytes of JSON of the messages and their parts.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |(info, parts): &(MessageInfo, Vec<Part>)| {
            let parts = parts.iter().map(|part| part.raw.get().len());
            info.raw.get().len() + parts.sum::<usize>()
        };
        self.messages.iter().map(bytes).sum()
    }
}

/// Streaming texts by part.
type Open = BTreeMap<PartId, OpenText>;

impl<S: Servers> Commands<S>
where
    S::Server: Sessions,
{
    /// Messages of a session: the newest `limit`, or those before a cursor; all messages without
    /// either.
    ///
    /// Returns the cached messages where the server cannot be reached.
    ///
    /// # Errors The session does not exist, or none of its messages can be read.
    pub async fn messages(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> Result<Messages, CommandError> {
        let server = match self.at_session(instance, session).await {
            Ok(server) => server,
            Err(error @ (CommandError::NotConnected { .. } | CommandError::OnlyEvents(_)))
                if before.is_none() =>
            {
                return self.kept_messages(instance, session, limit).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let mut streaming = self.open_texts(instance, session);
        let mut again = true;
        loop {
            let read = server.messages(session, limit, before);
            let page = read.await.map_err(gone(instance, session))?;
            let now = self.open_texts(instance, session);
            // A text that ended in the meantime is complete in the next read.
            if !again || streaming.keys().all(|part| now.contains_key(part)) {
                return Ok(described(page, &now));
            }
            (streaming, again) = (now, false);
        }
    }

    fn open_texts(&self, instance: &InstanceId, session: &SessionId) -> Open {
        self.engine.read(|state| {
            let session = state.session(instance, session);
            session.map_or_else(Open::new, |session| session.open.clone())
        })
    }

    fn kept_messages(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        limit: Option<usize>,
    ) -> Option<Messages> {
        self.engine.read(|state| {
            let session = state.session(instance, session)?;
            session.loaded()?;
            let mut messages = export::messages_so_far(session);
            let surplus = messages.len().saturating_sub(limit.unwrap_or(usize::MAX));
            messages.drain(..surplus);
            Some(Messages {
                messages,
                before: None,
                left_out: 0,
            })
        })
    }
}

fn described(page: MessagePage, open: &Open) -> Messages {
    let messages = page.messages.into_iter().map(|(message, parts)| {
        let parts = parts.into_iter().map(|part| part_now(&message, part, open));
        let parts = parts.collect();
        (message, parts)
    });
    Messages {
        messages: messages.collect(),
        before: page.before,
        left_out: page.malformed,
    }
}

/// A part as it is now. For a streaming text of which nothing was received yet, the whole text may be missing.
fn part_now(message: &MessageInfo, part: Part, open: &Open) -> Part {
    let streams = part.kind.is_open_text() && message.role == Role::Assistant;
    if !streams || message.completed.is_some() {
        return part;
    }
    let received = open.get(&part.id);
    let nothing = OpenText::after_gap();
    export::part_so_far(&part, received.unwrap_or(&nothing))
}
