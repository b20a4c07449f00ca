//! Folders that are added, and the question that comes before the first time.

use std::io::IsTerminal;

use model::plain;

use crate::api::{Added, Api, Instance, NewInstance};
use crate::fault::Fault;
use crate::out;

/// What to do where nobody can be asked.
const NEXT: &str = "Look at it, then name it again with `--trust`";

/// Adds an instance; asks the person first if it is a folder that nobody has trusted yet, and a person is there.
///
/// # Errors
/// The hub refuses, or the folder is not trusted.
pub(crate) async fn add(api: &Api, mut new: NewInstance) -> Result<Instance, Fault> {
    let why = match api.add(&new).await? {
        Added::Instance(instance) => return Ok(instance),
        Added::Untrusted(why) => why,
    };
    if !asked(&why).await {
        return Err(Fault::failed(format!("{why}. {NEXT}")));
    }
    if let NewInstance::Folder { trust, .. } = &mut new {
        *trust = true;
    }
    match api.add(&new).await? {
        Added::Instance(instance) => Ok(instance),
        Added::Untrusted(why) => Err(Fault::failed(format!("{why}. {NEXT}"))),
    }
}

/// Asks the person at the terminal. False if there is none, or anything but yes is said.
async fn asked(why: &str) -> bool {
    let there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !there {
        return false;
    }
    out::note(&format!(
        "{}. Trust it, now and later? [y/N]",
        plain::block(why)
    ));
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let answer = answer.await.ok().and_then(Result::ok);
    answer.is_some_and(|answer| matches!(answer.trim(), "y" | "Y" | "yes"))
}
