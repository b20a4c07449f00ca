//! Languages that are met less often.

use super::Language;
use crate::markdown::lex::tables::{
    Code, Comment, NESTED, NOTHING, SLASH_STAR, Special, Text, long, raw, short,
};

pub(super) static DART: Language = Language::code(
    &["dart"],
    Code {
        line_comments: &["//"],
        block_comments: &[SLASH_STAR],
        strings: &[long("\"\"\""), long("'''"), short("\""), short("'")],
        keywords: "abstract as assert async await base break case catch class const continue covariant default deferred do \
            else enum export extends extension external factory final finally for get hide if implements import in \
            interface is late library mixin new on operator part required rethrow return sealed set show static super \
            switch sync this throw try typedef var when while with yield",
        types: "bool double dynamic int num void",
        constants: "true false null",
        capitals: true,
        dots: true,
        decorator: Some(b'@'),
        ..NOTHING
    },
);

pub(super) static ELIXIR: Language = Language::code(
    &["elixir", "ex", "exs"],
    Code {
        line_comments: &["#"],
        strings: &[
            long("\"\"\""),
            Text {
                hole: Some(("#{", b'{', b'}')),
                ..long("\"")
            },
            long("'"),
        ],
        keywords: "after alias and case catch cond def defimpl defmacro defmodule defp defprotocol defstruct do else end fn \
            for if import in not or quote raise receive require rescue try unless unquote use when with",
        constants: "true false nil",
        defines: "def defp defmacro",
        word: b"?!",
        capitals: true,
        decorator: Some(b'@'),
        ..NOTHING
    },
);

pub(super) static HASKELL: Language = Language::code(
    &["haskell", "hs"],
    Code {
        line_comments: &["--"],
        block_comments: &[Comment {
            open: "{-",
            close: "-}",
            nests: true,
        }],
        strings: &[short("\"")],
        keywords: "as case class data default deriving do else family forall foreign hiding if import in infix infixl infixr \
            instance let mdo module newtype of qualified rec then type where",
        word: b"'",
        capitals: true,
        ..NOTHING
    },
);

pub(super) static LUA: Language = Language::code(
    &["lua"],
    Code {
        line_comments: &["--"],
        strings: &[short("\""), short("'")],
        keywords: "and break do else elseif end for function goto if in local not or repeat return then until while",
        constants: "true false nil self",
        defines: "function",
        dots: true,
        special: Special::Lua,
        ..NOTHING
    },
);

pub(super) static SCALA: Language = Language::code(
    &["scala", "sc", "sbt"],
    Code {
        line_comments: &["//"],
        block_comments: &[NESTED],
        strings: &[raw("\"\"\""), short("\"")],
        keywords: "abstract case catch class def derives do else end enum export extends extension final finally for given \
            if implicit import inline lazy match new object opaque open override package private protected return \
            sealed super then this throw trait transparent try type using val var while with yield",
        constants: "true false null",
        defines: "def",
        capitals: true,
        dots: true,
        decorator: Some(b'@'),
        ..NOTHING
    },
);
