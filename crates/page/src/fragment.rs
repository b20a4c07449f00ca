//! An element of the page as text, in pieces that can be compared with what a viewer has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::state::Rev;
use model::view::Viewport;

use crate::limits;
use crate::markdown::Memo;
use crate::wire::Op;

/// A keyed element inside a [`Fragment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The `data-k` of the element.
    pub(crate) key: String,
    /// Start tag of the element.
    pub(crate) open: String,
    /// Inner HTML of the element.
    pub(crate) html: Arc<str>,
    /// End tag of the element.
    pub(crate) close: &'static str,
    /// True if it is written as a browser would write it back, so that it may be changed from its middle on.
    pub(crate) streams: bool,
}

impl Block {
    /// The whole element.
    pub(crate) fn html(&self) -> String {
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
    /// The `data-k` of the element.
    pub(crate) key: String,
    /// The `data-k` of the element that holds the children: itself, or one inside of it.
    pub(crate) list: String,
    /// Its start tag, where that may change alone; empty where it is part of `open`.
    pub(crate) tag: String,
    /// Everything before the children, after the tag.
    pub(crate) open: String,
    /// The children.
    pub(crate) children: Vec<Child>,
    /// Everything after the children.
    pub(crate) close: String,
    /// True if the children are fragments of their own, which travel apart.
    pub(crate) apart: bool,
    /// Cache that speeds up the next render of the same text.
    pub(crate) memo: Memo,
}

impl Fragment {
    /// A fragment without keyed children.
    pub(crate) fn whole(key: &str, html: String) -> Self {
        Self {
            key: key.to_owned(),
            list: key.to_owned(),
            tag: String::new(),
            open: html,
            children: Vec::new(),
            close: String::new(),
            apart: false,
            memo: Memo::default(),
        }
    }

    /// The element, without children that travel apart.
    pub(crate) fn html(&self) -> String {
        let mut html = [&*self.tag, &*self.open].concat();
        for child in &self.children {
            if let Child::Block(block) = child {
                html.push_str(&block.open);
                html.push_str(&block.html);
                html.push_str(block.close);
            }
        }
        html + &self.close
    }

    /// True if it has a child of this key.
    pub(crate) fn has_child(&self, key: &str) -> bool {
        self.children.iter().any(|child| child.key() == key)
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
        size_of::<Self>()
            + self.children.capacity() * size_of::<Child>()
            + self.key.len()
            + self.list.len()
            + self.tag.len()
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
        let Some(base) = base.filter(|base| self.is_framed_as(base)) else {
            return push(&self.key, self.html(), fetch, ops);
        };
        if base.tag != self.tag {
            ops.push(Op::Tag {
                tag: self.tag.clone(),
            });
        }
        // Most stay where they were; once one comes before them, none does.
        let mut by_key: Option<HashMap<&str, &Child>> = None;
        for (at, child) in self.children.iter().enumerate() {
            let Child::Block(new) = child else { continue };
            let same_place = base.children.get(at).filter(|old| old.key() == new.key);
            let old = same_place.or_else(|| {
                let keys = || base.children.iter().map(|old| (old.key(), old)).collect();
                by_key.get_or_insert_with(keys).get(&*new.key).copied()
            });
            match old {
                Some(Child::Block(old)) if old.open == new.open => {
                    block_changes(old, new, fetch, ops)
                }
                _ => push(&new.key, new.html(), fetch, ops),
            }
        }
    }

    /// True if both differ in nothing but their start tags' attributes and their children.
    fn is_framed_as(&self, base: &Fragment) -> bool {
        base.open == self.open
            && base.close == self.close
            && base.tag.is_empty() == self.tag.is_empty()
    }

    /// The order of the children, if it is not that of `base`.
    pub(crate) fn order(&self, base: Option<&Fragment>, ops: &mut Vec<Op>) {
        let keys = || self.children.iter().map(Child::key);
        let Some(base) = base else {
            if self.apart {
                ops.push(self.whole_order());
            }
            return;
        };
        let had = || base.children.iter().map(Child::key);
        let redrawn = !self.apart && !self.is_framed_as(base);
        if redrawn || keys().eq(had()) {
            return;
        }
        let has: HashSet<&str> = keys().collect();
        let (stay, gone): (Vec<&str>, Vec<&str>) = had().partition(|key| has.contains(key));
        let extended = keys().take(stay.len()).eq(stay.iter().copied());
        ops.push(if extended && gone.len() <= stay.len() {
            Op::Extend {
                key: self.list.clone(),
                come: keys().skip(stay.len()).map(str::to_owned).collect(),
                gone: gone.into_iter().map(str::to_owned).collect(),
            }
        } else {
            self.whole_order()
        });
    }

    fn whole_order(&self) -> Op {
        Op::Order {
            key: self.list.clone(),
            children: self
                .children
                .iter()
                .map(|child| child.key().to_owned())
                .collect(),
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
    let splice = splice(new, &old.html);
    if !(new.streams && old.streams) || splice.bytes() > limits::SOCKET_FRAGMENT_BYTES {
        return push(&new.key, new.html(), fetch, ops);
    }
    ops.push(splice);
}

/// What makes the block of an earlier inside of it. Who reads only what comes, as a script does, finds whole words at its end.
fn splice(block: &Block, old: &str) -> Op {
    let keep = common(old.bytes(), block.html.bytes(), |at| {
        block.html.is_char_boundary(at) && old.is_char_boundary(at)
    });
    let (old_rest, new_rest) = (&old[keep..], &block.html[keep..]);
    let end = common(old_rest.bytes().rev(), new_rest.bytes().rev(), |at| {
        parts_words(new_rest, new_rest.len() - at)
    });
    let gone = &old_rest[..old_rest.len() - end];
    Op::Splice {
        key: Some(block.key.clone()),
        length: utf16_len(old),
        end: utf16_len(&new_rest[new_rest.len() - end..]),
        text: new_rest[..new_rest.len() - end].to_owned(),
        gone: utf16_len(gone),
    }
}

/// Number of bytes of the common prefix, up to the end of a whole character.
fn common(
    a: impl Iterator<Item = u8>,
    b: impl Iterator<Item = u8>,
    whole: impl Fn(usize) -> bool,
) -> usize {
    let mut at = a.zip(b).take_while(|(a, b)| a == b).count();
    while !whole(at) {
        at -= 1;
    }
    at
}

/// True where no word, as identifiers have them, goes on.
fn parts_words(text: &str, at: usize) -> bool {
    let of_a_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let (before, after) = text.as_bytes().split_at(at);
    text.is_char_boundary(at) && !(of_a_word(before.last()) && of_a_word(after.first()))
}

fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// URL at which the page fetches one element of its viewport.
pub(crate) fn fragment_url(look: &Viewport, key: &str, at: Rev) -> String {
    let mut url = format!(
        "/fragment{}?key={}&at={}",
        crate::words::path(look),
        crate::words::encode(key),
        at.0
    );
    if look.overview {
        url.push_str("&overview=true");
    }
    if look.review {
        url.push_str("&review=true");
    }
    if let Some(parallel) = &look.parallel {
        url.push_str("&parallel=");
        url.push_str(&crate::words::encode(parallel.as_str()));
    }
    if let Some(from) = &look.from {
        url.push_str("&from=");
        url.push_str(&crate::words::encode(from.as_str()));
    }
    url
}
