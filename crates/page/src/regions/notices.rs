//! Current notices about the hub itself.

use std::sync::Arc;

use maud::html;

use crate::fragment::Fragment;
use crate::language::sentence;

pub(super) fn notices(rows: &[Arc<str>]) -> Fragment {
    let html = html! {
        div data-k="notices" role="status" {
            @for text in rows { p.notice { (sentence(text)) } }
        }
    };
    Fragment::whole("notices", html.into_string())
}
