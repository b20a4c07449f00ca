//! `GET /api/live`: the live feed over a WebSocket, one per page.

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, State};
use axum::response::Response;

use super::app::App;
use super::ending::{End, Ending};
use super::problem::Problem;
use super::shield::Revocation;
use crate::feed::live::ViewerLink;
use crate::limits;

/// The live feed: a WebSocket of text frames, for the page.
#[utoipa::path(
    get, path = "/api/live", tag = "feeds",
    responses((status = 101, description = "A WebSocket"), (status = 503, body = Problem))
)]
pub(super) async fn connect(
    State(app): State<App>,
    Extension(ended): Extension<Revocation>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let place = app.place()?;
    let live = app.hub().live().clone();
    let ending = Ending::of(&app, ended);
    let upgrade = upgrade
        .read_buffer_size(limits::VIEWER_READ_BUFFER)
        .max_message_size(limits::VIEWER_MESSAGE_BYTES)
        .max_frame_size(limits::VIEWER_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(async move |socket| {
        live.serve(Socket { socket, ending }).await;
        drop(place);
    }))
}

struct Socket {
    socket: WebSocket,
    ending: Ending,
}

impl ViewerLink for Socket {
    async fn send(&mut self, text: String) -> bool {
        self.socket.send(Message::Text(text.into())).await.is_ok()
    }

    async fn receive(&mut self) -> Option<String> {
        loop {
            let message = tokio::select! {
                message = self.socket.recv() => message,
                end = self.ending.comes() => {
                    self.farewell(end).await;
                    return None;
                }
            };
            match message?.ok()? {
                Message::Text(text) => return Some(text.as_str().to_owned()),
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Binary(_) | Message::Close(_) => return None,
            }
        }
    }
}

impl Socket {
    /// Sends a close frame: reconnect later, or access revoked.
    async fn farewell(&mut self, end: End) {
        let (code, reason) = match end {
            End::Hub => (close_code::RESTART, "the hub ends"),
            End::Caller => (close_code::POLICY, "this page may not come in any more"),
        };
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        // The peer may be gone already.
        let _sent = self.socket.send(Message::Close(Some(frame))).await;
    }
}
