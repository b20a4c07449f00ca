//! Folders that are added, and the question that comes before the first time.

use crate::api::{Added, Api, Instance, NewInstance};
use crate::fault::Fault;
use crate::yes;

/// Next step if there is no terminal to ask at.
const NEXT: &str = "Look at it, then name it again with `--trust`";

/// Adds an instance; asks the person first if it is a folder that nobody has trusted yet, and a person is there.
///
/// # Errors
/// The hub refuses, or the folder is not trusted.
pub(crate) async fn add(api: &Api, mut new: NewInstance) -> Result<Instance, Fault> {
    let why = match api.add(&new).await? {
        Added::Instance(instance) => return Ok(*instance),
        Added::Untrusted(why) => why,
    };
    let question = format!("{why}. Trust this folder from now on?");
    if !yes::ask(&question).await? {
        return Err(Fault::failed(format!("{why}. {NEXT}")));
    }
    if let NewInstance::Folder { trust, .. } = &mut new {
        *trust = true;
    }
    match api.add(&new).await? {
        Added::Instance(instance) => Ok(*instance),
        Added::Untrusted(why) => Err(Fault::failed(format!("{why}. {NEXT}"))),
    }
}
