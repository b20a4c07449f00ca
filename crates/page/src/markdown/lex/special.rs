//! Constructs of languages with rules of their own. Each function takes its construct and returns true, or takes nothing.

use super::code::{Preceding, Scan, of_word};
use super::state::{Class, Frame};
use super::tables::Special;
use crate::limits;

impl Scan<'_, '_> {
    pub(super) fn special(&mut self, first: u8) -> bool {
        match (self.code.special, first) {
            (Special::Rust, b'\'') => self.rust_quote(),
            (Special::Rust, b'r' | b'b') => self.rust_raw(),
            (Special::Rust, b'#') => self.rust_attribute(),
            (Special::Cpp, b'R') => self.cpp_raw(),
            (Special::Lua, b'[') => self.lua_long(0),
            (Special::Lua, b'-') if self.sink.rest().starts_with("--[") => self.lua_long(2),
            (Special::Shell, b'$') => self.shell_name(),
            (Special::Shell | Special::Ruby, b'<') => self.here(),
            (Special::Shell, b'\\') => self.put(2, None),
            (Special::Ruby, b':' | b'@') => self.ruby_name(first),
            (Special::Ruby | Special::Script, b'/') => self.pattern(),
            (Special::Script, b'<') => self.element(),
            (Special::Style, b'#' | b'.' | b'@') => self.style_name(first),
            (Special::Make, b'$') => self.make_name(),
            _ => false,
        }
    }

    /// A character, or the name of a lifetime.
    fn rust_quote(&mut self) -> bool {
        let rest = self.sink.rest();
        let mut chars = rest.char_indices().skip(1);
        let Some((_, first)) = chars.next() else {
            return false;
        };
        if first == '\\' {
            // The longest is `'\u{10ffff}'`.
            let near = rest.as_bytes().iter().take(12).skip(3);
            let body = near.take_while(|byte| **byte != b'\'').count();
            return self.put(3 + body + 1, Some(Class::String));
        }
        if let Some((at, '\'')) = chars.next() {
            return self.put(at + 1, Some(Class::String));
        }
        let name = self.sink.run_from(1, of_word);
        self.put(1 + name, None)
    }

    /// `r"…"`, `r#"…"#`, `br"…"`, and `b"…"` as any string.
    fn rust_raw(&mut self) -> bool {
        let begins = self.sink.run(|byte| byte == b'r' || byte == b'b').min(3);
        let hashes = self.sink.run_from(begins, |byte| byte == b'#');
        let is_raw = self.sink.byte(begins - 1) == b'r' && begins <= 2;
        if !is_raw || hashes > limits::CODE_END_BYTES || self.sink.byte(begins + hashes) != b'"' {
            return false;
        }
        let end = format!("\"{}", "#".repeat(hashes));
        self.opens_text(begins + hashes + 1, end, Class::String)
    }

    fn rust_attribute(&mut self) -> bool {
        let bang = usize::from(self.sink.byte(1) == b'!');
        if self.sink.byte(1 + bang) != b'[' {
            return false;
        }
        let mut open = 0_usize;
        let length = self.sink.run_from(1 + bang, |byte| {
            match byte {
                b'[' => open += 1,
                b']' => open -= 1,
                _ => {}
            }
            open > 0
        });
        self.put(1 + bang + length + 1, Some(Class::Attribute))
    }

    fn cpp_raw(&mut self) -> bool {
        if self.sink.byte(1) != b'"' {
            return false;
        }
        let name = self.sink.run_from(2, |byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'(' | b'"')
        });
        if name > limits::CODE_END_BYTES || self.sink.byte(2 + name) != b'(' {
            return false;
        }
        let end = format!("){}\"", &self.sink.rest()[2..2 + name]);
        self.opens_text(2 + name + 1, end, Class::String)
    }

    /// `[[`, or `--[[`, which is a comment.
    fn lua_long(&mut self, dashes: usize) -> bool {
        let level = self.sink.run_from(dashes + 1, |byte| byte == b'=');
        if level > limits::CODE_END_BYTES || self.sink.byte(dashes + 1 + level) != b'[' {
            return false;
        }
        let end = format!("]{}]", "=".repeat(level));
        let class = [Class::String, Class::Comment][usize::from(dashes > 0)];
        self.opens_text(dashes + level + 2, end, class)
    }

    fn opens_text(&mut self, bytes: usize, end: String, class: Class) -> bool {
        self.put(bytes, Some(class));
        self.state.push(Frame::Until {
            end: end.into(),
            alone: false,
            class,
        });
        true
    }

    fn shell_name(&mut self) -> bool {
        if self.sink.byte(1) == b'{' {
            let inside = self.sink.run_from(2, |byte| byte != b'}' && byte != b'"');
            return self.put(2 + inside + 1, None);
        }
        let name = self.sink.run_from(1, of_word);
        name > 0 && self.put(1 + name, None)
    }

    /// The word that ends a text which begins with the next line.
    fn here(&mut self) -> bool {
        if self.sink.byte(1) != b'<' || self.begun.len() >= limits::CODE_NESTING {
            return false;
        }
        let dash = usize::from(matches!(self.sink.byte(2), b'-' | b'~'));
        let quote = usize::from(matches!(self.sink.byte(2 + dash), b'\'' | b'"'));
        let from = 2 + dash + quote;
        let length = self.sink.run_from(from, of_word);
        let is_word = self.sink.byte(from).is_ascii_uppercase() || self.sink.byte(from) == b'_';
        if !is_word || length > limits::CODE_END_BYTES {
            return false;
        }
        let end = self.sink.rest()[from..from + length].into();
        self.begun.push(Frame::Until {
            end,
            alone: true,
            class: Class::String,
        });
        self.put(from + length + quote, Some(Class::String))
    }

    fn ruby_name(&mut self, first: u8) -> bool {
        let marks = self.sink.run(|byte| byte == first);
        let name = self.sink.run_from(marks, of_word);
        if marks > 1 && (first == b':' || name == 0) {
            return self.put(marks, None);
        }
        let is_name = name > 0 && !(first == b':' && self.before == Preceding::Value);
        let class = match first {
            b':' => Class::Constant,
            _ => Class::Property,
        };
        is_name && self.put(marks + name, Some(class))
    }

    /// A pattern, where a value may stand. The first that does not end on its line is the last that is looked for.
    fn pattern(&mut self) -> bool {
        let comment = matches!(self.sink.byte(1), b'/' | b'*');
        if !self.patterns || comment || self.before == Preceding::Value {
            return false;
        }
        let (mut escaped, mut in_class, mut first) = (false, false, true);
        let length = self.sink.run(|byte| {
            let ends = byte == b'/' && !escaped && !in_class && !first;
            match byte {
                b'[' if !escaped => in_class = true,
                b']' if !escaped => in_class = false,
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
            first = false;
            !ends
        });
        if self.sink.byte(length) != b'/' {
            self.patterns = false;
            return false;
        }
        let flags = self
            .sink
            .run_from(length + 1, |byte| byte.is_ascii_lowercase());
        self.put(length + 1 + flags, Some(Class::String))
    }

    /// The name of an element that is written in a script.
    fn element(&mut self) -> bool {
        let closes = usize::from(self.sink.byte(1) == b'/');
        let begins = self.sink.byte(1 + closes).is_ascii_alphabetic();
        if !begins || (closes == 0 && self.before == Preceding::Value) {
            return false;
        }
        let name = self.sink.run_from(1 + closes, |byte| {
            of_word(byte) || matches!(byte, b'.' | b'-')
        });
        self.sink.take(1 + closes, None);
        self.put(name, Some(Class::Tag))
    }

    fn style_name(&mut self, first: u8) -> bool {
        let name = self.sink.run_from(1, |byte| of_word(byte) || byte == b'-');
        let class = match first {
            b'@' => Class::Keyword,
            b'.' if self.sink.byte(1).is_ascii_digit() => Class::Number,
            b'.' => Class::Type,
            _ => Class::Constant,
        };
        name > 0 && self.put(1 + name, Some(class))
    }

    fn make_name(&mut self) -> bool {
        let bracket = matches!(self.sink.byte(1), b'(' | b'{');
        if !bracket {
            return self.put(2, Some(Class::Constant));
        }
        let name = self.sink.run_from(2, |byte| of_word(byte) || byte == b'-');
        let closed = matches!(self.sink.byte(2 + name), b')' | b'}');
        self.put(2 + name + usize::from(closed), Some(Class::Constant))
    }
}
