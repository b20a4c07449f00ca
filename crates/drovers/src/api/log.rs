//! The log feed, followed across broken connections: no event twice, and none missed in silence.

use std::collections::VecDeque;
use std::path::PathBuf;

use hub::ingest::backoff::{Backoff, Next, Policy};
use opencode::sse;
use reqwest::header::ACCEPT;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Api;
use crate::fault::Fault;
use crate::out;

/// The cursor of the present.
pub(crate) const NOW: &str = "now";

/// Query of the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogQuery {
    /// Only of this instance.
    pub(crate) instance: Option<String>,
    /// Only of this session.
    pub(crate) session: Option<String>,
    /// After this cursor, or [`NOW`].
    pub(crate) after: Option<String>,
    /// Go on once the end is reached.
    pub(crate) follow: bool,
}

/// One item of the log, or a gap.
#[derive(Debug)]
pub(crate) enum Item {
    Event(Entry),
    /// Link event of the hub.
    Hub(Entry),
    /// Number of events that are not stored.
    Redacted {
        cursor: String,
        instance: String,
        count: u64,
    },
    /// Events before this cursor are lost to us.
    Gap(String),
}

/// One upstream event.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Cursor of the event.
    pub(crate) cursor: String,
    /// The instance it came from.
    pub(crate) instance: String,
    /// The JSON of the event, unchanged.
    pub(crate) event: Box<RawValue>,
}

#[derive(Deserialize)]
struct Data {
    instance: String,
    event: Option<Box<RawValue>>,
    hub: Option<Box<RawValue>>,
    count: Option<u64>,
}

impl Data {
    fn item(self, cursor: &str) -> Option<Item> {
        let (cursor, instance) = (cursor.to_owned(), self.instance);
        let entry = |event| Entry {
            cursor: cursor.clone(),
            instance: instance.clone(),
            event,
        };
        match (self.event, self.hub, self.count) {
            (Some(event), ..) => Some(Item::Event(entry(event))),
            (None, Some(word), _) => Some(Item::Hub(entry(word))),
            (None, None, Some(count)) => Some(Item::Redacted {
                cursor,
                instance,
                count,
            }),
            // A later hub's.
            (None, None, None) => None,
        }
    }
}

/// A reader of the log.
pub(crate) struct Follow {
    api: Api,
    /// To find the hub again after it was restarted.
    data_dir: Option<PathBuf>,
    query: LogQuery,
    backoff: Backoff,
    open: Option<Open>,
}

struct Open {
    response: Response,
    parser: sse::Parser,
    ready: VecDeque<Item>,
}

impl Follow {
    /// Connects. Every event from now on is received.
    pub(crate) async fn open(api: Api, mut query: LogQuery) -> Result<Self, Fault> {
        if query.after.as_deref() == Some(NOW) {
            // Not left to the hub: a connection that breaks before the first event must go on from the same place.
            query.after = Some(api.log_end().await?);
        }
        let mut follow = Self {
            api,
            data_dir: None,
            query,
            backoff: Backoff::new(Policy::default()),
            open: None,
        };
        follow.connect().await?;
        Ok(follow)
    }

    /// Looks in this data directory for a hub that was restarted.
    pub(crate) fn across_restarts(mut self, data_dir: PathBuf) -> Self {
        self.data_dir = Some(data_dir);
        self
    }

    /// The next item; `None` at the end of a log that is not followed.
    ///
    /// # Errors
    /// The hub is gone, or refuses.
    pub(crate) async fn next(&mut self) -> Result<Option<Item>, Fault> {
        loop {
            let Some(open) = &mut self.open else {
                self.again().await?;
                continue;
            };
            if let Some(item) = open.ready.pop_front() {
                self.query.after = Some(match &item {
                    Item::Event(entry) | Item::Hub(entry) => entry.cursor.clone(),
                    Item::Redacted { cursor, .. } => cursor.clone(),
                    Item::Gap(resume) => resume.clone(),
                });
                return Ok(Some(item));
            }
            match open.response.chunk().await {
                Ok(Some(bytes)) => {
                    open.feed(&bytes);
                    self.backoff.reset();
                }
                Ok(None) if !self.query.follow => return Ok(None),
                Ok(None) | Err(_) => self.open = None,
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Fault> {
        let LogQuery {
            instance,
            session,
            after,
            follow,
        } = &self.query;
        let follow = follow.to_string();
        let query: Vec<(&str, &str)> = [
            ("instance", instance.as_deref()),
            ("session", session.as_deref()),
            ("after", after.as_deref()),
            ("follow", Some(follow.as_str())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        let request = self
            .api
            .request(Method::GET, &["log"])
            .query(&query)
            .header(ACCEPT, "text/event-stream");
        let response = self.api.accepted(request).await?;
        self.open = Some(Open {
            response,
            parser: sse::Parser::default(),
            ready: VecDeque::new(),
        });
        Ok(())
    }

    /// Connects once more, after a while, where the hub is now.
    async fn again(&mut self) -> Result<(), Fault> {
        let next = self.backoff.failed(&mut rand::rng());
        let Next::Retry { delay, .. } = next else {
            let resume = self
                .query
                .after
                .as_deref()
                .map(|after| format!(" To resume here: --after {after}"));
            return Err(Fault::no_hub(format!(
                "the hub at {} is gone. Start one with `drovers`.{}",
                self.api.url(),
                resume.unwrap_or_default()
            )));
        };
        out::note(&format!(
            "the connection to the hub was lost; reconnecting in {} s",
            delay.as_secs()
        ));
        tokio::time::sleep(delay).await;
        if let Some(api) = self.data_dir.as_deref().and_then(|dir| Api::of(dir).ok()) {
            self.api = api;
        }
        match self.connect().await {
            Err(Fault::Failed {
                exit: crate::fault::Exit::NoHub,
                ..
            }) => Ok(()),
            connected => connected,
        }
    }
}

impl Open {
    fn feed(&mut self, bytes: &[u8]) {
        let ready = &mut self.ready;
        self.parser.feed(bytes, |frame| {
            if frame.event == "gap" {
                ready.push_back(Item::Gap(frame.id.to_owned()));
            } else if let Ok(data) = serde_json::from_str::<Data>(frame.data) {
                ready.extend(data.item(frame.id));
            }
        });
    }
}
