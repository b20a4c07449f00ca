//! Answers to queries, newest first.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Instant;

use model::ids::{InstanceId, SessionId};
use model::time::Timestamp;
use rusqlite::{Connection, ErrorCode, Row, params_from_iter};

use crate::doc::Kind;
use crate::index::{Index, IndexError, first_of, time_of, unpacked};
use crate::limits;
use crate::query::{Author, Query, matches_path};
use crate::text::{Stretch, folded, snippet};
use crate::tokens::pieces;

/// The sessions in which a query may look.
pub trait Scope {
    /// True if hits of the session may be shown.
    fn has(&self, instance: &InstanceId, session: &SessionId) -> bool;
}

impl<F: Fn(&InstanceId, &SessionId) -> bool> Scope for F {
    fn has(&self, instance: &InstanceId, session: &SessionId) -> bool {
        self(instance, session)
    }
}

/// A document that a query found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its instance.
    pub instance: InstanceId,
    /// Its session.
    pub session: SessionId,
    /// Its message.
    pub message: String,
    /// When the message began, by the server's clock.
    pub at: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// The tool; empty if it is none.
    pub tool: String,
    /// The model; empty if there is none.
    pub model: String,
    /// The text around the first match.
    pub snippet: Vec<Stretch>,
}

/// The answer to a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The hits, newest first.
    pub hits: Vec<Hit>,
    /// True if there may be more: the answer is full, or the query reached a bound.
    pub more: bool,
}

impl Index {
    /// The newest hits of a query, `most` of them at most.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(
        &self,
        query: &Query,
        most: usize,
        scope: &impl Scope,
    ) -> Result<Found, IndexError> {
        let mut reader = self.reader()?;
        let found = find(&mut reader, query, most.min(limits::HITS), scope)?;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < limits::READERS {
            readers.push(reader);
        }
        Ok(found)
    }
}

const COLUMNS: &str = "doc.id, session.instance, session.session, doc.message, doc.kind, doc.tool, doc.files, doc.model, doc.text";

fn find(
    reader: &mut Connection,
    query: &Query,
    most: usize,
    scope: &impl Scope,
) -> Result<Found, IndexError> {
    let end = Instant::now() + limits::QUERY_TIME;
    reader.progress_handler(1000, Some(move || Instant::now() > end))?;
    let from = query.after.map_or(0, first_of);
    let to = query.before.map_or(i64::MAX, first_of);
    let matching = matching(query);
    let source = match matching {
        Some(_) => {
            "word JOIN doc ON doc.id = word.rowid JOIN session ON session.id = doc.session
            WHERE word.rowid >= ?1 AND word.rowid < ?2 AND word MATCH ?3 ORDER BY word.rowid DESC"
        }
        None => {
            "doc JOIN session ON session.id = doc.session WHERE doc.id >= ?1 AND doc.id < ?2 ORDER BY doc.id DESC"
        }
    };
    let mut statement = reader.prepare_cached(&format!("SELECT {COLUMNS} FROM {source}"))?;
    let mut values: Vec<rusqlite::types::Value> = vec![from.into(), to.into()];
    values.extend(matching.map(Into::into));
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Found::default();
    // Sessions that were left out, since a query may have thousands of documents of one.
    let mut outside: HashSet<(String, String)> = HashSet::new();
    for _ in 0..limits::CANDIDATES {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(found),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                found.more = true;
                return Ok(found);
            }
            Err(error) => return Err(error.into()),
        };
        let Some(hit) = hit(row, query, scope, &mut outside)? else {
            continue;
        };
        if found.hits.len() == most {
            found.more = true;
            return Ok(found);
        }
        found.hits.push(hit);
    }
    found.more = true;
    Ok(found)
}

/// The query of the table of words; `None` if the query has no word with a letter, a digit or a CJK character.
fn matching(query: &Query) -> Option<String> {
    let pieces = query.words.iter().flat_map(|word| pieces(word));
    let terms: Vec<String> = pieces
        .map(|piece| format!("\"{}\"{}", piece.token, if piece.prefix { "*" } else { "" }))
        .collect();
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

fn hit(
    row: &Row<'_>,
    query: &Query,
    scope: &impl Scope,
    outside: &mut HashSet<(String, String)>,
) -> Result<Option<Hit>, IndexError> {
    let kind = Kind::of_number(row.get(4)?);
    let (tool, model): (String, String) = (row.get(5)?, row.get(7)?);
    let files: String = row.get(6)?;
    let fits = query
        .from
        .is_none_or(|from| (from == Author::Me) == (kind == Kind::Prompt))
        && query
            .tool
            .as_ref()
            .is_none_or(|name| folded(&tool) == *name)
        && query
            .model
            .as_ref()
            .is_none_or(|name| folded(&model).contains(name))
        && query
            .file
            .as_ref()
            .is_none_or(|pattern| files.lines().any(|path| matches_path(pattern, path)));
    if !fits {
        return Ok(None);
    }
    let key: (String, String) = (row.get(1)?, row.get(2)?);
    if outside.contains(&key) {
        return Ok(None);
    }
    let (instance, session) = (InstanceId::new(&*key.0), SessionId::new(&*key.1));
    if !scope.has(&instance, &session) {
        outside.insert(key);
        return Ok(None);
    }
    let text = unpacked(row.get_ref(8)?.as_blob().unwrap_or_default());
    let low = folded(&text);
    let has = |word: &String| low.contains(word) || files.contains(word);
    if !query.words.iter().all(has) {
        return Ok(None);
    }
    Ok(Some(Hit {
        instance,
        session,
        message: row.get(3)?,
        at: time_of(row.get(0)?),
        kind,
        tool,
        model,
        snippet: snippet(&text, &query.words),
    }))
}
