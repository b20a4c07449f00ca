//! An element of the page as text, in pieces that can be compared with what a viewer has.

use std::sync::Arc;

use crate::limits;
use crate::markdown::Memo;
use crate::wire::Op;

/// A keyed element inside a [`Fragment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its `data-k`.
    pub(crate) key: String,
    /// Its start tag.
    pub(crate) open: String,
    /// What is in it.
    pub(crate) html: Arc<str>,
    /// Its end tag.
    pub(crate) close: &'static str,
    /// True if it is written as a browser would write it back, so that it may be changed from its middle on.
    pub(crate) streams: bool,
}

impl Block {
    fn html(&self) -> String {
        [&self.open, &*self.html, self.close].concat()
    }
}

/// A child of a [`Fragment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    /// Part of the fragment.
    Block(Block),
    /// A fragment of its own, by key: it travels apart.
    Apart(String),
}

impl Child {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Block(block) => &block.key,
            Self::Apart(key) => key,
        }
    }
}

/// A keyed element: what opens it, its keyed children, what closes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// Its `data-k`.
    pub(crate) key: String,
    /// The `data-k` of the element that holds the children: itself, or one inside of it.
    pub(crate) list: String,
    /// Everything before the children.
    pub(crate) open: String,
    /// The children.
    pub(crate) children: Vec<Child>,
    /// Everything after the children.
    pub(crate) close: String,
    /// What the next render of the same text can be spared.
    pub(crate) memo: Memo,
}

impl Fragment {
    /// A fragment without keyed children.
    pub(crate) fn whole(key: &str, html: String) -> Self {
        Self {
            key: key.to_owned(),
            list: key.to_owned(),
            open: html,
            children: Vec::new(),
            close: String::new(),
            memo: Memo::default(),
        }
    }

    /// The element, without children that travel apart.
    pub(crate) fn html(&self) -> String {
        let mut html = self.open.clone();
        for child in &self.children {
            if let Child::Block(block) = child {
                html.push_str(&block.open);
                html.push_str(&block.html);
                html.push_str(block.close);
            }
        }
        html + &self.close
    }

    /// One of its blocks, as an element.
    pub(crate) fn block_html(&self, key: &str) -> Option<String> {
        self.children.iter().find_map(|child| match child {
            Child::Block(block) if block.key == key => Some(block.html()),
            _ => None,
        })
    }

    /// Bytes that only this fragment holds, seen after `before`.
    pub(crate) fn bytes_beside(&self, before: Option<&Fragment>) -> usize {
        let shared = |at: usize, block: &Block| matches!(before.and_then(|b| b.children.get(at)), Some(Child::Block(b)) if Arc::ptr_eq(&b.html, &block.html));
        let children: usize = self
            .children
            .iter()
            .enumerate()
            .map(|(at, child)| match child {
                Child::Block(block) if shared(at, block) => 2 * block.key.len() + block.open.len(),
                Child::Block(block) => 2 * block.key.len() + block.open.len() + block.html.len(),
                Child::Apart(key) => key.len(),
            })
            .sum();
        self.key.len()
            + self.list.len()
            + self.open.len()
            + self.close.len()
            + children
            + self.memo.bytes()
    }

    /// Takes over texts that equal those of `before`, so that they are kept once.
    pub(crate) fn share(&mut self, before: &Fragment) {
        for (at, child) in self.children.iter_mut().enumerate() {
            if let (Child::Block(new), Some(Child::Block(old))) = (child, before.children.get(at))
                && new.html == old.html
            {
                new.html = old.html.clone();
            }
        }
    }

    /// The changes that make this of `base`, without the order of children that travel apart.
    pub(crate) fn changes(
        &self,
        base: Option<&Fragment>,
        fetch: &dyn Fn(&str) -> String,
        ops: &mut Vec<Op>,
    ) {
        let Some(base) = base.filter(|base| base.open == self.open && base.close == self.close)
        else {
            return push(&self.key, self.html(), fetch, ops);
        };
        for (at, child) in self.children.iter().enumerate() {
            let Child::Block(new) = child else { continue };
            let same_place = base.children.get(at).filter(|old| old.key() == new.key);
            let old = same_place.or_else(|| base.children.iter().find(|old| old.key() == new.key));
            match old {
                Some(Child::Block(old)) if old.open == new.open => {
                    block_changes(old, new, fetch, ops)
                }
                _ => push(&new.key, new.html(), fetch, ops),
            }
        }
    }

    /// The order of the children, if it is not that of `base`.
    pub(crate) fn order(&self, base: Option<&Fragment>, ops: &mut Vec<Op>) {
        let keys = || self.children.iter().map(Child::key);
        let apart = self
            .children
            .iter()
            .any(|child| matches!(child, Child::Apart(_)));
        let unchanged = match base {
            Some(base) => keys().eq(base.children.iter().map(Child::key)),
            None => !apart,
        };
        let redrawn = base.is_some_and(|base| base.open != self.open) && !apart;
        if !unchanged && !redrawn {
            ops.push(Op::Order {
                key: self.list.clone(),
                children: keys().map(str::to_owned).collect(),
            });
        }
    }
}

fn push(key: &str, html: String, fetch: &dyn Fn(&str) -> String, ops: &mut Vec<Op>) {
    let key = key.to_owned();
    ops.push(if html.len() > limits::SOCKET_FRAGMENT_BYTES {
        let url = fetch(&key);
        Op::Fetch { key, url }
    } else {
        Op::Fragment {
            key,
            html: html.into(),
        }
    });
}

fn block_changes(old: &Block, new: &Block, fetch: &dyn Fn(&str) -> String, ops: &mut Vec<Op>) {
    if Arc::ptr_eq(&old.html, &new.html) || old.html == new.html {
        return;
    }
    let keep = common_prefix(&old.html, &new.html);
    let tail = &new.html[keep..];
    if !(new.streams && old.streams) || tail.len() > limits::SOCKET_FRAGMENT_BYTES {
        return push(&new.key, new.html(), fetch, ops);
    }
    ops.push(Op::Tail {
        key: new.key.clone(),
        keep: utf16_len(&new.html[..keep]),
        tail: tail.to_owned(),
        length: utf16_len(&old.html),
    });
}

/// Bytes that both begin with, up to a whole character.
fn common_prefix(a: &str, b: &str) -> usize {
    let mut at = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    while !a.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}
