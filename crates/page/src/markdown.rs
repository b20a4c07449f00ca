//! Markdown to safe HTML.

/// What the next render of the same text can be spared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memo;

impl Memo {
    pub(crate) fn bytes(&self) -> usize {
        0
    }
}
