//! The page's made-up states, served as documents: what is drawn, without a hub.

#[allow(dead_code)]
#[path = "../../../../page/src/sample.rs"]
mod sample;

use std::net::SocketAddr;

use anyhow::Result;
use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::Html;
use axum::routing::get;
use model::state::{Rev, State};
use model::time::Timestamp;
use model::view::{Look, look};
use page::{CSP, Context, Renderer, assets};

/// A picture of one dark point.
const POINT: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// The documents that are served, each with its address.
pub(super) struct Gallery {
    address: SocketAddr,
    pub(super) names: Vec<String>,
}

impl Gallery {
    /// Serves every view of the sample, and of crowds of so many instances.
    pub(super) async fn open(crowds: &[usize]) -> Result<Self> {
        let mut documents: Vec<(String, String)> = Vec::new();
        let state = sample::state();
        for (name, instance, session) in sample::LOOKS {
            documents.push((name.to_owned(), document(&state, instance, session)));
        }
        for count in crowds {
            let state = sample::crowd(*count);
            for (name, instance, session) in sample::CROWD_LOOKS {
                let name = format!("{name}-{count}");
                documents.push((name, document(&state, instance, session)));
            }
        }
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
        router = router.fallback(get(async || ([(CONTENT_TYPE, "image/gif")], POINT)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, names })
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }
}

fn document(state: &State, instance: Option<&str>, session: Option<&str>) -> String {
    let looked = Look {
        instance: instance.map(Into::into),
        session: session.map(Into::into),
        from: None,
    };
    let folder = format!("/home/me/{}", "long-".repeat(40));
    let context = Context {
        epoch: "gallery",
        version: "0.1.0",
        now: Timestamp(sample::NOW),
        recent: &[folder.into()],
        notices: &[],
        found: &[],
    };
    Renderer::new().document(&look(state, &looked, Rev(0)), &context)
}
