//! Style of terminal output: SGR as in ECMA-48 and xterm, in the few colours that are readable on the page.

use anstyle_parse::Params;

/// A colour of the sixteen; `None` is that of the page.
type Colour = Option<u8>;

/// Style of a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    text: Colour,
    ground: Colour,
    bold: bool,
    dim: bool,
    italic: bool,
    under: bool,
    strike: bool,
    inverse: bool,
}

impl Style {
    /// Takes what a sequence sets.
    pub(super) fn apply(&mut self, params: &Params) {
        let mut rest = params.iter();
        while let Some(param) = rest.next() {
            match param[0] {
                code @ (38 | 48) => {
                    // Either all in one parameter, or one after the other.
                    let colour = match param {
                        [_, of @ ..] if !of.is_empty() => wide(of),
                        _ => following(&mut rest),
                    };
                    let Some(colour) = colour else { continue };
                    match code {
                        38 => self.text = Some(colour),
                        _ => self.ground = Some(colour),
                    }
                }
                code => self.set(code, param.get(1).copied()),
            }
        }
    }

    fn set(&mut self, code: u16, kind: Option<u16>) {
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.dim = true,
            3 => self.italic = true,
            4 => self.under = kind != Some(0),
            7 => self.inverse = true,
            9 => self.strike = true,
            22 => (self.bold, self.dim) = (false, false),
            23 => self.italic = false,
            24 => self.under = false,
            27 => self.inverse = false,
            29 => self.strike = false,
            30..=37 => self.text = small(code - 30),
            39 => self.text = None,
            40..=47 => self.ground = small(code - 40),
            49 => self.ground = None,
            90..=97 => self.text = small(code - 90 + 8),
            100..=107 => self.ground = small(code - 100 + 8),
            _ => {}
        }
    }

    /// CSS classes of the style; empty for the default style.
    pub(super) fn classes(&self) -> String {
        let mut classes = String::new();
        let mut add = |class: &str| {
            if !classes.is_empty() {
                classes.push(' ');
            }
            classes.push_str(class);
        };
        let (text, ground) = match self.inverse {
            true => (self.ground, self.text),
            false => (self.text, self.ground),
        };
        if let Some(colour) = text {
            add(&format!("s-f{colour}"));
        }
        match ground {
            Some(colour) => add(&format!("s-g{colour}")),
            None if self.inverse => add("s-inverse"),
            None => {}
        }
        for (is, class) in [
            (self.bold, "s-bold"),
            (self.dim, "s-dim"),
            (self.italic, "s-italic"),
            (self.under, "s-under"),
            (self.strike, "s-strike"),
        ] {
            if is {
                add(class);
            }
        }
        classes
    }
}

fn small(colour: u16) -> Colour {
    u8::try_from(colour).ok()
}

/// A colour whose parts are parameters of their own.
fn following<'a>(rest: &mut impl Iterator<Item = &'a [u16]>) -> Colour {
    let mut next = || rest.next().map(|param| param[0]);
    match next()? {
        5 => Some(of_palette(next()?)),
        2 => Some(nearest(next()?, next()?, next()?)),
        _ => None,
    }
}

/// A colour whose parts are in one parameter; the space of colours may be named before them.
fn wide(of: &[u16]) -> Colour {
    match of {
        [5, n, ..] => Some(of_palette(*n)),
        [2, _, r, g, b, ..] | [2, r, g, b] => Some(nearest(*r, *g, *b)),
        _ => None,
    }
}

/// One of 256 colours as one of sixteen.
fn of_palette(n: u16) -> u8 {
    match n {
        0..16 => n as u8,
        16..232 => {
            let step = |n: u16| match n % 6 {
                0 => 0,
                n => 55 + n * 40,
            };
            let n = n - 16;
            nearest(step(n / 36), step(n / 6), step(n))
        }
        _ => {
            let grey = 8 + (n.min(255) - 232) * 10;
            nearest(grey, grey, grey)
        }
    }
}

/// The one of sixteen that has the same hue, bright or not.
fn nearest(r: u16, g: u16, b: u16) -> u8 {
    let most = r.max(g).max(b);
    let least = r.min(g).min(b);
    if most - least < 32 {
        return match most {
            0..48 => 0,
            48..144 => 8,
            144..224 => 7,
            _ => 15,
        };
    }
    let half = least + (most - least) / 2;
    let hue = u8::from(r > half) + 2 * u8::from(g > half) + 4 * u8::from(b > half);
    if most > 192 { hue + 8 } else { hue }
}
