//! Hostile blocks of text, each generated from a seed.

/// Units that are repeated, nested and mixed. Each was slow or fatal in some highlighter or parser.
const UNITS: [&str; 96] = [
    "- ",
    "> ",
    ">",
    "1. ",
    "* ",
    "+ ",
    "# ",
    "#",
    "    ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    " ",
    "  - a\n",
    "a\n",
    "a: ",
    "? ",
    "| ",
    "|",
    "|-",
    "---\n",
    "===\n",
    "[",
    "]",
    "[a](",
    "![",
    "(",
    ")",
    "{",
    "}",
    "<",
    ">",
    "<a ",
    "</a>",
    "<!--",
    "-->",
    "<![CDATA[",
    "<?",
    "&",
    "&amp;",
    "&#1",
    "*",
    "**",
    "*a **a",
    "_",
    "~~",
    "`",
    "``",
    "```\n",
    "~~~\n",
    "```rust\n",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\\",
    "\\\"",
    "\"\\",
    "/*",
    "*/",
    "//",
    "--",
    "--[[",
    "]]",
    "[==[",
    "r#\"",
    "\"#",
    "R\"a(",
    "${",
    "$(",
    "#{",
    "`${",
    "\"$(",
    "<<A\n",
    "A\n",
    "<<~A ",
    "/a",
    "/[",
    "a.",
    "a(",
    "a<",
    "a",
    "é",
    "🧑‍🚀",
    "\u{a0}",
    "\u{202e}",
    "\0",
    "1",
    "1e-",
    "0x",
    "'a",
    "'\\",
    "@",
    "#[",
    "%w(",
];

/// Numbers that look random, the same for the same seed.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }

    fn unit(&mut self) -> &'static str {
        UNITS[self.below(UNITS.len())]
    }
}

/// A block of about so many bytes.
pub(super) fn block(dice: &mut Dice, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let (a, b, c) = (dice.unit(), dice.unit(), dice.unit());
    match dice.below(6) {
        // One unit for ever.
        0 => text = a.repeat(bytes / a.len() + 1),
        // Two in turn.
        1 => text = [a, b].concat().repeat(bytes / (a.len() + b.len()) + 1),
        // Opened so often, closed as often.
        2 => {
            let count = bytes / (a.len() + b.len()) + 1;
            text = [&a.repeat(count), c, &b.repeat(count)].concat();
        }
        // Lines of the same.
        3 => {
            let line = [&a.repeat(1 + dice.below(40)), b, "\n"].concat();
            text = line.repeat(bytes / line.len() + 1);
        }
        // Each line opens one more than the one before.
        4 => {
            let mut count = 1;
            while text.len() < bytes {
                text.extend([&a.repeat(count), b, "\n"]);
                count += 1;
            }
        }
        // Anything.
        _ => {
            while text.len() < bytes {
                text.push_str(dice.unit());
            }
        }
    }
    text
}
