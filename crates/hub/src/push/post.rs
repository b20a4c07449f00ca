//! Requests to push services, ntfy servers and webhooks, and what their answers mean.

use std::time::Duration;

use model::time::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

use super::book::Book;
use super::message::Notice;
use super::recipients::{Device, Target, TargetKind};
use crate::limits;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server took it.
    Sent,
    /// The address is gone for good.
    Gone,
    /// The server refused it.
    Refused(StatusCode),
    /// The server did not answer, or cannot take it now.
    Unreachable,
}

impl Outcome {
    /// In words.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Sent => "sent".to_owned(),
            Self::Gone => "the address is gone, so it was removed".to_owned(),
            Self::Refused(status) => format!("the server refused it ({})", status.as_u16()),
            Self::Unreachable => "the server did not take it".to_owned(),
        }
    }
}

impl Book {
    /// The request that sends a notice to a device. `None` for one that it does not get.
    pub(super) fn to_device(
        &self,
        device: &Device,
        notice: &Notice,
        needs: usize,
        now: Timestamp,
    ) -> Option<RequestBuilder> {
        if matches!(notice, Notice::Closed { .. }) && !device.takes_withdrawals() {
            return None;
        }
        let sealed = device.seal(&notice.for_device(device, needs))?;
        let authorization = self
            .signer()?
            .authorization(&device.endpoint, now, self.contact())?;
        let request = self
            .client()
            .post(device.endpoint.clone())
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header("ttl", limits::PUSH_LIFE.as_secs())
            .header("urgency", notice.urgency())
            .header("topic", notice.topic());
        Some(request.body(sealed))
    }

    /// The request that sends a notice to a target. `None` for one that it does not get.
    pub(super) fn to_target(&self, target: &Target, notice: &Notice) -> Option<RequestBuilder> {
        let client = self.client();
        match target.kind {
            TargetKind::Webhook => {
                let request = client.post(target.url.clone());
                Some(request.json(&notice.for_webhook()))
            }
            TargetKind::Ntfy => {
                let (server, topic) = target.topic()?;
                let Some(message) = notice.for_ntfy(topic) else {
                    let mut url = target.url.clone();
                    let name = notice.topic();
                    url.path_segments_mut().ok()?.push(&name).push("clear");
                    return Some(client.request(Method::PUT, url));
                };
                Some(client.post(server).json(&message))
            }
        }
    }
}

/// Sends a request; again, with growing pauses, if the server does not answer or cannot take it now.
pub(super) async fn deliver(request: RequestBuilder) -> Outcome {
    let mut wait = limits::PUSH_AGAIN;
    for attempt in 1..=limits::PUSH_TRIES {
        let (outcome, asked) = attempt_once(&request).await;
        if outcome != Outcome::Unreachable || attempt == limits::PUSH_TRIES {
            return outcome;
        }
        tokio::time::sleep(asked.unwrap_or(wait).min(limits::PUSH_WAITS)).await;
        wait *= 2;
    }
    Outcome::Unreachable
}

/// Sends a request once. The answer may say after which time the next attempt is wanted.
pub(super) async fn attempt_once(request: &RequestBuilder) -> (Outcome, Option<Duration>) {
    let Some(request) = request.try_clone() else {
        return (Outcome::Unreachable, None);
    };
    let Ok(response) = request.timeout(limits::PUSH_PATIENCE).send().await else {
        return (Outcome::Unreachable, None);
    };
    let outcome = match response.status() {
        status if status.is_success() => Outcome::Sent,
        StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Outcome::Unreachable,
        status if status.is_server_error() => Outcome::Unreachable,
        status => Outcome::Refused(status),
    };
    (outcome, retry_after(&response))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}
