//! The page in a viewer's hands: elements by key, changed as `page/client/patch.ts` and `morph.ts` change them.
//!
//! It keeps every byte of what it was sent, so that it can be compared with a page that was never patched. What a person
//! owns (focus, open menus, selections) is not part of it.

use std::collections::{BTreeMap, BTreeSet};

/// A node of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Text(String),
    Element(Element),
}

/// An element of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    name: String,
    open: String,
    key: Option<String>,
    children: Vec<Node>,
    void: bool,
}

/// A page.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    app: Option<Element>,
    /// Elements that no list has named yet.
    aside: BTreeMap<String, Element>,
}

/// A change in one place, counted in UTF-16 units.
pub(super) struct Splice<'a> {
    /// What the text must have before.
    pub length: usize,
    /// What stays at its end.
    pub end: usize,
    /// What comes before that.
    pub text: &'a str,
    /// What goes for it.
    pub gone: usize,
}

const VOID: [&str; 9] = [
    "input", "br", "hr", "img", "meta", "link", "wbr", "col", "source",
];

impl Page {
    /// The changing part of a document.
    pub(super) fn of(document: &str) -> Self {
        let nodes = parse(document);
        let app = nodes.iter().find_map(|node| find_app(node)).cloned();
        Self {
            app,
            aside: BTreeMap::new(),
        }
    }

    /// The element, on the page or waiting to be named.
    fn find(&mut self, key: &str) -> Option<&mut Element> {
        if let Some(found) = self.app.as_mut().and_then(|app| app.find(key)) {
            return Some(found);
        }
        self.aside
            .values_mut()
            .find_map(|waiting| waiting.find(key))
    }

    /// The element is now this; it waits for a list that names it if it is new.
    pub(super) fn put(&mut self, html: &str) {
        let Some(fresh) = element(html) else { return };
        let Some(key) = fresh.key.clone() else { return };
        match self.find(&key) {
            None => {
                self.aside.insert(key, fresh);
            }
            Some(old) if old.name == fresh.name => old.morph(fresh),
            Some(old) => *old = fresh,
        }
    }

    /// The element begins with this tag now.
    pub(super) fn tag(&mut self, tag: &str) {
        let Some(fresh) = element(tag) else { return };
        let old = fresh.key.as_ref().and_then(|key| self.find(key));
        if let Some(old) = old {
            old.open = fresh.open;
        }
    }

    /// The children of a list after some went and others came to its end.
    pub(super) fn extended(&mut self, key: &str, come: &[String], gone: &[String]) -> Vec<String> {
        let moved = |name: &String| come.contains(name) || gone.contains(name);
        let has = self.find(key).into_iter().flat_map(|list| list.elements());
        let stay = has.filter_map(|child| child.key.clone());
        let mut children: Vec<String> = stay.filter(|name| !moved(name)).collect();
        children.extend_from_slice(come);
        children
    }

    /// Which of the children that a list is to have are neither in it nor waiting.
    pub(super) fn lacking(&mut self, key: &str, children: &[String]) -> Vec<String> {
        let Some(list) = self.find(key) else {
            return Vec::new();
        };
        let has: BTreeSet<String> = list
            .elements()
            .filter_map(|child| child.key.clone())
            .collect();
        let lacks = |name: &&String| !has.contains(*name) && !self.aside.contains_key(*name);
        children.iter().filter(lacks).cloned().collect()
    }

    /// The keyed children of a list, in order; those that are not named go.
    pub(super) fn order(
        &mut self,
        key: &str,
        children: &[String],
        fetched: &BTreeMap<String, String>,
    ) {
        let mut waiting = BTreeMap::new();
        for name in children {
            waiting.extend(self.aside.remove_entry(name));
        }
        let Some(list) = self.find(key) else { return };
        let mut known = BTreeMap::new();
        for node in std::mem::take(&mut list.children) {
            if let Node::Element(child) = node
                && let Some(key) = child.key.clone()
            {
                known.insert(key, child);
            }
        }
        for name in children {
            let child = known
                .remove(name)
                .or_else(|| waiting.remove(name))
                .or_else(|| element(fetched.get(name)?));
            list.children.extend(child.map(Node::Element));
        }
    }

    /// The inside of an element changes in one place. False if it is not what it should be before.
    pub(super) fn splice(&mut self, key: &str, splice: &Splice<'_>) -> bool {
        let Some(element) = self.find(key) else {
            return false;
        };
        let source: Vec<u16> = element.inner().encode_utf16().collect();
        let Some(keep) = source.len().checked_sub(splice.end + splice.gone) else {
            return false;
        };
        if source.len() != splice.length {
            return false;
        }
        let end = source.len() - splice.end;
        let [begin, end] = [&source[..keep], &source[end..]].map(String::from_utf16_lossy);
        element.children = parse(&[&begin, splice.text, &end].concat());
        true
    }

    /// A batch was applied: what no list named is not shown.
    pub(super) fn settle(&mut self) {
        self.aside.clear();
    }

    /// All of it, as text.
    pub(super) fn html(&self) -> String {
        let mut html = String::new();
        if let Some(app) = &self.app {
            app.write(&mut html);
        }
        html
    }
}

fn find_app(node: &Node) -> Option<&Element> {
    let Node::Element(element) = node else {
        return None;
    };
    if element.attribute("id").as_deref() == Some("app") {
        return Some(element);
    }
    element.children.iter().find_map(find_app)
}

impl Element {
    fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    fn find(&mut self, key: &str) -> Option<&mut Element> {
        if self.key.as_deref() == Some(key) {
            return Some(self);
        }
        self.children.iter_mut().find_map(|node| match node {
            Node::Element(element) => element.find(key),
            Node::Text(_) => None,
        })
    }

    fn is_list(&self) -> bool {
        self.open.contains(" data-list")
    }

    /// Becomes `fresh`, except for lists, whose children travel apart.
    fn morph(&mut self, mut fresh: Element) {
        let mut lists = BTreeMap::new();
        self.take_lists(&mut lists);
        fresh.give_lists(&mut lists);
        *self = fresh;
    }

    fn take_lists(&mut self, lists: &mut BTreeMap<String, Vec<Node>>) {
        if self.is_list() {
            if let Some(key) = &self.key {
                lists.insert(key.clone(), std::mem::take(&mut self.children));
            }
            return;
        }
        for node in &mut self.children {
            if let Node::Element(element) = node {
                element.take_lists(lists);
            }
        }
    }

    fn give_lists(&mut self, lists: &mut BTreeMap<String, Vec<Node>>) {
        if self.is_list() {
            let children = self.key.as_ref().and_then(|key| lists.remove(key));
            if let Some(children) = children {
                self.children = children;
            }
            return;
        }
        for node in &mut self.children {
            if let Node::Element(element) = node {
                element.give_lists(lists);
            }
        }
    }

    fn inner(&self) -> String {
        let mut html = String::new();
        for node in &self.children {
            node.write(&mut html);
        }
        html
    }

    fn write(&self, html: &mut String) {
        html.push_str(&self.open);
        for node in &self.children {
            node.write(html);
        }
        if !self.void {
            html.push_str("</");
            html.push_str(&self.name);
            html.push('>');
        }
    }

    fn attribute(&self, name: &str) -> Option<String> {
        attribute(&self.open, name)
    }
}

impl Node {
    fn write(&self, html: &mut String) {
        match self {
            Self::Text(text) => html.push_str(text),
            Self::Element(element) => element.write(html),
        }
    }
}

/// The first element of a text.
fn element(html: &str) -> Option<Element> {
    parse(html).into_iter().find_map(|node| match node {
        Node::Element(element) => Some(element),
        Node::Text(_) => None,
    })
}

fn attribute(open: &str, name: &str) -> Option<String> {
    let mut from = 0;
    while let Some(at) = open[from..].find(name) {
        let begin = from + at;
        let after = &open[begin + name.len()..];
        if open[..begin].ends_with(' ')
            && let Some(value) = after.strip_prefix("=\"")
        {
            let end = value.find('"')?;
            return Some(
                value[..end]
                    .replace("&quot;", "\"")
                    .replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&"),
            );
        }
        from = begin + name.len();
    }
    None
}

/// Well-formed markup to nodes; what is not markup is text.
fn parse(html: &str) -> Vec<Node> {
    let mut open: Vec<Element> = Vec::new();
    let mut top = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        if at > 0 {
            children(&mut open, &mut top).push(Node::Text(rest[..at].to_owned()));
        }
        let tag = &rest[at..tag_end(rest, at)];
        rest = &rest[at + tag.len()..];
        if tag.starts_with("<!") {
            continue;
        }
        if let Some(name) = tag.strip_prefix("</") {
            let name = name.trim_end_matches('>').trim();
            if open.iter().any(|element| element.name == name) {
                while let Some(element) = open.pop() {
                    let done = element.name == name;
                    children(&mut open, &mut top).push(Node::Element(element));
                    if done {
                        break;
                    }
                }
            }
            continue;
        }
        let end = tag[1..]
            .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
            .map_or(tag.len(), |end| end + 1);
        let name = tag[1..end].to_owned();
        let element = Element {
            key: attribute(tag, "data-k"),
            void: VOID.contains(&name.as_str()),
            open: tag.to_owned(),
            children: Vec::new(),
            name,
        };
        if element.void {
            children(&mut open, &mut top).push(Node::Element(element));
        } else {
            open.push(element);
        }
    }
    if !rest.is_empty() {
        children(&mut open, &mut top).push(Node::Text(rest.to_owned()));
    }
    while let Some(element) = open.pop() {
        children(&mut open, &mut top).push(Node::Element(element));
    }
    top
}

fn children<'a>(open: &'a mut [Element], top: &'a mut Vec<Node>) -> &'a mut Vec<Node> {
    match open.last_mut() {
        Some(element) => &mut element.children,
        None => top,
    }
}

/// Where a tag ends: at the first `>` outside of its attributes' values.
fn tag_end(html: &str, from: usize) -> usize {
    let mut quoted = false;
    for (at, byte) in html.bytes().enumerate().skip(from) {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    html.len()
}
