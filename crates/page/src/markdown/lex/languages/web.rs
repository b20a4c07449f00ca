//! Languages of the web.

use super::Language;
use crate::markdown::lex::tables::{Code, NOTHING, SLASH_STAR, Special, Text, long, short};

/// What scripts have in common.
const SCRIPT: Code = Code {
    line_comments: &["//"],
    block_comments: &[SLASH_STAR],
    strings: &[
        short("\""),
        short("'"),
        Text {
            hole: Some(("${", b'{', b'}')),
            ..long("`")
        },
    ],
    keywords: "as async await break case catch class const continue debugger default delete do else export extends finally \
        for from function get if import in instanceof let new of return set static super switch this throw try typeof \
        var void while with yield",
    constants: "true false null undefined NaN Infinity",
    defines: "function",
    word: b"$",
    capitals: true,
    dots: true,
    keys: Some(b':'),
    decorator: Some(b'@'),
    special: Special::Script,
    ..NOTHING
};

pub(super) static JAVASCRIPT: Language =
    Language::code(&["javascript", "js", "jsx", "mjs", "cjs", "node"], SCRIPT);

pub(super) static TYPESCRIPT: Language = Language::code(
    &["typescript", "ts", "tsx", "mts", "cts"],
    Code {
        keywords: "abstract as asserts async await break case catch class const continue debugger declare default delete do \
            else enum export extends finally for from function get if implements import in infer instanceof interface is \
            keyof let namespace new of out override private protected public readonly return satisfies set static super \
            switch this throw try type typeof using var while with yield",
        types: "any bigint boolean never number object string symbol unknown void",
        ..SCRIPT
    },
);

pub(super) static CSS: Language = Language::code(
    &["css", "scss", "sass", "less"],
    Code {
        block_comments: &[SLASH_STAR],
        strings: &[short("\""), short("'")],
        keywords: "and not only or",
        word: b"-",
        keys: Some(b':'),
        special: Special::Style,
        ..NOTHING
    },
);

pub(super) static GRAPHQL: Language = Language::code(
    &["graphql", "gql"],
    Code {
        line_comments: &["#"],
        strings: &[long("\"\"\""), short("\"")],
        keywords: "directive enum extend fragment implements input interface mutation on query repeatable scalar schema \
            subscription type union",
        constants: "true false null",
        capitals: true,
        keys: Some(b':'),
        decorator: Some(b'@'),
        ..NOTHING
    },
);

pub(super) static PHP: Language = Language::code(
    &["php"],
    Code {
        line_comments: &["//", "#"],
        block_comments: &[SLASH_STAR],
        strings: &[long("\""), long("'")],
        keywords: "abstract and as break case catch class clone const continue declare default do echo else elseif enum \
            extends final finally fn for foreach function global goto if implements include include_once instanceof \
            insteadof interface isset list match namespace new or print private protected public readonly require \
            require_once return static switch throw trait try unset use var while xor yield",
        types: "array bool callable float int iterable mixed never object string void",
        constants: "true false null self parent",
        defines: "function fn",
        word: b"$",
        capitals: true,
        ..NOTHING
    },
);
