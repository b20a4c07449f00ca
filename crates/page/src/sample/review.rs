//! A made-up review with every kind of file, and what a search finds: what the page fetches beside its document.

use changes::{FileChange, FileDiff, FileKind, FilePath, FileStatus, Options, Patch, Staging};
use model::time::Timestamp;
use page::{
    CommentSide, CommentState, FileView, FoundHit, FoundKind, Lacking, ReviewAddress,
    ReviewComment, ReviewFile, ReviewList, ReviewPicture, Viewed, review_file, review_list,
    search_dialog, search_hits,
};

use super::sample::NOW;

/// The document of the review, and the fragments that it fetches.
pub(crate) const REVIEW: (&str, &str) = ("i1", "ses_parse");

const BEFORE: &str = "/// Columns that a text takes.\nfn width(text: &str) -> usize {\n    text.len()\n}\n\nfn pad(cell: &str, to: usize) -> String {\n    format!(\"{cell:to$}\")\n}\n";
const AFTER: &str = "/// Columns that a text takes.\nfn width(text: &str) -> usize {\n    text.chars().map(columns).sum()\n}\n\nfn pad(cell: &str, to: usize) -> String {\n    format!(\"{cell:to$}\")\n}\n\n/// Wide letters take two.\nfn columns(letter: char) -> usize {\n    if letter.is_ascii() { 1 } else { 2 }\n}\n";

fn file(
    path: &str,
    old: Option<&str>,
    status: FileStatus,
    lines: Option<(u64, u64)>,
) -> ReviewFile {
    let kind = |is| if is { FileKind::File } else { FileKind::None };
    let is_new = matches!(status, FileStatus::Added | FileStatus::Untracked);
    ReviewFile {
        change: FileChange {
            path: FilePath::new(path.as_bytes()),
            old_path: old.map(|old| FilePath::new(old.as_bytes())),
            status,
            old_kind: kind(!is_new),
            new_kind: kind(status != FileStatus::Deleted),
            old_id: "1".repeat(40),
            new_id: "0".repeat(40),
            lines,
            binary: lines.is_none(),
        },
        staging: Staging::default(),
        viewed: Viewed::No,
        comments: 0,
    }
}

/// The list of files.
// Longer than 70 lines: one file of each kind.
pub(crate) fn list() -> String {
    let staged = Staging {
        staged: true,
        ..Staging::default()
    };
    let partly = Staging {
        unstaged: true,
        ..staged
    };
    let files = vec![
        ReviewFile {
            comments: 3,
            staging: partly,
            ..file("src/width.rs", None, FileStatus::Modified, Some((7, 1)))
        },
        ReviewFile {
            viewed: Viewed::Before,
            ..file(
                "src/table.rs",
                Some("src/grid.rs"),
                FileStatus::Renamed,
                Some((1, 1)),
            )
        },
        ReviewFile {
            viewed: Viewed::Yes,
            staging: staged,
            ..file(
                "docs/a very long name of a file that says all that there is to say.md",
                None,
                FileStatus::Untracked,
                Some((12, 0)),
            )
        },
        file("logo.png", None, FileStatus::Modified, None),
        file("src/old.rs", None, FileStatus::Conflicted, Some((4, 4))),
    ];
    let scopes = [
        "session",
        "turn",
        "uncommitted",
        "unstaged",
        "staged",
        "branch",
    ];
    review_list(&ReviewList {
        address: ReviewAddress {
            instance: REVIEW.0,
            session: Some(REVIEW.1),
            scope: "uncommitted",
            base: None,
        },
        scopes: scopes.map(|scope| (scope, scope)).to_vec(),
        directory: "/home/me/drovers",
        marks: 0,
        branch: vec![
            "on branch topic/width".to_owned(),
            "2 ahead of origin/main, 1 behind".to_owned(),
        ],
        base: "the last commit".to_owned(),
        bases: vec!["main".to_owned()],
        files,
        staged: vec![
            FilePath::new("docs/a very long name of a file that says all that there is to say.md"),
            FilePath::new("src/width.rs"),
        ],
        elsewhere: vec![(
            FilePath::new("src/gone.rs"),
            comment("c4", None, "Bring this back.", CommentState::Draft),
        )],
        left_out: 0,
        trouble: Vec::new(),
        notes: Vec::new(),
        drafts: 3,
        agent: Some("Parse tables".to_owned()),
        agent_path: Some("/i/i1/s/ses_parse".to_owned()),
        writable: true,
    })
}

fn comment(
    id: &str,
    lines: Option<(usize, usize)>,
    text: &str,
    state: CommentState,
) -> ReviewComment {
    ReviewComment {
        id: id.to_owned(),
        side: CommentSide::New,
        lines,
        quoted: vec!["    text.width()".to_owned()],
        text: text.to_owned(),
        by: "phone".to_owned(),
        at: Timestamp(NOW - 600_000),
        state,
    }
}

/// The lines of a file of the list.
pub(crate) fn lines(path: &str, split: bool) -> String {
    let (diff, comments) = match path {
        "src/width.rs" => (
            FileDiff::of_texts(BEFORE.into(), AFTER.into(), Options::default()),
            vec![
                comment(
                    "c1",
                    Some((3, 3)),
                    "What of combining marks? They take no column.",
                    CommentState::Draft,
                ),
                comment(
                    "c2",
                    Some((10, 13)),
                    "Name the constant.",
                    CommentState::Answered,
                ),
                comment("c3", None, "This was right.", CommentState::Sent),
            ],
        ),
        "logo.png" => {
            let binary = Patch {
                binary: true,
                ..Patch::default()
            };
            (FileDiff::of(binary, true, Options::default()), Vec::new())
        }
        _ => {
            let after = BEFORE.replace("len()", "width()");
            (
                FileDiff::of_texts(BEFORE.into(), after.into(), Options::default()),
                Vec::new(),
            )
        }
    };
    let picture = diff.is_binary().then(|| ReviewPicture {
        old: Some("/logo-before.png".to_owned()),
        new: Some("/logo-after.png".to_owned()),
    });
    review_file(&FileView {
        path,
        diff: &diff,
        seen: "seen",
        split,
        from: 0,
        comments,
        picture,
        size: None,
        trouble: Vec::new(),
        conflicted: false,
        repository: false,
    })
}

/// The dialog of the search, or what a query finds.
pub(crate) fn search(query: Option<&str>) -> String {
    let Some(query) = query else {
        return search_dialog();
    };
    let hit = |nth: i64, kind: FoundKind| FoundHit {
        path: format!("/i/i1/s/ses_parse#msg_{nth}"),
        instance: "drovers".into(),
        title: "Parse tables with wide characters".to_owned(),
        at: Timestamp(NOW - nth * 86_400_000),
        kind,
        text: vec![
            ("the ".to_owned(), false),
            (query.to_owned(), true),
            (" of a column of CJK 列 is two".to_owned(), false),
        ],
    };
    let hits = [
        hit(1, FoundKind::Prompt),
        hit(2, FoundKind::Answer),
        hit(3, FoundKind::Tool("bash".to_owned())),
    ];
    let lacking = Lacking {
        all: 40,
        waiting: 3,
        changed: 1,
        ..Lacking::default()
    };
    search_hits(&hits, true, &lacking)
}
