//! The page's client against the vectors of the live feed, from a hub that plays nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use model::state::Rev;
use model::time::Timestamp;
use model::view::{Viewport, delta};
use page::{Context, Renderer};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::chromium::Chromium;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::bench::PATIENCE;

#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    /// What the page has.
    page: String,
    /// What it is told.
    frame: Value,
    /// What it is given when it asks for an element.
    fetched: Option<String>,
    /// What it has then.
    shows: String,
}

type Played = Arc<watch::Sender<Vector>>;

async fn document(State(played): State<Played>) -> Html<String> {
    let (state, renderer) = (model::State::default(), Renderer::new());
    let context = Context {
        epoch: "e",
        version: "0",
        now: Timestamp(0),
        recent: &[],
        notices: &[],
        found: &[],
        settings: &page::Settings::default(),
        inspect: false,
        adds: true,
        lacks: &[],
        drafted: None,
    };
    let html = renderer.document(&delta(&state, &Viewport::default(), Rev(0)), &context);
    let vector = format!("<div id=\"vector\">{}</div></body>", played.borrow().page);
    Html(html.replace("</body>", &vector))
}

async fn fragment(State(played): State<Played>) -> Response {
    let fetched = played.borrow().fetched.clone();
    fetched.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |html| Html(html).into_response(),
    )
}

async fn asset(Path(_): Path<String>, uri: axum::http::Uri) -> Response {
    let asset = page::assets().iter().find(|asset| asset.path == uri.path());
    asset.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |asset| ([(CONTENT_TYPE, asset.content_type)], asset.bytes).into_response(),
    )
}

async fn live(State(played): State<Played>, upgrade: WebSocketUpgrade) -> Response {
    let frame = played.borrow().frame.clone();
    upgrade.on_upgrade(|socket| play(socket, frame))
}

/// Greets, and answers the first look with the frame.
async fn play(mut socket: WebSocket, frame: Value) {
    let hello = json!({"t": "hello", "epoch": "e", "rev": 0, "version": page::wire::VERSION});
    let mut said = Some(frame);
    let mut going = socket.send(Message::text(hello.to_string())).await.is_ok();
    while going && let Some(Ok(_)) = socket.recv().await {
        if let Some(frame) = said.take() {
            going = socket.send(Message::text(frame.to_string())).await.is_ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_does_with_every_vector_what_it_says() -> Result<()> {
    let mut all: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("../../../page/vectors/live.json"))?;
    let vectors: Vec<Vector> = serde_json::from_value(all.remove("batches").unwrap_or_default())?;
    assert!(vectors.len() >= 10);
    let played = Arc::new(watch::Sender::new(vectors[0].clone()));
    let router = Router::new()
        .route("/", get(document))
        .route("/fragment/", get(fragment))
        .route("/api/live", get(live))
        .route("/{*asset}", get(asset))
        .with_state(Arc::clone(&played));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    for vector in vectors {
        played.send_replace(vector.clone());
        page.goto(&url).await?;
        let rev = &vector.frame[1];
        page.wait_for(
            &format!("document.documentElement.dataset.rev === '{rev}'"),
            PATIENCE,
        )
        .await?;
        let shown: String = page
            .eval("document.getElementById('vector').innerHTML")
            .await?;
        assert_eq!(shown, vector.shows, "{}", vector.name);
    }
    // Before the server ends: the browser may still fetch the page's icon.
    let clean = page.assert_clean().await;
    serving.abort();
    clean
}
