//! `drovers link`: the address that lets a browser in.

use clap::Args;

use super::Setting;
use crate::api::Api;
use crate::fault::Fault;
use crate::out;

/// Print an address that lets one browser in, once, within ten minutes
///
/// The browser is known from then on, until it was away for 90 days or is sent away by `drovers token revoke --page`.
#[derive(Debug, Args)]
pub(crate) struct LinkArgs {}

/// Prints a link.
pub(crate) async fn run(_: LinkArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    out::line(&api.link("").await?)
}
