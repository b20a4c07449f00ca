//! Viewers of our live feed: what a page does, without the page.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};
use url::Url;

use super::tally::{Places, Tally};
use super::wire::Counted;
use crate::load::{Token, each};

/// What a viewer looks at.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) instance: String,
    pub(crate) session: String,
}

impl Look {
    /// Its page.
    pub(crate) fn path(&self) -> String {
        format!("/i/{}/s/{}", self.instance, self.session)
    }
}

/// A hub as browsers see it.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) url: Url,
    pub(crate) http: reqwest::Client,
}

/// How a viewer behaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Bytes that the kernel may hold for it.
    pub(crate) buffer: Option<u32>,
}

#[derive(Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
enum Say<'a> {
    Look {
        n: u64,
        epoch: &'a str,
        rev: u64,
        instance: &'a str,
        session: &'a str,
        from: Option<&'a str>,
        hidden: bool,
    },
    Ack {
        rev: u64,
    },
}

/// A frame from the hub.
enum Frame<'a> {
    Batch { rev: u64, ops: Vec<&'a RawValue> },
    Other(Other),
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(tag = "t", rename_all = "snake_case")]
enum Other {
    Hello,
    Beat,
    Reset,
}

impl<'a> Frame<'a> {
    fn of(text: &'a str) -> Result<Self> {
        if !text.starts_with('[') {
            return Ok(Self::Other(serde_json::from_str(text)?));
        }
        let mut items: Vec<&RawValue> = serde_json::from_str(text)?;
        ensure!(items.len() >= 2, "a batch has a look and a revision");
        let ops = items.split_off(2);
        let rev = serde_json::from_str(items[1].get())?;
        Ok(Self::Batch { rev, ops })
    }
}

/// An open link, before anything is looked at.
pub(crate) struct Live {
    socket: WebSocketStream<Counted>,
    site: Site,
    looks: u64,
    tally: Arc<Tally>,
}

impl Live {
    /// Connects to a hub.
    pub(crate) async fn connect(site: &Site, tally: Arc<Tally>, manner: Manner) -> Result<Self> {
        let socket = Counted::connect(&site.url, tally.bytes.clone(), manner.buffer).await?;
        let mut url = site.url.join("/api/live")?;
        if url.set_scheme("ws").is_err() {
            bail!("{url} is no address of a hub");
        }
        let (mut socket, _) = client_async(url.as_str().into_client_request()?, socket).await?;
        let hello = socket.next().await.context("no greeting")??;
        let hello = serde_json::from_str::<Other>(hello.to_text()?)?;
        ensure!(hello == Other::Hello, "the first frame is no greeting");
        Ok(Self {
            socket,
            site: site.clone(),
            looks: 0,
            tally,
        })
    }

    /// Fetches the page of something, and looks at it from then on.
    pub(crate) async fn look(&mut self, look: &Look) -> Result<()> {
        self.looks += 1;
        let request = self.site.http.get(self.site.url.join(&look.path())?);
        let page = request.send().await?.text().await?;
        let size = page.len() as u64;
        self.tally.bytes.down.fetch_add(size, Ordering::Relaxed);
        let say = Say::Look {
            n: self.looks,
            epoch: attribute(&page, "data-epoch")?,
            rev: attribute(&page, "data-rev")?.parse()?,
            instance: &look.instance,
            session: &look.session,
            from: None,
            hidden: false,
        };
        let text = serde_json::to_string(&say)?;
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// Applies what comes until the link ends, as a page does.
    pub(crate) async fn watch(mut self, look: Look) -> Result<()> {
        self.look(&look).await?;
        self.tally.looking.fetch_add(1, Ordering::Relaxed);
        let mut places = Places::default();
        let fetcher = Fetcher::start(self.site.clone(), self.tally.clone());
        let mut words: Vec<Token> = Vec::new();
        while let Some(message) = self.socket.next().await {
            let Message::Text(text) = message? else {
                continue;
            };
            self.tally.frames.fetch_add(1, Ordering::Relaxed);
            match Frame::of(text.as_str())? {
                Frame::Batch { rev, ops } => {
                    for op in ops {
                        fetcher.fetch_if_announced(op)?;
                    }
                    each(text.as_bytes(), |token| {
                        if places.is_new(token) {
                            words.push(token);
                        }
                    });
                    self.tally.note(&words, 0);
                    words.clear();
                    let text = serde_json::to_string(&Say::Ack { rev })?;
                    self.socket.send(Message::text(text)).await?;
                }
                Frame::Other(Other::Reset) => self.look(&look).await?,
                Frame::Other(Other::Hello | Other::Beat) => {}
            }
        }
        Ok(())
    }

    /// Waits until a frame holds a text.
    pub(crate) async fn wait_for(&mut self, wanted: &str) -> Result<()> {
        while let Some(message) = self.socket.next().await {
            let Message::Text(text) = message? else {
                continue;
            };
            if let Frame::Batch { rev, .. } = Frame::of(text.as_str())? {
                let ack = serde_json::to_string(&Say::Ack { rev })?;
                self.socket.send(Message::text(ack)).await?;
            }
            if text.as_str().contains(wanted) {
                return Ok(());
            }
        }
        bail!("the link ended before {wanted} came")
    }
}

/// The value of an attribute of the page's first element.
fn attribute<'a>(page: &'a str, name: &str) -> Result<&'a str> {
    let value = page.split_once(&format!("{name}=\"")).map(|(_, rest)| rest);
    let value = value.and_then(|rest| rest.split('"').next());
    value.with_context(|| format!("the page has no {name}"))
}

/// Fetches elements that are too large for the socket, one after the other, and counts their bytes.
struct Fetcher {
    site: Site,
    urls: mpsc::UnboundedSender<Url>,
}

impl Fetcher {
    fn start(site: Site, tally: Arc<Tally>) -> Self {
        let (urls, mut inbox) = mpsc::unbounded_channel::<Url>();
        let client = site.http.clone();
        tokio::spawn(async move {
            while let Some(url) = inbox.recv().await {
                let answer = client.get(url).header("accept-encoding", "br").send().await;
                // An element that is gone by now is no loss to anyone.
                if let Ok(answer) = answer
                    && let Ok(body) = answer.bytes().await
                {
                    let size = body.len() as u64;
                    tally.bytes.down.fetch_add(size, Ordering::Relaxed);
                }
            }
        });
        Self { site, urls }
    }

    fn fetch_if_announced(&self, op: &RawValue) -> Result<()> {
        if op.get().starts_with("[\"g\"") {
            let (_, _, url): (&str, String, String) = serde_json::from_str(op.get())?;
            // It ends with this.
            let _going = self.urls.send(self.site.url.join(&url)?);
        }
        Ok(())
    }
}
