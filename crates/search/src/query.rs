//! Queries, as a person writes them: words, phrases in quotes, and filters such as `tool:edit`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::time::Timestamp;

use crate::limits;
use crate::text;

/// Whose words a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// Prompts.
    Me,
    /// Answers and tool calls.
    Agent,
}

/// A query. A document is a hit if it has every word and passes every filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Words and phrases, in lower case.
    pub words: Vec<String>,
    /// `in:`: pieces of the names of instances or of the folders of sessions, in lower case. One of them suffices.
    pub places: Vec<String>,
    /// `from:me` or `from:agent`.
    pub from: Option<Author>,
    /// `tool:`: the name of a tool, in lower case.
    pub tool: Option<String>,
    /// `file:`: a path or its end, with `*` for any characters, in lower case.
    pub file: Option<String>,
    /// `model:`: a piece of the name of a model, in lower case.
    pub model: Option<String>,
    /// `after:`: the beginning of that day.
    pub after: Option<Timestamp>,
    /// `before:`: the beginning of that day.
    pub before: Option<Timestamp>,
}

/// Why a query cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is too long.
    #[error("the query is too long: use at most {most} words and filters", most = limits::QUERY_TERMS)]
    TooLong,
    /// A date is none.
    #[error("`{0}` is no date: write it as 2026-11-30")]
    Date(String),
    /// An author is none.
    #[error("`from:{0}` is unknown: use from:me or from:agent")]
    From(String),
}

impl Query {
    /// Reads a query. Dates are days of `zone`. A word with a colon that is no filter is a word.
    ///
    /// # Errors
    /// The query is too long, or the value of a filter cannot be read.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, QueryError> {
        if text.len() > limits::QUERY_BYTES {
            return Err(QueryError::TooLong);
        }
        let terms = terms(text);
        if terms.len() > limits::QUERY_TERMS {
            return Err(QueryError::TooLong);
        }
        let mut query = Self::default();
        for term in terms {
            query.take(term, zone)?;
        }
        Ok(query)
    }

    fn take(&mut self, term: Term, zone: &TimeZone) -> Result<(), QueryError> {
        let (key, value) = match (&term.key, term.text.split_once(':')) {
            (Some(key), _) => (&**key, &*term.text),
            (None, Some((key, value))) if !term.quoted && !value.is_empty() => (key, value),
            _ => ("", ""),
        };
        let lower = || text::folded(value);
        match key {
            "in" => self.places.push(lower()),
            "from" => self.from = Some(author(value)?),
            "tool" => self.tool = Some(lower()),
            "file" => self.file = Some(lower()),
            "model" => self.model = Some(lower()),
            "after" => self.after = Some(day(value, zone)?),
            "before" => self.before = Some(day(value, zone)?),
            _ => self.words.push(text::folded(&term.text)),
        }
        Ok(())
    }

    /// True if it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

struct Term {
    /// The name of a filter whose value was in quotes.
    key: Option<String>,
    text: String,
    quoted: bool,
}

/// The names of filters.
const FILTERS: [&str; 7] = ["in", "from", "tool", "file", "model", "after", "before"];

/// Words between white space. Quotes keep white space, those of a filter's value as well; a quote that is not closed ends with the text.
fn terms(text: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let filter = rest
            .split_once(":\"")
            .filter(|(key, _)| FILTERS.contains(key));
        let (key, quoted, inner) = match (filter, rest.strip_prefix('"')) {
            (Some((key, inner)), _) => (Some(key.to_owned()), true, inner),
            (None, Some(inner)) => (None, true, inner),
            (None, None) => (None, false, rest),
        };
        let end = match quoted {
            true => inner.find('"'),
            false => inner.find(char::is_whitespace),
        };
        let end = end.unwrap_or(inner.len());
        let term = inner[..end].trim();
        if !term.is_empty() {
            terms.push(Term {
                key,
                text: term.to_owned(),
                quoted,
            });
        }
        let after = end + usize::from(quoted && end < inner.len());
        rest = inner[after..].trim_start();
    }
    terms
}

fn author(value: &str) -> Result<Author, QueryError> {
    match value {
        "me" => Ok(Author::Me),
        "agent" => Ok(Author::Agent),
        other => Err(QueryError::From(other.to_owned())),
    }
}

fn day(value: &str, zone: &TimeZone) -> Result<Timestamp, QueryError> {
    let wrong = || QueryError::Date(value.to_owned());
    let date: Date = value.parse().map_err(|_| wrong())?;
    let begin = date.to_zoned(zone.clone()).map_err(|_| wrong())?;
    Ok(Timestamp(begin.timestamp().as_millisecond()))
}

/// True if a path has the pattern: the whole path or its end behind a `/`. `*` stands for any characters. Both are in lower case.
pub(crate) fn matches_path(pattern: &str, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
    std::iter::once(path)
        .chain(ends)
        .any(|end| matches(pattern, end) || matches(&format!("{pattern}/*"), end))
}

/// Linear in the text for each `*`: the last star alone is tried again.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Query, QueryError> {
        Query::parse(text, &TimeZone::UTC)
    }

    #[test]
    fn words_phrases_and_filters_are_distinguished() {
        let query = parse(
            "Fix \"The Bug\" in:api from:me tool:Edit file:src/*.rs after:2026-11-01 std::fmt model:opus \"in:x",
        )
        .unwrap();
        assert_eq!(query.words, ["fix", "the bug", "std::fmt", "in:x"]);
        assert_eq!(query.places, ["api"]);
        assert_eq!(query.from, Some(Author::Me));
        assert_eq!(query.tool.as_deref(), Some("edit"));
        assert_eq!(query.file.as_deref(), Some("src/*.rs"));
        assert_eq!(query.model.as_deref(), Some("opus"));
        assert_eq!(query.after, Some(Timestamp(1_793_491_200_000)));
        assert!(parse(" ").unwrap().is_empty());
    }

    #[test]
    fn the_value_of_a_filter_may_be_in_quotes() {
        let query = parse("in:\"My App\" file:\"a b.rs\" word std:\"fmt\" in:\"open").unwrap();
        assert_eq!(query.places, ["my app", "open"]);
        assert_eq!(query.file.as_deref(), Some("a b.rs"));
        assert_eq!(query.words, ["word", "std:\"fmt\""]);
    }

    #[test]
    fn what_cannot_be_read_names_what_can() {
        let reason = |text: &str| parse(text).unwrap_err().to_string();
        assert!(reason("after:monday").contains("2026-11-30"));
        assert!(reason("from:you").contains("from:me or from:agent"));
        assert!(reason(&"a ".repeat(17)).contains("at most 16"));
        assert!(reason(&"a".repeat(600)).contains("too long"));
    }

    #[test]
    fn a_path_has_a_pattern_at_its_end() {
        for (pattern, path, has) in [
            ("src/*.rs", "/home/x/src/main.rs", true),
            ("src/*.rs", "src/a/b.rs", true),
            ("src/*.rs", "asrc/b.rs", false),
            ("main.rs", "/x/main.rs", true),
            ("main", "/x/main.rs", false),
            ("x", "/x/main.rs", true),
            ("*", "a", true),
            ("a*b*c", "aXbYbZc", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(
                matches_path(pattern, &text::folded(path)),
                has,
                "{pattern} {path}"
            );
        }
    }
}
