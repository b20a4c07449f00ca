//! Where changes come from: git, or what a server recorded of a session.

use std::path::Path;
use std::sync::Arc;

use changes::{
    FileChange, FileDiff, FileKind, FilePath, FileStatus, Head, Options, Patch, Staging,
};
use model::ids::{InstanceId, SessionId};
use sha2::{Digest, Sha256};

use super::super::compared::{Comparison, Identity, compared};
use super::{App, Asked, Problem, Scope};
use crate::command::port::ChangedFile;
use crate::git::{Compared, GitScope, Listed, Repository};

/// Changes of a folder.
pub(super) struct Found {
    pub(super) scope: Scope,
    pub(super) folder: String,
    pub(super) files: Vec<Listed>,
    /// Files of which something is staged.
    pub(super) staged: Vec<FilePath>,
    /// What is checked out, where git was asked.
    pub(super) head: Option<Head>,
    /// What it is compared with, in words.
    pub(super) base: String,
    pub(super) origin: Origin,
}

/// Where the content of files comes from.
pub(super) enum Origin {
    Git(Repository, GitScope, Compared),
    Server(Arc<Vec<ChangedFile>>),
}

/// The repository of a folder of an instance, or the reason why there is none as a problem.
pub(super) async fn repository(
    app: &App,
    id: &InstanceId,
    folder: &str,
) -> Result<Repository, Problem> {
    if !app.hub().is_local(id).await {
        return Err(Problem::not_here(folder));
    }
    Ok(Repository::open(Path::new(folder)).await?)
}

/// What the server recorded of the session, or of its last turn.
async fn reported(
    app: &App,
    id: &InstanceId,
    session: &SessionId,
    turn: bool,
) -> Result<Arc<Vec<ChangedFile>>, Problem> {
    let commands = app.commands();
    let message = match turn {
        true => match commands.last_prompt(id, session).await? {
            Some(message) => Some(message),
            None => return Ok(Arc::default()),
        },
        false => None,
    };
    let key = (id.clone(), session.clone(), message);
    let known = app.session_changes();
    if let Some(found) = known.find(&key) {
        return Ok(found);
    }
    let files = commands.changed_files(id, session, key.2.as_ref()).await?;
    let files = Arc::new(files);
    known.add(key, files.clone());
    Ok(files)
}

/// The scope that is asked for; by default what the session changed, if its server recorded anything, or if git cannot be asked.
pub(super) async fn scope_of(app: &App, id: &InstanceId, asked: &Asked) -> Scope {
    if let Some(scope) = asked.of {
        return scope;
    }
    let Some(session) = &asked.session else {
        return Scope::Uncommitted;
    };
    match reported(app, id, session, false).await {
        Ok(files) if !files.is_empty() => Scope::Session,
        Ok(_) if !has_git(app, id, asked).await => Scope::Session,
        _ => Scope::Uncommitted,
    }
}

async fn has_git(app: &App, id: &InstanceId, asked: &Asked) -> bool {
    match super::folder(app, id, asked.session.as_ref()) {
        Ok(folder) => repository(app, id, &folder).await.is_ok(),
        Err(_) => false,
    }
}

/// Reads the list of changes.
pub(super) async fn find(
    app: &App,
    id: &InstanceId,
    asked: &Asked,
    scope: Scope,
) -> Result<Found, Problem> {
    let folder = super::folder(app, id, asked.session.as_ref())?;
    let Some(git) = asked.git_scope(scope) else {
        let session = asked.session.as_ref();
        let session = session.ok_or_else(|| Problem::invalid("this scope needs a `session`"))?;
        let reported = reported(app, id, session, scope == Scope::Turn).await?;
        let base = match scope {
            Scope::Turn => "the time before the last prompt",
            _ => "the beginning of the session",
        };
        // What is checked out is good to know; without git the list is complete all the same.
        let head = match repository(app, id, &folder).await {
            Ok(repository) => repository.status().await.ok().map(|status| status.head),
            Err(_) => None,
        };
        return Ok(Found {
            scope,
            folder,
            files: reported.iter().map(listed).collect(),
            staged: Vec::new(),
            head,
            base: base.to_owned(),
            origin: Origin::Server(reported),
        });
    };
    let repository = repository(app, id, &folder).await?;
    let listing = repository.changes(&git).await?;
    let base = match &listing.base.tree {
        Some(tree) if scope == Scope::Branch && listing.head.commit.is_some() => {
            format!(
                "{} at {}",
                listing.base.name,
                tree.get(..10).unwrap_or(tree)
            )
        }
        _ => listing.base.name.clone(),
    };
    Ok(Found {
        scope,
        folder,
        files: listing.files,
        staged: listing.staged,
        head: Some(listing.head),
        base,
        origin: Origin::Git(repository, git, listing.base),
    })
}

/// One file of a review: what changed, and both sides.
pub(super) async fn one(
    app: &App,
    id: &InstanceId,
    asked: &Asked,
) -> Result<(Origin, FileChange), Problem> {
    let scope = scope_of(app, id, asked).await;
    let path = asked.file()?;
    let Some(git) = asked.git_scope(scope) else {
        let found = find(app, id, asked, scope).await?;
        let mut files = found.files.into_iter().map(|one| one.change);
        let change = files.find(|change| change.path == path);
        return change
            .map(|change| (found.origin, change))
            .ok_or_else(Problem::no_fragment);
    };
    let folder = super::folder(app, id, asked.session.as_ref())?;
    let repository = repository(app, id, &folder).await?;
    let (base, change) = repository
        .one(&git, &path, asked.old_file().as_ref())
        .await?;
    Ok((Origin::Git(repository, git, base), change))
}

impl Origin {
    /// Both sides of a file, compared anew only if one of them changed.
    pub(super) async fn diff(
        &self,
        app: &App,
        file: &FileChange,
        options: Options,
    ) -> Result<Arc<Comparison>, Problem> {
        let Some(identity) = self.identity(file, options).await else {
            return compared(self.compare(file, options).await?).await;
        };
        // What was written meanwhile is shown, and not kept under the name of what was there before.
        let mut other = None;
        let make = async || {
            let diff = self.compare(file, options).await?;
            if self.identity(file, options).await == Some(identity) {
                return Ok(diff);
            }
            other = Some(diff);
            Err(Problem::internal("The file changed while it was compared"))
        };
        let known = app.comparisons().get(identity, make).await;
        match other {
            Some(diff) => compared(diff).await,
            None => known,
        }
    }

    async fn compare(&self, file: &FileChange, options: Options) -> Result<FileDiff, Problem> {
        match self {
            Self::Git(repository, scope, base) => {
                Ok(repository.file(scope, base, file, options).await?)
            }
            Self::Server(reported) => {
                let patch = patch_of(reported, file).to_owned();
                let parse = move || FileDiff::of(Patch::parse(patch.as_bytes()), false, options);
                let parsed = tokio::task::spawn_blocking(parse).await;
                parsed.map_err(Problem::internal)
            }
        }
    }

    /// Names what is compared, and how; `None` where that is not known.
    async fn identity(&self, file: &FileChange, options: Options) -> Option<Identity> {
        match self {
            Self::Git(repository, scope, _) => repository.identity(scope, file, options).await,
            Self::Server(reported) => {
                let space = [u8::from(options.ignore_space)];
                let hash = Sha256::new().chain_update(space);
                Some(
                    hash.chain_update(patch_of(reported, file))
                        .finalize()
                        .into(),
                )
            }
        }
    }

    /// A name of what the file has now.
    pub(super) async fn content_name(&self, file: &FileChange) -> String {
        match self {
            Self::Git(repository, scope, _) => {
                repository
                    .content_name(file, *scope == GitScope::Staged)
                    .await
            }
            Self::Server(reported) => {
                let digest = Sha256::digest(patch_of(reported, file));
                digest[..16]
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect()
            }
        }
    }
}

fn patch_of<'a>(reported: &'a [ChangedFile], file: &FileChange) -> &'a str {
    let found = reported.iter().find(|one| path_of(one) == file.path);
    found.map_or("", |one| &one.patch)
}

fn path_of(file: &ChangedFile) -> FilePath {
    FilePath::new(file.file.as_bytes())
}

fn listed(file: &ChangedFile) -> Listed {
    let status = match &*file.status {
        "added" => FileStatus::Added,
        "deleted" => FileStatus::Deleted,
        _ => FileStatus::Modified,
    };
    let kind = |is: bool| if is { FileKind::File } else { FileKind::None };
    let binary = file.patch.is_empty() && file.additions + file.deletions == 0;
    let change = FileChange {
        path: path_of(file),
        old_path: None,
        status,
        old_kind: kind(status != FileStatus::Added),
        new_kind: kind(status != FileStatus::Deleted),
        old_id: "0".to_owned(),
        new_id: "0".to_owned(),
        lines: Some((file.additions, file.deletions)).filter(|_| !binary),
        binary,
    };
    Listed {
        change,
        staging: Staging::default(),
    }
}
