//! The service worker of a page: what is pushed to it, and what a person does with its notifications.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chromiumoxide::cdp::browser_protocol::browser::{
    PermissionDescriptor, PermissionSetting, SetPermissionParams,
};
use chromiumoxide::cdp::browser_protocol::service_worker::{
    DeliverPushMessageParams, DisableParams, EnableParams, EventWorkerRegistrationUpdated,
};
use chromiumoxide::cdp::browser_protocol::target::{AttachToTargetParams, GetTargetsParams};
use chromiumoxide::types::{Command, Method, MethodId};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::chromium::{Chromium, Page};

/// How long the browser may take to name what it has registered.
const NAMED: Duration = Duration::from_secs(30);

/// A command to a target that is attached to by messages: the client of the protocol knows no workers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SendMessageToTarget {
    message: String,
    session_id: String,
}

impl Method for SendMessageToTarget {
    fn identifier(&self) -> MethodId {
        "Target.sendMessageToTarget".into()
    }
}

impl Command for SendMessageToTarget {
    type Response = Value;
}

impl Page {
    /// Pushes a message to the worker of this page, as a push service does.
    ///
    /// # Errors
    /// When the page has no worker.
    pub async fn push(&self, message: &Value) -> Result<()> {
        let page = self.inner();
        let mut registered = page
            .event_listener::<EventWorkerRegistrationUpdated>()
            .await?;
        // The browser names all that is registered once it begins to.
        page.execute(DisableParams::default()).await?;
        page.execute(EnableParams::default()).await?;
        let origin: String = self.eval("location.origin").await?;
        let named = async {
            while let Some(event) = registered.next().await {
                let mut all = event.registrations.iter();
                if let Some(one) = all.find(|one| one.scope_url.starts_with(&origin)) {
                    return Some(one.registration_id.clone());
                }
            }
            None
        };
        let id = timeout(NAMED, named).await?.context("a registration")?;
        let deliver = DeliverPushMessageParams::new(origin, id, message.to_string());
        page.execute(deliver).await?;
        Ok(())
    }
}

impl Chromium {
    /// Allows notifications on every page.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn allow_notifications(&self) -> Result<()> {
        let permission = PermissionDescriptor::new("notifications");
        let set = SetPermissionParams::new(permission, PermissionSetting::Granted);
        self.inner().execute(set).await?;
        Ok(())
    }

    /// Runs a script in the service worker at an address; what it gives is lost.
    ///
    /// # Errors
    /// When there is no such worker.
    pub async fn run_in_worker(&self, url: &str, script: &str) -> Result<()> {
        let browser = self.inner();
        let targets = browser.execute(GetTargetsParams::default()).await?;
        let mut targets = targets.result.target_infos.into_iter();
        let worker = targets.find(|one| one.r#type == "service_worker" && one.url == url);
        let worker = worker.ok_or_else(|| anyhow!("no worker at {url}"))?;
        let attach = AttachToTargetParams::new(worker.target_id);
        let session = browser.execute(attach).await?.result.session_id;
        let evaluate = json!({
            "id": 1,
            "method": "Runtime.evaluate",
            "params": { "expression": script, "awaitPromise": true },
        });
        let message = SendMessageToTarget {
            message: evaluate.to_string(),
            session_id: session.into(),
        };
        browser.execute(message).await?;
        Ok(())
    }
}
