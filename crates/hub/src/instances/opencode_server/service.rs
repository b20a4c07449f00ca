//! The address of the background service of OpenCode 2, as of its registration.

use std::sync::atomic::Ordering;

use model::state::ReasonKind;
use opencode::Credentials;

use super::{Server, ServerSource};
use crate::ingest::upstream::UpstreamError;
use crate::workspace::{ServiceError, ServiceFile, USERNAME};

impl ServerSource {
    /// Reads the address and the password of the service. Starts it first where it does not run, once for each request of a person.
    pub(super) async fn service_address(
        &self,
        file: &ServiceFile,
    ) -> Result<Server, UpstreamError> {
        let mut found = read(file).await;
        if found.as_ref().is_err_and(ServiceError::is_ended)
            && self.may_start.swap(false, Ordering::Relaxed)
        {
            match self.launcher.start_service().await {
                Ok(()) => found = read(file).await,
                // Without OpenCode 2 on this machine the first reason is the one that helps.
                Err(ServiceError::Binary(_) | ServiceError::OtherVersion { .. }) => {}
                Err(error) => found = Err(error),
            }
        }
        found.map_err(|error| UpstreamError::down(ReasonKind::NotStarted, error.to_string()))
    }
}

async fn read(file: &ServiceFile) -> Result<Server, ServiceError> {
    let (shared, path) = (file.clone(), file.path().to_owned());
    let read = tokio::task::spawn_blocking(move || shared.read()).await;
    let found = read.unwrap_or_else(|error| {
        let error = std::io::Error::other(error);
        Err(ServiceError::Disk { path, error })
    })?;
    let credentials = found.password.map(|password| Credentials {
        username: USERNAME.to_owned(),
        password,
    });
    Ok((found.url, credentials))
}
