//! Reading a conversation: from the server that keeps it, with the text that streams as far as it was received.

use std::collections::BTreeMap;

use model::export;
use model::ids::{InstanceId, PartId, SessionId};
use model::text::OpenText;
use opencode::client::MessagePage;
use opencode::wire::{MessageInfo, PartInfo, PartKind, Role};

use super::port::{Servers, Sessions};
use super::{CommandError, Commands, gone};

/// A page of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Messages {
    /// `{info, parts}` each, oldest first, as one JSON array. A part whose text has not ended has `incomplete` beside what was
    /// received of it.
    pub json: String,
    /// Where the page before it ends, if there is one.
    pub before: Option<String>,
    /// How many messages and parts could not be read, and are left out.
    pub left_out: usize,
}

/// Texts that stream, by their parts.
type Open = BTreeMap<PartId, OpenText>;

impl<S: Servers> Commands<S>
where
    S::Server: Sessions,
{
    /// Messages of a session: the newest `limit`, or those before a cursor; all of them without either.
    ///
    /// Where its server cannot be asked, it is what we have of them.
    ///
    /// # Errors
    /// The session is not there, or nothing of it can be had.
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
            // A text that ended meanwhile is whole in what is read next.
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
            let kept = export::messages_so_far(session);
            let newest = kept.len().saturating_sub(limit.unwrap_or(usize::MAX));
            Some(Messages {
                json: serde_json::to_string(&kept[newest..]).ok()?,
                before: None,
                left_out: 0,
            })
        })
    }
}

fn described(page: MessagePage, open: &Open) -> Messages {
    let entries = page.messages.iter().map(|message| {
        let parts = message.parts.iter();
        let parts: Vec<String> = parts
            .map(|part| part_now(&message.info, part, open))
            .collect();
        let (info, parts) = (message.info.raw.get(), parts.join(","));
        format!(r#"{{"info":{info},"parts":[{parts}]}}"#)
    });
    let entries: Vec<String> = entries.collect();
    Messages {
        json: format!("[{}]", entries.join(",")),
        before: page.next,
        left_out: page.malformed,
    }
}

/// A part as it is now. Of a text that streams and of which nothing was received, all may be missing.
fn part_now(message: &MessageInfo, part: &PartInfo, open: &Open) -> String {
    let raw = part.raw.get();
    let (PartKind::Text { start, end, .. } | PartKind::Reasoning { start, end, .. }) = &part.kind
    else {
        return raw.to_owned();
    };
    let streams = start.is_some() && end.is_none() && message.role == Role::Assistant;
    if !streams || message.completed.is_some() {
        return raw.to_owned();
    }
    let received = open.get(part.id.as_str());
    let unheard = OpenText::after_gap();
    export::part_so_far(raw, received.unwrap_or(&unheard))
        .get()
        .to_owned()
}
