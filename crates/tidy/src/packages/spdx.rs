//! Licence expressions of SPDX: names with `WITH`, `AND`, `OR` and parentheses; older packages write `/` for `OR`.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

/// A name with its exception, as a policy lists it.
pub type License = String;

/// True if a choice of the expression has allowed licences only.
///
/// # Errors
/// The text is no expression.
pub fn satisfied(expression: &str, allowed: &BTreeSet<License>) -> Result<bool> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    let satisfied = any(&mut rest, allowed)?;
    match rest {
        [] => Ok(satisfied),
        [word, ..] => bail!("unexpected {word}"),
    }
}

fn any(rest: &mut &[&str], allowed: &BTreeSet<License>) -> Result<bool> {
    let mut satisfied = all(rest, allowed)?;
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        satisfied |= all(rest, allowed)?;
    }
    Ok(satisfied)
}

fn all(rest: &mut &[&str], allowed: &BTreeSet<License>) -> Result<bool> {
    let mut satisfied = one(rest, allowed)?;
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        satisfied &= one(rest, allowed)?;
    }
    Ok(satisfied)
}

fn one(rest: &mut &[&str], allowed: &BTreeSet<License>) -> Result<bool> {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let satisfied = any(rest, allowed)?;
            let [")", after @ ..] = *rest else {
                bail!("a parenthesis is not closed");
            };
            *rest = after;
            Ok(satisfied)
        }
        [name, "WITH", exception, after @ ..] => {
            *rest = after;
            Ok(allowed.contains(&format!("{name} WITH {exception}")))
        }
        [name, after @ ..] if !matches!(*name, "AND" | "OR" | "WITH" | ")") => {
            *rest = after;
            Ok(allowed.contains(*name))
        }
        _ => bail!("a name is missing"),
    }
}
