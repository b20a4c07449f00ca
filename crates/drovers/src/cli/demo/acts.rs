//! Sessions of the demo: three folders, nine agents, and what each is asked when.

use std::time::Duration;

use futures_util::future::try_join_all;
use hub::command::{CONTINUE, RETRY};
use tokio::time::sleep;

use crate::api::{Api, NewSession, Prompt};
use crate::fault::Fault;
use crate::turn;

/// Folders of the demo, each an instance.
pub(super) const FOLDERS: [&str; 3] = ["ledger", "shop", "docs"];

/// A session: its folder, its title, its prompt, and how many seconds after the start it begins.
struct Act {
    folder: usize,
    title: &'static str,
    prompt: &'static str,
    after: u64,
}

const RACE: &str = "Two workers lose updates in settle(). Find out why, and fix it.";
const RELEASE: &str = "Publish release 0.2.0. Let a helper check the notes and push the tag.";
const PUSH: &str = "Check the release notes, then push the tag.";
const CHECKOUT: &str = "The checkout is slow on phones. Measure it, then make it fast.";
const DATABASE: &str = "Set up integration tests for the orders.";
const REVIEW: &str = "Review the change to the cart, and let another agent try to break it.";
const BREAK: &str = "Try to break the change to the cart.";
const PAGES: &str = "Every page needs a summary for search. Write the missing ones.";
const TOUR: &str = "Write a five-minute tour of the ledger for new colleagues.";
const LATIN: &str = "Translate the manual into Latin.";
const LINKS: &str = "Find links that lead nowhere, and fix them.";

/// What each prompt makes the scripted model do: people read the prompt alone.
pub(super) const BOOK: [(&str, &str); 13] = [
    (
        RACE,
        "reason 60 prose=1 ;; say I read the ledger first. ;; todo >Read the ledger, Find the race, Fix it, Prove it ;; read ledger.rs ;; \
         reason 80 prose=2 ;; say There it is: two reads before one write. ;; todo +Read the ledger, +Find the race, >Fix it, Prove it ;; \
         reason 60 prose=3 ;; bash ./check 4 ;; todo +Read the ledger, +Find the race, +Fix it, >Prove it ;; bash ./check 12 ;; \
         todo +Read the ledger, +Find the race, +Fix it, +Prove it ;; markdown",
    ),
    (
        RELEASE,
        "reason 40 prose=4 ;; say All checks are green. A helper pushes the tag. ;; task { Check the release notes, then push the tag. } ;; \
         say Release 0.2.0 is out.",
    ),
    (
        PUSH,
        "reason 60 prose=5 ;; bash ./check 3 ;; say The notes are complete. ;; \
         tool bash {\"command\": \"git push origin v0.2.0\", \"description\": \"Publish the tag of the release\"} ;; say The tag is pushed.",
    ),
    (
        CHECKOUT,
        "reason 90 prose=0 ;; todo >Measure, Find what is slow, Fix it ;; bash ./check 18 ;; echo 90 prose=1 ;; \
         todo +Measure, >Find what is slow, Fix it ;; reason 120 prose=2 ;; bash ./check 16 ;; echo 120 prose=3 ;; \
         todo +Measure, +Find what is slow, >Fix it ;; bash ./check 20 ;; reason 200 prose=4 ;; markdown",
    ),
    (
        DATABASE,
        "reason 40 prose=5 ;; say One thing I cannot know. ;; \
         tool question {\"questions\": [{\"question\": \"Which database runs in production?\", \"header\": \"Database\", \"options\": \
         [{\"label\": \"PostgreSQL\", \"description\": \"as in the compose file\"}, {\"label\": \"SQLite\", \"description\": \"as in the tests\"}]}]} ;; \
         reason 60 prose=0 ;; bash ./check 10 ;; say The tests run against it.",
    ),
    (
        REVIEW,
        "reason 50 prose=1 ;; say I hand the attack to a helper. ;; task { Try to break the change to the cart. } ;; \
         say The helper found nothing, and neither did I.",
    ),
    (
        BREAK,
        "reason 120 prose=2 ;; todo >Read the change, Break it, Report ;; bash ./check 15 ;; todo +Read the change, +Break it, >Report ;; markdown",
    ),
    (
        PAGES,
        "reason 200 prose=3 ;; echo 400 prose=4 ;; bash ./check 19 ;; echo 600 prose=5 ;; bash ./check 32 ;; echo 900 prose=0 ;; bash ./check 25 ;; say All pages have a summary.",
    ),
    (TOUR, "reason 40 prose=1 ;; markdown"),
    (LATIN, "error 401 msg=The_key_of_this_model_has_expired"),
    (
        LINKS,
        "reason 60 prose=2 ;; bash ./check 21 ;; echo 300 prose=3 ;; bash ./check 35 ;; reason 600 prose=4 ;; bash ./check 40 ;; say No link leads nowhere any more.",
    ),
    (
        CONTINUE,
        "reason 60 prose=4 ;; say I was interrupted, so I first check what was half done. ;; bash ./check 8 ;; reason 90 prose=2 ;; \
         bash ./check 14 ;; echo 80 prose=5 ;; say All of it is in place, nothing was done twice, and the tests pass.",
    ),
    (
        RETRY,
        "reason 60 prose=0 ;; say The key works now. I go on with the translation. ;; bash ./check 6 ;; echo 60 prose=5 ;; \
         say The manual is translated.",
    ),
];

const ACTS: [Act; 9] = [
    act(0, "Fix lost updates in settle()", RACE, 0),
    act(0, "Publish release 0.2.0", RELEASE, 4),
    act(2, "Translate the manual", LATIN, 1),
    act(1, "Make the checkout fast", CHECKOUT, 0),
    act(1, "Integration tests for orders", DATABASE, 3),
    act(1, "Review the change to the cart", REVIEW, 2),
    act(2, "Summaries for search", PAGES, 1),
    act(2, "Tour of the ledger", TOUR, 25),
    act(2, "Repair broken links", LINKS, 6),
];

const fn act(folder: usize, title: &'static str, prompt: &'static str, after: u64) -> Act {
    Act {
        folder,
        title,
        prompt,
        after,
    }
}

/// Where the sessions of a folder are made.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its instance.
    pub(super) instance: String,
    /// The folder, for an instance that serves several.
    pub(super) directory: Option<String>,
}

/// Begins every session at its time. `places` are those of [`FOLDERS`].
pub(super) async fn play(api: &Api, places: &[Place]) -> Result<(), Fault> {
    let first = ACTS.iter().filter(|act| act.after == 0);
    try_join_all(first.map(|act| begin(api, places, act))).await?;
    let (api, places) = (api.clone(), places.to_vec());
    tokio::spawn(async move {
        let later = ACTS.iter().filter(|act| act.after > 0);
        let all = later.map(|act| begin(&api, &places, act));
        if let Err(fault) = try_join_all(all).await {
            crate::out::note(&fault.to_string());
        }
    });
    Ok(())
}

async fn begin(api: &Api, places: &[Place], act: &Act) -> Result<(), Fault> {
    sleep(Duration::from_secs(act.after)).await;
    let Some(Place {
        instance,
        directory,
    }) = places.get(act.folder)
    else {
        return Ok(());
    };
    let new = NewSession {
        title: Some(act.title.to_owned()),
        directory: directory.clone(),
    };
    let session = api.create(instance, &new).await?;
    turn::send(api, instance, &session.id, &Prompt::text(act.prompt))
        .await
        .map(drop)
}
