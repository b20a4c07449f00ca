//! The folders of a server that has none of its own: what each is called.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::state::Instance;
use crate::time::Timestamp;
use crate::{limits, plain};

/// Short names of the folders in which an instance has sessions: the last part of the path, and as many before it as it takes to tell
/// two apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FolderNames {
    names: BTreeMap<Arc<str>, Arc<str>>,
}

impl FolderNames {
    /// Those of an instance; none of one that has a folder of its own.
    pub fn of(instance: &Instance) -> Self {
        if !instance.has_many_folders() {
            return Self::default();
        }
        let sessions = instance.sessions.values();
        let directories = sessions.map(|session| session.info.directory.clone());
        let known: BTreeSet<_> = directories
            .filter(|directory| !directory.is_empty())
            .collect();
        Self::from(known)
    }

    /// The name of an instance, with that of a folder where it has none of its own.
    pub fn of_instance(&self, instance: &Instance, directory: &str) -> Arc<str> {
        match self.name(directory) {
            Some(folder) => format!("{} · {folder}", instance.name).into(),
            None => instance.name.clone(),
        }
    }

    /// The name of a folder; absent where the instance has a folder of its own, or no session is known there.
    pub fn name(&self, directory: &str) -> Option<&Arc<str>> {
        self.names.get(directory)
    }
}

impl From<BTreeSet<Arc<str>>> for FolderNames {
    fn from(directories: BTreeSet<Arc<str>>) -> Self {
        let mut names: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        let mut left: Vec<Arc<str>> = directories.into_iter().collect();
        let mut parts = 1;
        while !left.is_empty() {
            let mut same: BTreeMap<&str, Vec<&Arc<str>>> = BTreeMap::new();
            for directory in &left {
                let name = match parts > limits::FOLDER_NAME_PARTS {
                    true => directory,
                    false => last(directory, parts),
                };
                same.entry(name).or_default().push(directory);
            }
            let (mut named, mut again) = (Vec::new(), Vec::new());
            for (name, of) in same {
                match of.as_slice() {
                    [one] => named.push((
                        (*one).clone(),
                        plain::line(name, limits::FOLDER_NAME_CHARS).into(),
                    )),
                    several => again.extend(several.iter().map(|one| (*one).clone())),
                }
            }
            names.extend(named);
            left = again;
            parts += 1;
        }
        Self { names }
    }
}

/// A folder in which an instance without one of its own has sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderRow {
    /// Its path.
    pub directory: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The branch that is checked out there, where known.
    pub branch: Option<Arc<str>>,
    /// How many sessions work there that are not archived.
    pub sessions: usize,
}

/// The folders of an instance that has none of its own, that of the session that changed last first; empty for another one.
pub fn folders(instance: &Instance) -> Vec<FolderRow> {
    let names = FolderNames::of(instance);
    let mut found: BTreeMap<&Arc<str>, (Timestamp, usize)> = BTreeMap::new();
    for info in instance.sessions.values().map(|session| &session.info) {
        let (last, sessions) = found.entry(&info.directory).or_insert((info.updated, 0));
        *last = info.updated.max(*last);
        *sessions += usize::from(info.archived.is_none());
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, (last, _))| Reverse(*last));
    let rows = found.into_iter().filter_map(|(directory, (_, sessions))| {
        Some(FolderRow {
            directory: directory.clone(),
            name: names.name(directory)?.clone(),
            branch: instance.branches.get(directory).cloned(),
            sessions,
        })
    });
    rows.collect()
}

/// The last parts of a path: all of it, where it has no more.
fn last(path: &str, parts: usize) -> &str {
    let is_cut = |byte: &u8| matches!(byte, b'/' | b'\\');
    let bare = path.trim_end_matches(['/', '\\']);
    if bare.is_empty() {
        return path;
    }
    let cuts = bare.bytes().enumerate().rev();
    let cut = cuts.filter(|(_, byte)| is_cut(byte)).nth(parts - 1);
    match cut {
        Some((at, _)) => &bare[at + 1..],
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(directories: &[&str]) -> Vec<String> {
        let all: BTreeSet<Arc<str>> = directories.iter().map(|one| (*one).into()).collect();
        let names = FolderNames::from(all);
        let name = |one: &&str| names.name(one).map(|name| name.to_string());
        directories.iter().filter_map(name).collect()
    }

    #[test]
    fn a_folder_is_called_by_its_last_part_and_by_more_where_that_is_not_enough() {
        let paths = [
            "/home/a/shop",
            "/home/b/shop",
            "/home/a/blog",
            "/",
            r"C:\work\site",
        ];
        assert_eq!(named(&paths), ["a/shop", "b/shop", "blog", "/", "site"]);
        assert_eq!(named(&["/shop", "/a/shop/"]), ["/shop", "a/shop"]);
        assert_eq!(named(&["shop", "shop/"]), ["shop", "shop/"]);
        // A server's path is one bounded line, and equal ends are followed for some parts only.
        assert_eq!(named(&["/w/a\u{202e}\nb"]), ["a\\u{202e} b"]);
        let ends = "/a".repeat(limits::FOLDER_NAME_PARTS);
        let (one, two) = (format!("/one{ends}"), format!("/two{ends}"));
        assert_eq!(named(&[&one, &two]), [one, two]);
    }
}
