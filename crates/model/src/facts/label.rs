//! How a person tells instances apart: name, colour, and place among the others.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A colour of an instance. The page has a tone for each, on light and dark ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Red.
    Red,
    /// Orange.
    Orange,
    /// Yellow.
    Yellow,
    /// Green.
    Green,
    /// Teal.
    Teal,
    /// Blue.
    Blue,
    /// Purple.
    Purple,
    /// Pink.
    Pink,
}

impl Colour {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Teal,
        Self::Blue,
        Self::Purple,
        Self::Pink,
    ];

    /// Its name in the API, on the page and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Teal => "teal",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Pink => "pink",
        }
    }

    /// The colour of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|colour| colour.name() == name)
    }
}

/// What a person sees of an instance among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Display name.
    pub name: Arc<str>,
    /// Its colour, if a person gave it one.
    pub colour: Option<Colour>,
    /// Its place: lower numbers come first, then all without one.
    pub order: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_is_found_by_its_name() {
        for colour in Colour::ALL {
            assert_eq!(Colour::named(colour.name()), Some(colour));
            let json = serde_json::to_value(colour).ok();
            assert_eq!(json, Some(colour.name().into()));
        }
        assert_eq!(Colour::named("mauve"), None);
    }
}
