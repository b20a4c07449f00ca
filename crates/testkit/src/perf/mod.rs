//! What the page costs: measured in a real browser on the real binary, beside the goals.
//!
//! A scripted OpenCode is the source of every reply, so that a run can be repeated. Nothing here decides whether a
//! figure is good enough but [`Goals`](bench::report::Goals), and nothing here is part of the product.

pub mod crowd;
pub mod meter;
pub mod report;
pub mod runs;
pub mod seed;
pub mod stage;
pub mod trace;
pub mod turns;
pub mod wire;

use serde::Serialize;

use crate::chromium::Viewport;

/// Where a page is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// 1280 by 800 at full speed.
    Desktop,
    /// 390 by 844, with a quarter of the speed.
    Phone,
}

impl Screen {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Desktop, Self::Phone];

    /// Its size.
    #[must_use]
    pub const fn viewport(self) -> Viewport {
        match self {
            Self::Desktop => Viewport::DESKTOP,
            Self::Phone => Viewport::PHONE,
        }
    }

    /// By how much the browser is slowed down.
    #[must_use]
    pub const fn slowdown(self) -> f64 {
        match self {
            Self::Desktop => 1.0,
            Self::Phone => 4.0,
        }
    }

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Phone => "phone",
        }
    }
}

/// Something that is measured; the name of a figure is its key among the [`Goals`](bench::report::Goals).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What, such as `plain.busy`.
    pub name: String,
    /// Where.
    pub screen: Screen,
    /// The value.
    pub value: f64,
    /// What it counts.
    pub unit: &'static str,
}

impl Figure {
    /// A figure of one screen.
    #[must_use]
    pub fn new(name: impl Into<String>, screen: Screen, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            screen,
            value,
            unit,
        }
    }
}
