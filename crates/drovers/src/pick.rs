//! Resolves an id, a prefix of one, or a name to one thing. Pure.

use crate::fault::Fault;
use crate::{limits, out};

/// Something that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate<T> {
    /// Id of the thing.
    pub(crate) id: String,
    /// Name or title of the thing.
    pub(crate) name: String,
    /// The thing.
    pub(crate) thing: T,
}

/// The rule by which a name matches.
#[derive(Clone, Copy)]
enum Rule {
    Id,
    Name,
    IdBegins,
    NameBegins,
}

/// Finds the one that is meant: by its whole id, else its whole name, else the beginning of either.
///
/// # Errors
/// None is meant, or more than one: then they are listed. `kind` is what is looked for, `next` how to see them all.
pub(crate) fn pick<'a, T>(
    meant: &str,
    all: &'a [Candidate<T>],
    kind: &str,
    next: &str,
) -> Result<&'a Candidate<T>, Fault> {
    if meant.is_empty() {
        return Err(Fault::usage(format!(
            "the name of the {kind} is empty. {next}"
        )));
    }
    let lower = meant.to_lowercase();
    for rule in [Rule::Id, Rule::Name, Rule::IdBegins, Rule::NameBegins] {
        let fits = |named: &&Candidate<T>| match rule {
            Rule::Id => named.id == meant,
            Rule::Name => named.name.to_lowercase() == lower,
            Rule::IdBegins => named.id.starts_with(meant),
            Rule::NameBegins => named.name.to_lowercase().starts_with(&lower),
        };
        let found: Vec<_> = all.iter().filter(fits).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one),
            many => return Err(ambiguous(meant, many, kind)),
        }
    }
    Err(Fault::failed(format!(
        "there is no {kind} `{}`. {next}",
        out::one_line(meant)
    )))
}

/// Finds the one that is meant, or the only one that waits if none is named. `how` is the sentence on how to name one.
///
/// # Errors
/// None waits, none is meant, or there is more than one: then they are listed.
pub(crate) fn pick_or_only<'a, T>(
    meant: Option<&str>,
    all: &'a [Candidate<T>],
    kind: &str,
    how: &str,
) -> Result<&'a Candidate<T>, Fault> {
    match (meant, all) {
        (Some(meant), all) => pick(meant, all, kind, "`drovers ls` shows what is waiting"),
        (None, []) => Err(Fault::failed(format!("no {kind} is waiting"))),
        (None, [one]) => Ok(one),
        (None, many) => {
            let many: Vec<_> = many.iter().collect();
            let head = format!("{} {kind}s are waiting. {how}:", many.len());
            Err(Fault::usage(listed(head, &many)))
        }
    }
}

fn ambiguous<T>(meant: &str, many: &[&Candidate<T>], kind: &str) -> Fault {
    let head = format!(
        "`{}` matches {} {kind}s. Use an id:",
        out::one_line(meant),
        many.len()
    );
    Fault::failed(listed(head, many))
}

/// A sentence with the candidates below it.
fn listed<T>(head: String, many: &[&Candidate<T>]) -> String {
    let mut message = head;
    for named in many.iter().take(limits::CANDIDATES) {
        let (id, name) = (out::one_line(&named.id), out::one_line(&named.name));
        message.push_str(&format!("\n  {id}  {name}"));
    }
    if many.len() > limits::CANDIDATES {
        message.push_str(&format!(
            "\n  … and {} more",
            many.len() - limits::CANDIDATES
        ));
    }
    message
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all() -> Vec<Candidate<u8>> {
        [
            ("ses_1a", "Fix it", 1),
            ("ses_1b", "fix IT too", 2),
            ("ses_2", "Ses_1a", 3),
            ("ses_22", "Other", 4),
        ]
        .map(|(id, name, thing)| Candidate {
            id: id.to_owned(),
            name: name.to_owned(),
            thing,
        })
        .to_vec()
    }

    fn picked(meant: &str) -> Result<u8, Fault> {
        pick(meant, &all(), "session", "Run `drovers ls` for a list").map(|named| named.thing)
    }

    #[test]
    fn a_whole_id_wins_over_a_name_and_a_whole_one_over_a_beginning() {
        for (meant, thing) in [
            ("ses_1a", 1),
            ("SES_1A", 3),
            ("fix it", 1),
            ("Fix it t", 2),
            ("ses_2", 3),
            ("o", 4),
        ] {
            assert_eq!(picked(meant), Ok(thing), "{meant}");
        }
    }

    #[test]
    fn without_a_name_the_only_one_is_meant() {
        let only = |all: &[Candidate<u8>]| {
            pick_or_only(None, all, "request", "Name one of them").map(|named| named.thing)
        };
        assert_eq!(only(&all()[..1]), Ok(1));
        let message = |fault: Result<u8, Fault>| match fault {
            Err(Fault::Failed { message, .. }) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(message(only(&[])), "no request is waiting");
        assert_eq!(
            message(only(&all()[..2])),
            "2 requests are waiting. Name one of them:\n  ses_1a  Fix it\n  ses_1b  fix IT too"
        );
        let all = all();
        let named = pick_or_only(Some("ses_22"), &all, "request", "Name one of them");
        assert_eq!(named.map(|named| named.thing), Ok(4));
    }

    #[test]
    fn ambiguous_names_are_listed_and_unknown_ones_reported() {
        let Err(Fault::Failed { message, .. }) = picked("ses_1") else {
            panic!("picked one of two")
        };
        assert!(
            message.contains("ses_1a  Fix it")
                && message.contains("ses_1b")
                && !message.contains("ses_2")
        );
        let Err(Fault::Failed { message, .. }) = picked("ses_9") else {
            panic!("picked nothing")
        };
        assert_eq!(
            message,
            "there is no session `ses_9`. Run `drovers ls` for a list"
        );
        assert!(picked("").is_err());
    }
}
