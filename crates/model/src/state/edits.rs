//! The files that the calls of a session changed and that nobody committed or marked as done since, as far as arguments say.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Part, PartKind, Tool, ToolEnd, ToolState};
use crate::event::Event;
use crate::limits;
use crate::time::Timestamp;

/// Files by path, as the model wrote it, each with the time of its last change by our clock. [`limits::EDITS`] at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edits(BTreeMap<Arc<str>, Timestamp>);

impl Edits {
    /// The paths, as the model wrote them: absolute, or relative to the session's folder.
    pub fn paths(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }

    /// True if none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes note of an event of the conversation. True if a path came.
    pub(crate) fn note(&mut self, at: Timestamp, event: &Event) -> bool {
        match event {
            Event::Part(Part {
                kind: PartKind::Tool(tool),
                ..
            }) => self.tool(at, tool),
            _ => false,
        }
    }

    /// Forgets what was changed up to `done`, if a person marked the session as done.
    pub(crate) fn settle(&mut self, done: Option<Timestamp>) {
        self.0.retain(|_, at| done.is_none_or(|done| *at > done));
    }

    fn tool(&mut self, at: Timestamp, tool: &Tool) -> bool {
        let may_change = matches!(
            tool.state,
            ToolState::Running { .. } | ToolState::Completed { .. }
        );
        if !may_change {
            return false;
        }
        if commits(tool) {
            self.0.clear();
            return false;
        }
        let mut came = false;
        for path in changed_by(tool) {
            came |= self.0.insert(path, at).is_none();
        }
        while self.0.len() > limits::EDITS {
            let oldest = self.0.iter().min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(path, _)| path.clone()) else {
                break;
            };
            self.0.remove(&oldest);
        }
        came
    }
}

/// True for a command that committed: what was changed before it is in the history, and in nobody's way as a loose change.
fn commits(tool: &Tool) -> bool {
    let well = matches!(tool.state, ToolState::Completed { .. })
        && matches!(tool.end, None | Some(ToolEnd::Exit(0)));
    let names = matches!(&*tool.name, "bash" | "shell");
    well && names && tool.input.get().contains("git commit")
}

/// The paths that a call changes, by its arguments.
fn changed_by(tool: &Tool) -> Vec<Arc<str>> {
    let takes = match &*tool.name {
        "edit" | "write" | "multiedit" => "filePath",
        "patch" | "apply_patch" => "patchText",
        _ => return Vec::new(),
    };
    let Ok(input) = serde_json::from_str::<serde_json::Value>(tool.input.get()) else {
        return Vec::new();
    };
    let text = input.get(takes).and_then(serde_json::Value::as_str);
    let text = text.unwrap_or_default();
    let is_path = |path: &&str| !path.is_empty() && path.len() <= limits::EDIT_BYTES;
    match takes {
        "filePath" => Some(text)
            .filter(is_path)
            .into_iter()
            .map(Arc::from)
            .collect(),
        _ => patched(text)
            .filter(is_path)
            .take(limits::EDITS)
            .map(Arc::from)
            .collect(),
    }
}

/// The paths that a patch names, as OpenCode writes it: `*** Update File: path`.
fn patched(patch: &str) -> impl Iterator<Item = &str> {
    const MARKS: [&str; 4] = [
        "*** Add File: ",
        "*** Update File: ",
        "*** Delete File: ",
        "*** Move to: ",
    ];
    patch.lines().filter_map(|line| {
        let named = MARKS.iter().find_map(|mark| line.strip_prefix(mark))?;
        Some(named.trim())
    })
}

/// A path as it is from `/`, without `.` and `..`: of a folder and a path in it. Nothing is looked up on a disk. `None` if either is no
/// absolute path in the end.
pub fn absolute(folder: &str, path: &str) -> Option<String> {
    let whole = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{folder}/{path}"),
    };
    if !whole.starts_with('/') {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    for name in whole.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    Some(format!("/{}", names.join("/")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::json::Json;

    fn tool(name: &str, input: serde_json::Value) -> Tool {
        Tool {
            name: name.into(),
            call: "c".into(),
            state: ToolState::Running { output: "".into() },
            input: Json::of(&input),
            title: None,
            diff: None,
            files: Vec::new(),
            child: None,
            end: None,
            started: None,
            ended: None,
        }
    }

    fn paths(tool: &Tool) -> Vec<String> {
        let mut edits = Edits::default();
        edits.tool(Timestamp(1), tool);
        edits.paths().map(|path| path.to_string()).collect()
    }

    #[test]
    fn calls_name_the_files_that_they_change() {
        let of = |name: &str, input| paths(&tool(name, input));
        assert_eq!(
            of("edit", serde_json::json!({"filePath": "/p/a.rs"})),
            ["/p/a.rs"]
        );
        assert_eq!(
            of(
                "write",
                serde_json::json!({"filePath": "b.rs", "content": "x"})
            ),
            ["b.rs"]
        );
        let patch = "*** Begin Patch\n*** Update File: a b.rs\n@@\n-x\n+*** Add File: no\n*** Move to: c.rs\n*** Delete File: d\n*** End Patch";
        assert_eq!(
            of("apply_patch", serde_json::json!({"patchText": patch})),
            ["a b.rs", "c.rs", "d"]
        );
        for input in [
            serde_json::json!({}),
            serde_json::json!([1]),
            serde_json::json!({"filePath": 7}),
        ] {
            assert!(of("edit", input).is_empty());
        }
        assert!(of("read", serde_json::json!({"filePath": "/p/a.rs"})).is_empty());
        assert!(of("bash", serde_json::json!({"command": "rm a"})).is_empty());
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let mut edits = Edits::default();
        for nth in 0..=limits::EDITS {
            let at = Timestamp(i64::try_from(nth).unwrap());
            edits.tool(
                at,
                &tool("edit", serde_json::json!({"filePath": format!("f{nth}")})),
            );
        }
        assert_eq!(edits.paths().count(), limits::EDITS);
        assert!(edits.paths().all(|path| &**path != "f0"));
    }

    #[test]
    fn paths_are_compared_from_the_top() {
        for (folder, path, whole) in [
            ("/p", "a.rs", Some("/p/a.rs")),
            ("/p", "./x/../a.rs", Some("/p/a.rs")),
            ("/p", "/q//a.rs", Some("/q/a.rs")),
            ("/p", "../../../a", Some("/a")),
            ("C:\\p", "a", None),
        ] {
            assert_eq!(absolute(folder, path).as_deref(), whole);
        }
    }

    proptest! {
        #[test]
        fn any_patch_is_read(text in "(\\*\\*\\* (Add|Move) ?(File|to)?: ?[a-z/.]{0,5}\n?|\\PC{0,9}\n){0,9}") {
            let _some: Vec<_> = patched(&text).collect();
        }

        #[test]
        fn a_path_from_the_top_has_no_dots(folder in "/[a-z/.]{0,9}", path in "[a-z/.]{0,9}") {
            let whole = absolute(&folder, &path).unwrap();
            prop_assert!(whole.starts_with('/') && whole[1..].split('/').all(|name| name != "." && name != ".."));
            prop_assert_eq!(absolute("/", &whole), Some(whole.clone()));
        }
    }
}
