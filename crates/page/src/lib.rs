//! What a person sees: view rows become HTML, changes of rows become patches, and the page's own script and style.
//!
//! Everything here is pure. There is no IO, no clock and no async; nothing here speaks HTTP or decides what a viewer
//! may see. It is the only crate that makes HTML, and whatever a model or a stranger wrote passes through [`markdown`]
//! or an escaper before it gets there. No output holds inline script or inline style, so that [`CSP`] can forbid both.
//!
//! The way in is [`Renderer`]; the frames that travel are in [`wire`].

mod assets;
mod door;
mod fragment;
pub mod limits;
mod links;
pub mod wire;

mod markdown;
mod parts;
mod regions;
mod render;
mod shell;
mod terminal;
mod words;

#[cfg(test)]
mod sample;

pub use assets::{Asset, CSP, assets};
pub use door::{enter, locked};
pub use render::Renderer;
pub use shell::{Context, Found, Notice};
pub use wire::Op;
#[cfg(test)]
mod tests;
