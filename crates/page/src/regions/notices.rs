//! What a person should know of the hub itself, as it is now.

use std::sync::Arc;

use maud::html;

use crate::fragment::Fragment;

pub(super) fn notices(rows: &[Arc<str>]) -> Fragment {
    let html = html! {
        div data-k="notices" role="status" {
            @for text in rows { p.notice { (text) } }
        }
    };
    Fragment::whole("notices", html.into_string())
}
