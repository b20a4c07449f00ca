//! Fragments of the review page: the list, the lines of a file, the lines of a gap.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Html;
use changes::{FileChange, FileDiff, FileKind, FilePath, FileStatus, Gap, Text};
use model::ids::{InstanceId, SessionId};
use model::state::Run;
use page::{
    CommentSide, CommentState, FileView, ReviewAddress, ReviewComment, ReviewFile, ReviewList,
    ReviewPicture, Viewed, speak,
};

use super::super::compared::Comparison;
use super::source::{self, Found, Origin};
use super::{App, Asked, Problem, Scope};
use crate::git::Listed;
use crate::http::spoken::Spoken;
use crate::review::{Comment, Side};
use crate::{limits, picture};

/// The list of changes, as HTML. What keeps it from being read is part of it.
pub(in crate::http) async fn files(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    // Before what it says: a change that comes meanwhile is read again, and none is missed.
    let marks = app.hub().reviews().marks().borrow().revision;
    let scope = source::scope_of(&app, &id, &asked).await;
    let folder = super::folder(&app, &id, asked.session.as_ref())?;
    let found = source::find(&app, &id, &asked, scope).await;
    let comments = app.hub().reviews().comments(&folder);
    let agent = agent(&app, &id, asked.session.as_ref(), &folder);
    let address = ReviewAddress {
        instance: id.as_str(),
        session: asked.session.as_ref().map(|session| session.as_str()),
        scope: scope.word(),
        base: asked.base.as_deref().filter(|base| !base.is_empty()),
    };
    let mut list = ReviewList {
        address,
        scopes: scopes(asked.session.is_some()),
        directory: &folder,
        marks,
        branch: Vec::new(),
        base: String::new(),
        bases: Vec::new(),
        files: Vec::new(),
        staged: Vec::new(),
        elsewhere: Vec::new(),
        left_out: 0,
        trouble: Vec::new(),
        notes: Vec::new(),
        drafts: comments.iter().filter(|one| one.sent.is_none()).count(),
        agent_path: agent
            .as_ref()
            .map(|(session, _)| page::session_path(id.as_str(), session.as_str())),
        agent: agent.map(|(_, title)| title),
        writable: false,
    };
    match found {
        Ok(found) => fill(&app, &mut list, found, &comments).await?,
        Err(problem) => list.trouble = problem.sentences(),
    }
    let listed: BTreeSet<String> = list.files.iter().map(|one| one.change.path.id()).collect();
    let apart = comments.iter().filter(|one| one.sent.is_none());
    let apart = apart.filter(|one| !listed.contains(&one.path));
    list.elsewhere = apart
        .map(|one| {
            let drawn = drawn_comment(&app, &id, one, &FileDiff::default());
            (FilePath::from_id(&one.path).unwrap_or_default(), drawn)
        })
        .collect();
    Ok(Html(speak(language, || page::review_list(&list))))
}

async fn fill(
    app: &App,
    list: &mut ReviewList<'_>,
    found: Found,
    comments: &[Comment],
) -> Result<(), Problem> {
    list.base = found.base;
    list.staged = found.staged;
    if let Some(head) = &found.head {
        let commit = head
            .commit
            .as_deref()
            .map(|commit| commit.get(..10).unwrap_or(commit));
        list.branch.push(match (&head.branch, commit) {
            (Some(branch), Some(_)) => format!("on branch {branch}"),
            (Some(branch), None) => format!("on branch {branch}, which has no commit yet"),
            (None, commit) => {
                let commit = commit.unwrap_or_default();
                format!("on no branch: commit {commit} is checked out")
            }
        });
        match (&head.upstream, head.ahead_behind) {
            (Some(upstream), Some((ahead, behind))) if ahead + behind > 0 => {
                let far = format!("{ahead} ahead of {upstream}, {behind} behind");
                list.branch.push(far);
            }
            _ => {}
        }
    }
    if let Origin::Git(repository, _, _) = &found.origin {
        list.writable = true;
        if repository.is_linked() {
            list.branch.push("a linked work tree".to_owned());
        }
        if found.scope == Scope::Branch {
            list.bases = repository.branches().await?;
        }
        if repository.root() != std::path::Path::new(list.directory) {
            let root = repository.root().display();
            let note = format!("The repository begins above: {root}");
            list.notes.push(note);
        }
    }
    list.left_out = found.files.len().saturating_sub(limits::REVIEW_FILES);
    let viewed = app.hub().reviews().viewed(&found.folder);
    for Listed { change, staging } in found.files.into_iter().take(limits::REVIEW_FILES) {
        let path = change.path.id();
        let viewed = match viewed.get(&path) {
            None => Viewed::No,
            known => self::viewed(
                known.map(String::as_str),
                &found.origin.content_name(&change).await,
            ),
        };
        let comments = comments.iter().filter(|one| one.path == path).count();
        list.files.push(ReviewFile {
            change,
            staging,
            viewed,
            comments,
        });
    }
    Ok(())
}

/// Whether a file that was viewed with one content was viewed as it is.
pub(super) fn viewed(seen: Option<&str>, now: &str) -> Viewed {
    match seen {
        None => Viewed::No,
        Some(seen) if seen == now => Viewed::Yes,
        Some(_) => Viewed::Before,
    }
}

/// The scopes that can be chosen, with their labels.
fn scopes(session: bool) -> Vec<(&'static str, &'static str)> {
    let shown = Scope::ALL
        .into_iter()
        .filter(|scope| session || !scope.is_of_session());
    shown.map(|scope| (scope.word(), scope.label())).collect()
}

/// The session that gets the comments, and its title: the one that is reviewed, else the one of this folder that changed last.
pub(super) fn agent(
    app: &App,
    id: &InstanceId,
    session: Option<&SessionId>,
    folder: &str,
) -> Option<(SessionId, String)> {
    app.hub().engine().read(|state| {
        let instance = state.instances.get(id)?;
        let found = match session {
            Some(session) => instance.sessions.get(session)?,
            None => instance
                .sessions
                .values()
                .filter(|one| one.info.parent.is_none() && *one.info.directory == *folder)
                .max_by_key(|one| one.info.updated)?,
        };
        Some((found.info.id.clone(), found.info.title().to_owned()))
    })
}

/// The lines of a file, as HTML.
pub(in crate::http) async fn file(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let (origin, change) = source::one(&app, &id, &asked).await?;
    let folder = super::folder(&app, &id, asked.session.as_ref())?;
    let (diff, trouble) = match origin.diff(&app, &change, asked.options()).await {
        Ok(diff) => (diff, Vec::new()),
        Err(problem) => {
            let nothing = Arc::new(Comparison::from(FileDiff::default()));
            (nothing, problem.sentences())
        }
    };
    let is_picture = diff.is_binary() && trouble.is_empty();
    let (picture, size) = match is_picture {
        true => pictures(&origin, &id, &change, &asked).await,
        false => (None, None),
    };
    let of_file = app.hub().reviews().comments(&folder).into_iter();
    let of_file = of_file.filter(|one| Some(&one.path) == asked.path.as_ref());
    let of_file: Vec<Comment> = of_file.collect();
    let shared = app.clone();
    let drawn = app.hub().live().draw(language, move |_| {
        let comments = of_file
            .iter()
            .map(|one| drawn_comment(&shared, &id, one, &diff));
        let path = change.path.text().into_owned();
        page::review_file(&FileView {
            path: &path,
            diff: &diff,
            seen: &diff.seen,
            split: asked.split,
            from: asked.from,
            comments: comments.collect(),
            picture,
            size,
            trouble,
            conflicted: change.status == FileStatus::Conflicted,
            repository: change.new_kind == FileKind::Submodule,
        })
    });
    drawn
        .await
        .map(Html)
        .ok_or_else(|| Problem::internal("The file could not be drawn"))
}

/// The addresses of both sides of an image; of another binary file the size after.
async fn pictures(
    origin: &Origin,
    id: &InstanceId,
    change: &FileChange,
    asked: &Asked,
) -> (Option<ReviewPicture>, Option<u64>) {
    let Origin::Git(repository, ..) = origin else {
        return (None, None);
    };
    let most = usize::try_from(limits::PICTURE_BYTES).unwrap_or(usize::MAX);
    let mut found = ReviewPicture::default();
    let mut size = None;
    for before in [true, false] {
        let content = repository
            .content(change, before, most)
            .await
            .ok()
            .flatten();
        let Some(content) = content else { continue };
        if !before {
            size = Some(content.len() as u64);
        }
        if picture::sniff(&content).is_none() {
            continue;
        }
        // The content is part of the address, so that a changed image is fetched again.
        let name = repository.content_name(change, false).await;
        let url = image_url(id, asked, &change.path, before, &name);
        match before {
            true => found.old = Some(url),
            false => found.new = Some(url),
        }
    }
    let any = found.old.is_some() || found.new.is_some();
    (any.then_some(found), size)
}

fn image_url(id: &InstanceId, asked: &Asked, path: &FilePath, before: bool, name: &str) -> String {
    let address = ReviewAddress {
        instance: id.as_str(),
        session: asked.session.as_ref().map(|session| session.as_str()),
        scope: asked.of.map_or("uncommitted", Scope::word),
        base: asked.base.as_deref(),
    };
    let old = asked
        .old
        .as_deref()
        .map(|old| format!("&old={}", encoded(old)));
    let instance = page::instance_path(id.as_str());
    let instance = instance.trim_start_matches("/i/");
    format!(
        "/api/instances/{instance}/review/image?{}&path={}{}&before={before}&v={name}",
        address.query(),
        encoded(&path.id()),
        old.unwrap_or_default(),
    )
}

/// An id of a path as the value of a query: its `%` signs are its own.
fn encoded(id: &str) -> String {
    id.replace('%', "%25")
}

/// The lines of a gap, as HTML.
pub(in crate::http) async fn lines(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let (origin, change) = source::one(&app, &id, &asked).await?;
    let diff = origin.diff(&app, &change, asked.options()).await?;
    let drawn = app.hub().live().draw(language, move |_| {
        let gap = Gap {
            old: asked.gap_old,
            new: asked.gap_new,
            lines: asked.lines,
            known: true,
        };
        page::review_lines(&change.path.text(), &diff, asked.split, gap)
    });
    drawn
        .await
        .map(Html)
        .ok_or_else(|| Problem::internal("The lines could not be drawn"))
}

/// A comment at its place in what is there now.
fn drawn_comment(app: &App, id: &InstanceId, comment: &Comment, diff: &FileDiff) -> ReviewComment {
    ReviewComment {
        id: comment.id.clone(),
        side: match comment.side {
            Side::Old => CommentSide::Old,
            Side::New => CommentSide::New,
            Side::File => CommentSide::File,
        },
        lines: place_of(comment, diff),
        quoted: comment
            .anchor()
            .map(|anchor| anchor.lines)
            .unwrap_or_default(),
        text: comment.text.clone(),
        by: comment.by.clone(),
        at: comment.at,
        state: state_of(app, id, comment),
    }
}

/// The first and last line of a comment now; `None` if they are gone.
pub(super) fn place_of(comment: &Comment, diff: &FileDiff) -> Option<(usize, usize)> {
    let anchor = comment.anchor()?;
    let found = diff.segments().iter().find_map(|segment| {
        let (text, start): (&Text, usize) = match comment.side {
            Side::Old => (&segment.old, segment.old_start),
            Side::New | Side::File => (&segment.new, segment.new_start),
        };
        let mut moved = anchor.clone();
        moved.line = (anchor.line + 1).saturating_sub(start).max(1);
        Some(moved.find(text)? + start - 1)
    });
    found.map(|first| (first, anchor.last(first)))
}

fn state_of(app: &App, id: &InstanceId, comment: &Comment) -> CommentState {
    let Some(sent) = &comment.sent else {
        return CommentState::Draft;
    };
    let answered = app.hub().engine().read(|state| {
        let instance = state.instances.get(id)?;
        let session = instance.sessions.get(&sent.session)?;
        let ended = session.ended_at?;
        Some(session.run == Run::Idle && ended > sent.at)
    });
    match answered {
        Some(true) => CommentState::Answered,
        _ => CommentState::Sent,
    }
}
