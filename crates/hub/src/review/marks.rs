//! What changed lately in marks and comments, so that every open review follows.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::limits;

/// A change of marks or comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Number of the change since the start of the hub, from 1.
    pub revision: u64,
    /// The folder of the review.
    pub folder: Arc<str>,
    /// The file, percent-encoded; `None` for several.
    pub path: Option<Arc<str>>,
    /// True if comments changed, and not only the mark of a file.
    pub comments: bool,
}

/// The newest changes.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Number of the newest change.
    pub revision: u64,
    recent: VecDeque<Marked>,
}

impl Marks {
    /// The changes after a revision, in order; `None` if some of them are forgotten.
    pub fn since(&self, revision: u64) -> Option<impl Iterator<Item = &Marked>> {
        let first = self.revision - self.recent.len() as u64;
        let after = move |one: &&Marked| one.revision > revision;
        (revision >= first).then(|| self.recent.iter().filter(after))
    }

    /// Notes a change.
    pub(super) fn note(&mut self, folder: &str, path: Option<&str>, comments: bool) {
        self.revision += 1;
        self.recent.push_back(Marked {
            revision: self.revision,
            folder: folder.into(),
            path: path.map(Arc::from),
            comments,
        });
        while self.recent.len() > limits::REVIEW_MARKS {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn changes_follow_a_revision_until_they_are_forgotten() {
        let mut marks = Marks::default();
        assert_eq!(marks.since(0).unwrap().count(), 0);
        for at in 0..limits::REVIEW_MARKS {
            marks.note("/a", Some(&at.to_string()), false);
        }
        assert_eq!(marks.since(0).unwrap().count(), limits::REVIEW_MARKS);
        marks.note("/a", None, true);
        assert!(marks.since(0).is_none());
        let last: Vec<_> = marks.since(marks.revision - 1).unwrap().collect();
        assert!(last.len() == 1 && last[0].path.is_none() && last[0].comments);
    }
}
