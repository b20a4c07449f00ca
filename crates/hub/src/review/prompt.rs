//! The one prompt that brings all comments to an agent.

use std::fmt::Write;

use changes::FilePath;
use model::plain;

use super::{Comment, Side};
use crate::limits;

/// Writes comments as a prompt, with file, lines and code of each. `place` says what was reviewed.
pub fn prompt(place: &str, comments: &[(Comment, Option<(usize, usize)>)]) -> String {
    let many = match comments {
        [_] => "a comment".to_owned(),
        all => format!("{} comments", all.len()),
    };
    let mut text = format!("I reviewed your changes in {place} and have {many}:\n");
    for (nth, (comment, lines)) in comments.iter().enumerate() {
        let path = FilePath::from_id(&comment.path).unwrap_or_default();
        let path = plain::line(&path.text(), limits::PATH_BYTES);
        // Writing to a string cannot fail.
        let _written = write!(text, "\n{}. `{path}`{}\n", nth + 1, at(comment, *lines));
        let quoted = comment
            .anchor()
            .map(|anchor| anchor.lines)
            .unwrap_or_default();
        if !quoted.is_empty() {
            let fence = fence(&quoted);
            let code = plain::block(&quoted.join("\n"));
            let _written = write!(text, "\n{fence}\n{code}\n{fence}\n");
        }
        let _written = write!(text, "\n{}\n", comment.text.trim());
    }
    text.push_str("\nPlease go through them one by one. Where you disagree, say why instead of changing the code.");
    text
}

fn at(comment: &Comment, lines: Option<(usize, usize)>) -> String {
    let old = if comment.side == Side::Old {
        " before the change"
    } else {
        ""
    };
    match (comment.side, lines) {
        (Side::File, _) => String::new(),
        (_, Some((first, last))) if first == last => format!(", line {first}{old}"),
        (_, Some((first, last))) => format!(", lines {first}–{last}{old}"),
        (_, None) => ", lines that are not there any more".to_owned(),
    }
}

/// A fence that no line of the code ends.
fn fence(lines: &[String]) -> String {
    let ticks = |line: &String| {
        line.split(|c| c != '`')
            .map(str::len)
            .max()
            .unwrap_or_default()
    };
    let longest = lines.iter().map(ticks).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::StoredAnchor;
    use model::time::Timestamp;

    fn comment(path: &str, side: Side, lines: &[&str], text: &str) -> Comment {
        let anchor = (!lines.is_empty()).then(|| StoredAnchor {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            ..StoredAnchor::default()
        });
        Comment {
            id: "c".into(),
            path: path.into(),
            side,
            anchor,
            text: text.into(),
            by: "Ann".into(),
            at: Timestamp(0),
            sent: None,
        }
    }

    #[test]
    fn all_comments_are_one_prompt() {
        let comments = [
            (
                comment(
                    "src/a%20b.rs",
                    Side::New,
                    &["let a = 1;", "````"],
                    " Name it. ",
                ),
                Some((3, 4)),
            ),
            (
                comment("x", Side::Old, &["gone"], "Keep this."),
                Some((9, 9)),
            ),
            (comment("y%1B", Side::File, &[], "Why?"), None),
        ];
        let text = prompt("/p on main", &comments);
        assert_eq!(
            text,
            "I reviewed your changes in /p on main and have 3 comments:\n\n1. `src/a b.rs`, lines 3–4\n\n`````\nlet a = 1;\n````\n`````\n\n\
             Name it.\n\n2. `x`, line 9 before the change\n\n```\ngone\n```\n\nKeep this.\n\n3. `y␛`\n\nWhy?\n\n\
             Please go through them one by one. Where you disagree, say why instead of changing the code."
        );
    }
}
