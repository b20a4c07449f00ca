//! The page's made-up states, served as documents: what is drawn, without a hub.

#[allow(dead_code)]
#[path = "../../../../page/src/sample.rs"]
mod sample;

#[path = "../../../../page/src/sample/review.rs"]
mod review;

use std::net::SocketAddr;

use anyhow::Result;
use axum::Router;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::Html;
use axum::routing::get;
use model::state::{Rev, State};
use model::time::Timestamp;
use model::view::{Viewport, delta};
use page::{CSP, Context, Renderer, assets};
use serde::Deserialize;
use testkit::chromium::Page;

use crate::bench::PATIENCE;

/// A picture of one dark point.
const POINT: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// The documents that are served, each with its address.
pub(crate) struct Gallery {
    address: SocketAddr,
    pub(crate) names: Vec<String>,
}

impl Gallery {
    /// Serves every view of the sample, and of crowds of so many instances.
    pub(super) async fn open(crowds: &[usize]) -> Result<Self> {
        let mut documents = looks(&sample::state(), &sample::LOOKS);
        for count in crowds {
            let crowd = looks(&sample::crowd(*count), &sample::CROWD_LOOKS);
            documents.extend(
                crowd
                    .into_iter()
                    .map(|(name, html)| (format!("{name}-{count}"), html)),
            );
        }
        Self::serve(documents).await
    }

    /// Serves every screen: all that a person can do is on one of them.
    pub(crate) async fn screens() -> Result<Self> {
        let acts = sample::acts::acts();
        let mut documents = looks(&sample::state(), &sample::LOOKS);
        documents.extend(looks(&acts, &sample::acts::ACTS_LOOKS));
        documents.extend(looks(&sample::crowd(30), &sample::CROWD_LOOKS));
        documents.extend([
            ("overview".to_owned(), overview(&acts, None)),
            ("peek".to_owned(), overview(&acts, Some("ses_parse"))),
            ("review".to_owned(), reviewed(&sample::state())),
            ("no-instance".to_owned(), overview(&State::default(), None)),
            (
                "door".to_owned(),
                page::locked(page::Ways {
                    password: true,
                    passkey: true,
                }),
            ),
        ]);
        Self::serve(documents).await
    }

    async fn serve(documents: Vec<(String, String)>) -> Result<Self> {
        let mut router = Router::new();
        for asset in assets() {
            let content = ([(CONTENT_TYPE, asset.content_type)], asset.bytes);
            router = router.route(asset.path, get(async move || content));
        }
        let names = documents.iter().map(|(name, _)| name.clone()).collect();
        for (name, html) in documents {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_SECURITY_POLICY, CSP.parse()?);
            router = router.route(
                &format!("/{name}"),
                get(async move || (headers, Html(html))),
            );
        }
        let at = format!("/fragment/review/{}", review::REVIEW.0);
        let lines = async |Query(asked): Query<Fragment>| {
            Html(review::lines(&asked.path.unwrap_or_default(), asked.split))
        };
        let search = async |Query(asked): Query<Fragment>| Html(review::search(asked.q.as_deref()));
        router = router
            .route(&at, get(async || Html(review::list())))
            .route(&format!("{at}/file"), get(lines))
            .route("/fragment/search", get(search));
        router = router.fallback(get(async || ([(CONTENT_TYPE, "image/gif")], POINT)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, names })
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// Opens a document, with all of its styles and with what it fetches. Nothing serves its live feed, and it does not say so.
    pub(crate) async fn show(&self, page: &Page, name: &str) -> Result<()> {
        page.goto(&self.url(name)).await?;
        let styled = "document.body.matches('.door')
            || [...document.querySelectorAll('link[rel=stylesheet]')].filter(link => link.sheet).length === 2";
        page.wait_for(styled, PATIENCE).await?;
        let loaded =
            "!document.querySelector('#review') || document.querySelector('#review [data-loaded]')";
        page.wait_for(loaded, PATIENCE).await?;
        page.eval::<bool>("(document.querySelector('#offline')?.remove(), true)")
            .await?;
        Ok(())
    }
}

/// What a fragment is asked for with.
#[derive(Deserialize)]
struct Fragment {
    path: Option<String>,
    #[serde(default)]
    split: bool,
    q: Option<String>,
}

/// The review of a session.
fn reviewed(state: &State) -> String {
    let looked = Viewport {
        instance: Some(review::REVIEW.0.into()),
        session: Some(review::REVIEW.1.into()),
        review: true,
        ..Viewport::default()
    };
    document(state, &looked)
}

/// Views of a state, each with its name.
fn looks(state: &State, looks: &[(&str, Option<&str>, Option<&str>)]) -> Vec<(String, String)> {
    let one = |(name, instance, session): &(&str, Option<&str>, Option<&str>)| {
        let looked = Viewport {
            instance: instance.map(Into::into),
            session: session.map(Into::into),
            ..Viewport::default()
        };
        ((*name).to_owned(), document(state, &looked))
    };
    looks.iter().map(one).collect()
}

/// The overview, with a session of the first instance beside it.
fn overview(state: &State, peek: Option<&str>) -> String {
    let looked = Viewport {
        instance: peek.map(|_| "i1".into()),
        session: peek.map(Into::into),
        overview: true,
        ..Viewport::default()
    };
    document(state, &looked)
}

fn document(state: &State, looked: &Viewport) -> String {
    let folder = format!("/home/me/{}", "long-".repeat(40));
    let context = Context {
        epoch: "gallery",
        version: "0.1.0",
        now: Timestamp(sample::NOW),
        recent: &[folder.into()],
        notices: &[],
        found: &[],
        settings: &page::Settings::default(),
        inspect: false,
        adds: true,
        lacks: &[],
        drafted: None,
    };
    Renderer::new().document(&delta(state, looked, Rev(0)), &context)
}
