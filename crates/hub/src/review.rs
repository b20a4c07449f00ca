//! Marks and comments of reviews: `reviews.json` in the data directory, by folder, so that all devices and people see the same.

mod marks;
mod prompt;
mod scope;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use changes::Anchor;
use model::ids::SessionId;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::datadir::write_private;
use crate::limits;

pub use marks::{Marked, Marks};
pub use prompt::prompt;
pub use scope::Scope;

/// The file's name in the data directory.
pub const FILE: &str = "reviews.json";

/// What a comment is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Lines before.
    Old,
    /// Lines after.
    New,
    /// The file as a whole.
    File,
}

/// Lines that a comment is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StoredAnchor {
    line: usize,
    lines: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
}

/// Where a comment was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The session.
    pub session: SessionId,
    /// When, by the hub's clock.
    pub at: Timestamp,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: String,
    /// The path of its file, percent-encoded.
    pub path: String,
    /// What it is on.
    pub side: Side,
    #[serde(default)]
    anchor: Option<StoredAnchor>,
    /// Its text.
    pub text: String,
    /// Who wrote it.
    pub by: String,
    /// When it was written or changed last.
    pub at: Timestamp,
    /// Where it was sent, once it was.
    #[serde(default)]
    pub sent: Option<Sent>,
}

impl Comment {
    /// The lines that it is on; `None` for one on a file.
    pub fn anchor(&self) -> Option<Anchor> {
        let StoredAnchor {
            line,
            lines,
            before,
            after,
        } = self.anchor.clone()?;
        Some(Anchor {
            line,
            lines,
            before,
            after,
        })
    }
}

/// A comment that is about to be stored.
#[derive(Clone, Debug)]
pub struct NewComment {
    /// The path of its file, percent-encoded.
    pub path: String,
    /// What it is on.
    pub side: Side,
    /// The lines; `None` for the file.
    pub anchor: Option<Anchor>,
    /// Its text.
    pub text: String,
    /// Who wrote it.
    pub by: String,
}

/// A file that was viewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Viewed {
    /// A name of the content that it had.
    content: String,
    at: Timestamp,
}

/// Marks and comments of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct FolderReview {
    at: Timestamp,
    viewed: BTreeMap<String, Viewed>,
    comments: Vec<Comment>,
}

type All = BTreeMap<String, FolderReview>;

/// The reason why a mark or a comment is not stored.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The disk refuses.
    #[error("the review cannot be stored: {error}", error = _0)]
    Disk(#[from] io::Error),
    /// There is no such comment.
    #[error("there is no such comment: it may have been deleted")]
    NoComment,
    /// Too many comments wait.
    #[error(
        "{most} comments wait in this folder, which is the limit. Send them first",
        most = limits::REVIEW_COMMENTS
    )]
    Full,
    /// The text is empty or too long.
    #[error("a comment has 1 to {most} bytes", most = limits::REVIEW_COMMENT_BYTES)]
    Text,
}

/// The reviews of a hub. Cheap to clone. Everything that changes them blocks on the disk.
#[derive(Clone, Debug)]
pub struct Reviews {
    path: PathBuf,
    all: Arc<Mutex<All>>,
    marks: watch::Sender<Arc<Marks>>,
}

impl Reviews {
    /// The reviews that a file has. One that cannot be read counts as empty. Blocks on the disk.
    pub fn load(path: PathBuf) -> Self {
        let all = match fs::read(&path).map(|bytes| serde_json::from_slice(&bytes)) {
            Ok(Ok(all)) => all,
            Ok(Err(error)) => {
                tracing::warn!(path = %path.display(), %error, "the reviews are damaged");
                All::default()
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %path.display(), %error, "the reviews cannot be read");
                }
                All::default()
            }
        };
        Self {
            path,
            all: Arc::new(Mutex::new(all)),
            marks: watch::Sender::default(),
        }
    }

    /// The newest changes of marks and comments, of all folders.
    pub fn marks(&self) -> watch::Receiver<Arc<Marks>> {
        self.marks.subscribe()
    }

    /// The contents that the viewed files of a folder had, by path.
    pub fn viewed(&self, folder: &str) -> BTreeMap<String, String> {
        let all = self.lock();
        let viewed = all
            .get(folder)
            .into_iter()
            .flat_map(|review| &review.viewed);
        viewed
            .map(|(path, viewed)| (path.clone(), viewed.content.clone()))
            .collect()
    }

    /// The comments of a folder, in the order in which they were written.
    pub fn comments(&self, folder: &str) -> Vec<Comment> {
        let all = self.lock();
        all.get(folder)
            .map(|review| review.comments.clone())
            .unwrap_or_default()
    }

    /// Marks a file as viewed with this content, or takes the mark back.
    ///
    /// # Errors
    /// The disk refuses: nothing is changed then.
    pub fn view(
        &self,
        folder: &str,
        path: &str,
        content: Option<String>,
        now: Timestamp,
    ) -> Result<(), ReviewError> {
        self.change(folder, now, false, |review| {
            match content {
                Some(content) => review
                    .viewed
                    .insert(path.to_owned(), Viewed { content, at: now }),
                None => review.viewed.remove(path),
            };
            while review.viewed.len() > limits::REVIEW_VIEWED {
                let oldest = review.viewed.iter().min_by_key(|(_, viewed)| viewed.at);
                let Some(oldest) = oldest.map(|(path, _)| path.clone()) else {
                    break;
                };
                review.viewed.remove(&oldest);
            }
            Ok(Some(path.to_owned()))
        })
    }

    /// Stores a comment, and returns it.
    ///
    /// # Errors
    /// The text is empty or too long, too many wait, or the disk refuses.
    pub fn comment(
        &self,
        folder: &str,
        new: NewComment,
        id: String,
        now: Timestamp,
    ) -> Result<Comment, ReviewError> {
        check(&new.text)?;
        let anchor = new.anchor.map(|anchor| StoredAnchor {
            line: anchor.line,
            lines: anchor.lines,
            before: anchor.before,
            after: anchor.after,
        });
        let comment = Comment {
            id,
            path: new.path,
            side: new.side,
            anchor,
            text: new.text,
            by: new.by,
            at: now,
            sent: None,
        };
        let stored = comment.clone();
        self.change(folder, now, true, move |review| review.put(stored))?;
        Ok(comment)
    }

    /// Changes the text of a comment. One that was sent waits again then.
    ///
    /// # Errors
    /// There is none, the text is empty or too long, or the disk refuses.
    pub fn edit(
        &self,
        folder: &str,
        id: &str,
        text: String,
        now: Timestamp,
    ) -> Result<Comment, ReviewError> {
        check(&text)?;
        let mut edited = None;
        self.change(folder, now, true, |review| {
            let found = review.comments.iter_mut().find(|one| one.id == id);
            let comment = found.ok_or(ReviewError::NoComment)?;
            (comment.text, comment.at, comment.sent) = (text, now, None);
            edited = Some(comment.clone());
            Ok(Some(comment.path.clone()))
        })?;
        edited.ok_or(ReviewError::NoComment)
    }

    /// Deletes a comment, and returns it.
    ///
    /// # Errors
    /// There is none, or the disk refuses.
    pub fn delete(&self, folder: &str, id: &str, now: Timestamp) -> Result<Comment, ReviewError> {
        let mut deleted = None;
        self.change(folder, now, true, |review| {
            let at = review.comments.iter().position(|one| one.id == id);
            let comment = review.comments.remove(at.ok_or(ReviewError::NoComment)?);
            let path = comment.path.clone();
            deleted = Some(comment);
            Ok(Some(path))
        })?;
        deleted.ok_or(ReviewError::NoComment)
    }

    /// Brings back a comment that was deleted.
    ///
    /// # Errors
    /// Too many wait, or the disk refuses.
    pub fn put_back(
        &self,
        folder: &str,
        comment: Comment,
        now: Timestamp,
    ) -> Result<(), ReviewError> {
        check(&comment.text)?;
        self.change(folder, now, true, move |review| {
            review.comments.retain(|one| one.id != comment.id);
            review.put(comment)
        })
    }

    /// Marks comments as sent to a session.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sent(
        &self,
        folder: &str,
        ids: &[String],
        session: &SessionId,
        now: Timestamp,
    ) -> Result<(), ReviewError> {
        self.change(folder, now, true, |review| {
            for comment in review
                .comments
                .iter_mut()
                .filter(|one| ids.contains(&one.id))
            {
                comment.sent = Some(Sent {
                    session: session.clone(),
                    at: now,
                });
            }
            Ok(None)
        })
    }

    /// Changes the review of a folder by what tells which file that was, or none for several.
    fn change(
        &self,
        folder: &str,
        now: Timestamp,
        comments: bool,
        act: impl FnOnce(&mut FolderReview) -> Result<Option<String>, ReviewError>,
    ) -> Result<(), ReviewError> {
        let mut all = self.lock();
        let mut next = all.clone();
        let review = next.entry(folder.to_owned()).or_default();
        review.at = now;
        let path = act(review)?;
        while next.len() > limits::REVIEW_FOLDERS {
            let oldest = next.iter().min_by_key(|(_, review)| review.at);
            let Some(oldest) = oldest.map(|(folder, _)| folder.clone()) else {
                break;
            };
            next.remove(&oldest);
        }
        let bytes = serde_json::to_vec(&next).map_err(io::Error::other)?;
        write_private(&self.path, &bytes)?;
        *all = next;
        self.marks.send_modify(|marks| {
            Arc::make_mut(marks).note(folder, path.as_deref(), comments);
        });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FolderReview {
    fn put(&mut self, comment: Comment) -> Result<Option<String>, ReviewError> {
        let path = comment.path.clone();
        if self.comments.len() >= limits::REVIEW_COMMENTS {
            let sent = self.comments.iter().position(|one| one.sent.is_some());
            self.comments.remove(sent.ok_or(ReviewError::Full)?);
        }
        self.comments.push(comment);
        self.comments
            .sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(Some(path))
    }
}

fn check(text: &str) -> Result<(), ReviewError> {
    match !text.trim().is_empty() && text.len() <= limits::REVIEW_COMMENT_BYTES {
        true => Ok(()),
        false => Err(ReviewError::Text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn new(text: &str) -> NewComment {
        NewComment {
            path: "a.rs".into(),
            side: Side::New,
            anchor: Some(Anchor {
                line: 3,
                lines: vec!["x".into()],
                ..Anchor::default()
            }),
            text: text.into(),
            by: "Ann".into(),
        }
    }

    #[test]
    fn comments_and_marks_are_there_after_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        let reviews = Reviews::load(path.clone());
        reviews
            .view("/a", "x.rs", Some("1".into()), Timestamp(1))
            .unwrap();
        let one = reviews
            .comment("/a", new("one"), "c1".into(), Timestamp(2))
            .unwrap();
        reviews
            .comment("/a", new("two"), "c2".into(), Timestamp(3))
            .unwrap();
        let session = SessionId::from("ses_1");
        reviews
            .sent("/a", &["c1".into()], &session, Timestamp(4))
            .unwrap();
        let again = Reviews::load(path);
        assert_eq!(
            again.viewed("/a").get("x.rs").map(String::as_str),
            Some("1")
        );
        let comments = again.comments("/a");
        assert_eq!(comments.len(), 2);
        assert_eq!(comments[0].sent.as_ref().unwrap().session, session);
        assert_eq!(comments[0].anchor().unwrap().line, 3);
        assert!(again.comments("/b").is_empty());
        // What is changed waits again; what is deleted can come back.
        let edited = again
            .edit("/a", "c1", "one more".into(), Timestamp(5))
            .unwrap();
        assert_eq!((edited.sent, &*edited.text), (None, "one more"));
        let deleted = again.delete("/a", "c2", Timestamp(6)).unwrap();
        assert_eq!(again.comments("/a").len(), 1);
        again.put_back("/a", deleted, Timestamp(7)).unwrap();
        assert_eq!(again.comments("/a").len(), 2);
        assert!(matches!(
            again.delete("/a", "c9", Timestamp(8)),
            Err(ReviewError::NoComment)
        ));
        assert_eq!(one.id, "c1");
    }

    #[test]
    fn what_is_sent_gives_room_and_what_waits_does_not() {
        let home = tempfile::tempdir().unwrap();
        let reviews = Reviews::load(home.path().join(FILE));
        for nth in 0..limits::REVIEW_COMMENTS {
            let at = Timestamp(i64::try_from(nth).unwrap());
            reviews
                .comment("/a", new("x"), format!("c{nth}"), at)
                .unwrap();
        }
        let more = reviews.comment("/a", new("x"), "more".into(), Timestamp(9999));
        assert!(matches!(more, Err(ReviewError::Full)));
        let session = SessionId::from("ses_1");
        reviews
            .sent("/a", &["c7".into()], &session, Timestamp(9999))
            .unwrap();
        reviews
            .comment("/a", new("x"), "more".into(), Timestamp(9999))
            .unwrap();
        let comments = reviews.comments("/a");
        assert_eq!(comments.len(), limits::REVIEW_COMMENTS);
        assert!(comments.iter().all(|one| one.id != "c7"));
        let long = "x".repeat(limits::REVIEW_COMMENT_BYTES + 1);
        for text in ["", " \n", &long] {
            let refused = reviews.comment("/a", new(text), "x".into(), Timestamp(1));
            assert!(matches!(refused, Err(ReviewError::Text)));
        }
    }
}
