//! Messages and their parts.
use crate::markdown::Memo;
use crate::render::{Child, Fragment};
use model::view::{Look, MessageRow, PartRow};

/// Where a part is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) look: &'a Look,
    pub(crate) message: &'a MessageRow,
}

pub(crate) fn message(row: &MessageRow) -> Fragment {
    let mut f = Fragment::whole(
        &format!("m:{}", row.info.id),
        format!("<article data-k=\"m:{}\">", row.info.id),
    );
    f.list = format!("ps:{}", row.info.id);
    f.children = row
        .order
        .iter()
        .map(|id| Child::Apart(format!("p:{id}")))
        .collect();
    f
}

pub(crate) fn part(place: &Place<'_>, row: &PartRow, memo: Option<&Memo>, whole: bool) -> Fragment {
    let _ = (place.look, place.message, memo, whole);
    Fragment::whole(&format!("p:{}", row.id), String::new())
}
