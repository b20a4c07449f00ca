//! What is played: one session for each thing there is to see.

use futures_util::future::try_join_all;

use crate::api::{Api, NewSession, Prompt};
use crate::fault::Fault;
use crate::turn;

/// A session: its title, and what is said to it. The first line is for people, the second is the script.
struct Act {
    title: &'static str,
    prompt: &'static str,
}

/// The last is the newest, and stands on top.
const ACTS: [Act; 5] = [
    Act {
        title: "Translate the manual",
        prompt: "Translate the whole manual into Latin.\n\
                 error 401 msg=The_key_of_this_model_has_expired",
    },
    Act {
        title: "Choose a database for the tests",
        prompt: "Set up the tests for the ledger.\n\
                 reason 20 ;; say One thing I cannot know: which database runs in production? ;; \
                 question Which database shall the tests use? ;; say Then the tests use that one.",
    },
    Act {
        title: "Publish release 0.2.0",
        prompt: "Publish the release, please.\n\
                 say All checks are green, and the notes are written. ;; \
                 permission echo publish ledger 0.2.0 ;; say Published.",
    },
    Act {
        title: "Review the change to the ledger",
        prompt: "Review the change, and let another agent try to break it.\n\
                 reason 25 ;; say I hand the attack to a helper. ;; \
                 task { reason 30 ;; todo Read the change, Break it, Report ;; bash echo 37 of 37 attacks failed ;; \
                 markdown } ;; say The helper found nothing, and neither did I.",
    },
    Act {
        title: "Fix lost updates in settle()",
        prompt: "Two workers lose updates in settle(). Find out why, and fix it.\n\
                 reason 60 ;; say I read the ledger first. ;; todo Read the ledger, Find the race, Fix it, Prove it ;; \
                 bash cat ledger.rs ;; reason 40 ;; say There it is: two reads before one write. ;; \
                 bash echo running 12 tests && echo all passed ;; markdown",
    },
];

/// Begins every session, side by side: a server that is just starting takes its time for each.
pub(super) async fn play(api: &Api, instance: &str) -> Result<(), Fault> {
    try_join_all(ACTS.iter().map(|act| begin(api, instance, act)))
        .await
        .map(drop)
}

async fn begin(api: &Api, instance: &str, act: &Act) -> Result<(), Fault> {
    let title = act.title.to_owned();
    let session = api.create(instance, &NewSession { title }).await?;
    turn::send(api, instance, &session.id, &Prompt::text(act.prompt))
        .await
        .map(drop)
}
