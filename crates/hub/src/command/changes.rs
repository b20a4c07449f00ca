//! The files that a session changed, as its server recorded them.

use changes::{
    Change, FileChange, FileDiff, FileKind, FilePath, FileStatus, Options, Patch, Segment,
};
use model::ids::{InstanceId, MessageId, SessionId};
use model::state::Role;

use super::port::{Capability, ChangedFile, Servers, Sessions};
use super::{CommandError, Commands, able, gone};
use crate::limits;

impl<S: Servers> Commands<S>
where
    S::Server: Sessions,
{
    /// The files that a session changed, or that one prompt of it did. A server without git records none.
    ///
    /// # Errors The session does not exist, or its server cannot be asked.
    pub async fn changed_files(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        message: Option<&MessageId>,
    ) -> Result<Vec<ChangedFile>, CommandError> {
        let server = self.at_session(instance, session).await?;
        able(
            &server,
            match message {
                Some(_) => Capability::PromptChanges,
                None => Capability::Changes,
            },
        )?;
        let read = server.changes(session, message).await;
        let files = read.map_err(gone(instance, session))?;
        if message.is_some() || !files.is_empty() {
            return Ok(files);
        }
        if able(&server, Capability::PromptChanges).is_err() {
            return Ok(files);
        }
        // Newer servers record what each prompt changed, and nothing of the session as a whole.
        let prompts = self.prompts(instance, session).await?;
        let newest = prompts.len().saturating_sub(limits::SESSION_PROMPTS);
        let mut whole = Vec::new();
        for prompt in &prompts[newest..] {
            let read = server.changes(session, Some(prompt)).await;
            for file in read.map_err(gone(instance, session))? {
                add(&mut whole, file);
            }
        }
        Ok(whole)
    }

    /// The last prompt of a session; `None` if it has none among its newest messages.
    ///
    /// # Errors The session does not exist, or its server cannot be asked.
    pub async fn last_prompt(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Option<MessageId>, CommandError> {
        Ok(self.prompts(instance, session).await?.pop())
    }

    /// The prompts of a session, as far as they are among its newest messages; the newest is the last one.
    async fn prompts(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Vec<MessageId>, CommandError> {
        let known = self.engine.read(|state| {
            let loaded = state.session(instance, session)?.loaded()?;
            let prompts = loaded
                .in_order()
                .filter(|message| message.info.role == Role::User);
            let prompts: Vec<_> = prompts.map(|message| message.info.id.clone()).collect();
            Some(prompts).filter(|prompts| !prompts.is_empty())
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let server = self.at_session(instance, session).await?;
        let page = server.messages(session, Some(limits::MESSAGE_PAGE), None);
        let page = page.await.map_err(gone(instance, session))?;
        let prompts = page.messages.into_iter();
        let prompts = prompts.filter(|(info, _)| info.role == Role::User);
        Ok(prompts.map(|(info, _)| info.id).collect())
    }
}

/// Adds what a later prompt changed in a file.
fn add(files: &mut Vec<ChangedFile>, later: ChangedFile) {
    let Some(known) = files.iter_mut().find(|one| one.file == later.file) else {
        files.push(later);
        return;
    };
    let status = match (&*known.status, &*later.status) {
        ("added", "modified") => "added",
        ("deleted", "added") => "modified",
        (_, status) => status,
    };
    let status = status.to_owned();
    *known = match composed(known, &later) {
        Some(both) => ChangedFile { status, ..both },
        // Something else changed the file in between: the newest change is what is known.
        None => ChangedFile { status, ..later },
    };
}

/// Two changes of a file as one, where the second begins with what the first ended with.
fn composed(first: &ChangedFile, later: &ChangedFile) -> Option<ChangedFile> {
    let (first, second) = (
        Patch::parse(first.patch.as_bytes()),
        Patch::parse(later.patch.as_bytes()),
    );
    let ([before], [after]) = (&first.segments[..], &second.segments[..]) else {
        return None;
    };
    // A side without lines begins before its first one.
    let begins = |segment: &Segment| segment.old_start <= 1 && segment.new_start <= 1;
    if !begins(before) || !begins(after) || before.new.bytes() != after.old.bytes() {
        return None;
    }
    let (old, new) = (before.old.bytes().to_vec(), after.new.bytes().to_vec());
    let kind = |text: &[u8]| match text {
        [] => FileKind::None,
        _ => FileKind::File,
    };
    let change = FileChange {
        path: FilePath::new(later.file.as_bytes()),
        old_path: None,
        status: FileStatus::Modified,
        old_kind: kind(&old),
        new_kind: kind(&new),
        old_id: String::new(),
        new_id: String::new(),
        lines: None,
        binary: false,
    };
    let diff = FileDiff::of_texts(old, new, Options::default());
    let count = |lines: fn(&Change) -> usize| diff.changes().map(lines).sum::<usize>() as u64;
    Some(ChangedFile {
        file: later.file.clone(),
        patch: String::from_utf8_lossy(&diff.patch(&change)).into_owned(),
        additions: count(|change| change.new.len()),
        deletions: count(|change| change.old.len()),
        status: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(patch: &str, status: &str) -> ChangedFile {
        ChangedFile {
            file: "a".to_owned(),
            patch: patch.to_owned(),
            additions: 1,
            deletions: 1,
            status: status.to_owned(),
        }
    }

    #[test]
    fn changes_of_several_prompts_are_one() {
        let first = file(
            "--- a\n+++ a\n@@ -1,2 +1,2 @@\n-one\n+two\n same\n",
            "modified",
        );
        let later = file(
            "--- a\n+++ a\n@@ -1,2 +1,3 @@\n-two\n+three\n same\n+more\n",
            "modified",
        );
        let mut files = vec![first.clone()];
        add(&mut files, later);
        let other = ChangedFile {
            file: "b".to_owned(),
            ..first.clone()
        };
        add(&mut files, other.clone());
        let [both, second] = &files[..] else {
            panic!("{files:?}")
        };
        assert_eq!((both.additions, both.deletions), (2, 1));
        assert!(
            both.patch.contains("-one\n+three\n same\n+more\n"),
            "{}",
            both.patch
        );
        assert_eq!(*second, other);
        // What begins elsewhere is not known as one change.
        let apart = file("--- a\n+++ a\n@@ -1,1 +1,1 @@\n-four\n+five\n", "modified");
        add(&mut files, apart.clone());
        assert_eq!(files[0], apart);
    }

    #[test]
    fn a_new_file_that_changed_again_is_new() {
        let first = file("--- a\n+++ a\n@@ -0,0 +1,1 @@\n+one\n", "added");
        let later = file("--- a\n+++ a\n@@ -1,1 +1,1 @@\n-one\n+two\n", "modified");
        let mut files = vec![first];
        add(&mut files, later);
        assert_eq!((&*files[0].status, files[0].additions), ("added", 1));
        assert!(files[0].patch.contains("+two\n"), "{}", files[0].patch);
    }
}
