//! An authenticator for passkeys that the browser pretends to have: it verifies its person by itself, and keeps what it makes.

use anyhow::{Context, Result, anyhow};
use chromiumoxide::cdp::browser_protocol::web_authn::{
    AddCredentialParams, AddVirtualAuthenticatorParams, AuthenticatorId, AuthenticatorProtocol,
    AuthenticatorTransport, EnableParams, GetCredentialsParams, SetUserVerifiedParams,
    VirtualAuthenticatorOptions,
};

use crate::page::Page;

/// The authenticator of one page.
pub struct Authenticator<'a> {
    page: &'a Page,
    id: AuthenticatorId,
}

impl<'a> Authenticator<'a> {
    /// Gives a page an authenticator like that of a laptop or a phone. It has it for as long as it is open.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn of(page: &'a Page) -> Result<Self> {
        page.inner().execute(EnableParams::default()).await?;
        let options = VirtualAuthenticatorOptions::builder()
            .protocol(AuthenticatorProtocol::Ctap2)
            .transport(AuthenticatorTransport::Internal)
            .has_resident_key(true)
            .has_user_verification(true)
            .is_user_verified(true)
            .build()
            .map_err(|error| anyhow!(error))?;
        let added = AddVirtualAuthenticatorParams::new(options);
        let added = page.inner().execute(added).await?;
        Ok(Self {
            page,
            id: added.result.authenticator_id.clone(),
        })
    }

    /// Knows its person from now on, or does not.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn verifies(&self, verifies: bool) -> Result<()> {
        let set = SetUserVerifiedParams::new(self.id.clone(), verifies);
        self.page.inner().execute(set).await?;
        Ok(())
    }

    /// Number of passkeys that it holds.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn holds(&self) -> Result<usize> {
        let asked = GetCredentialsParams::new(self.id.clone());
        let held = self.page.inner().execute(asked).await?;
        Ok(held.result.credentials.len())
    }

    /// Copies its newest passkey with its counter to another authenticator, as no good one lets anybody do.
    ///
    /// # Errors
    /// When it has none, or the browser is gone.
    pub async fn copy_to(&self, other: &Authenticator<'_>) -> Result<()> {
        let asked = GetCredentialsParams::new(self.id.clone());
        let held = self.page.inner().execute(asked).await?;
        let newest = held.result.credentials.last().context("a passkey")?;
        let added = AddCredentialParams::new(other.id.clone(), newest.clone());
        other.page.inner().execute(added).await?;
        Ok(())
    }
}
