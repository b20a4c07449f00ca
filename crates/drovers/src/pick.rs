//! What a person means by an id, the beginning of one, or a name. Pure.

use crate::fault::Fault;
use crate::{limits, out};

/// Something that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named<T> {
    /// Its id.
    pub(crate) id: String,
    /// Its name or title.
    pub(crate) name: String,
    /// The thing.
    pub(crate) thing: T,
}

/// Why a name fits.
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
    all: &'a [Named<T>],
    kind: &str,
    next: &str,
) -> Result<&'a Named<T>, Fault> {
    if meant.is_empty() {
        return Err(Fault::usage(format!(
            "an empty text names no {kind}. {next}"
        )));
    }
    let lower = meant.to_lowercase();
    for rule in [Rule::Id, Rule::Name, Rule::IdBegins, Rule::NameBegins] {
        let fits = |named: &&Named<T>| match rule {
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

fn ambiguous<T>(meant: &str, many: &[&Named<T>], kind: &str) -> Fault {
    let mut message = format!(
        "`{}` may be {} of the {kind}s. Name one by its id:",
        out::one_line(meant),
        many.len()
    );
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
    Fault::failed(message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all() -> Vec<Named<u8>> {
        [
            ("ses_1a", "Fix it", 1),
            ("ses_1b", "fix IT too", 2),
            ("ses_2", "Ses_1a", 3),
            ("ses_22", "Other", 4),
        ]
        .map(|(id, name, thing)| Named {
            id: id.to_owned(),
            name: name.to_owned(),
            thing,
        })
        .to_vec()
    }

    fn picked(meant: &str) -> Result<u8, Fault> {
        pick(meant, &all(), "session", "See `drovers ls`").map(|named| named.thing)
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
    fn what_is_not_clear_is_listed_and_what_is_not_there_told() {
        let Err(Fault::Told { message, .. }) = picked("ses_1") else {
            panic!("picked one of two")
        };
        assert!(
            message.contains("ses_1a  Fix it")
                && message.contains("ses_1b")
                && !message.contains("ses_2")
        );
        let Err(Fault::Told { message, .. }) = picked("ses_9") else {
            panic!("picked nothing")
        };
        assert_eq!(message, "there is no session `ses_9`. See `drovers ls`");
        assert!(picked("").is_err());
    }
}
