//! Languages of data and of build files.

use super::{Grammar, Language};
use crate::markdown::lex::tables::{
    Code, Comment, NOTHING, SLASH_STAR, Special, Text, long, raw, short,
};

pub(super) static DOCKERFILE: Language = Language::code(
    &["dockerfile", "docker", "containerfile"],
    Code {
        line_comments: &["#"],
        comments_stand_apart: true,
        strings: &[short("\""), short("'")],
        keywords: "add arg as cmd copy entrypoint env expose from healthcheck label maintainer onbuild run shell stopsignal \
            user volume workdir",
        ignore_case: true,
        word: b"-./",
        special: Special::Shell,
        ..NOTHING
    },
);

pub(super) static HCL: Language = Language::code(
    &["hcl", "terraform", "tf", "tfvars", "nomad"],
    Code {
        line_comments: &["#", "//"],
        block_comments: &[SLASH_STAR],
        strings: &[Text {
            hole: Some(("${", b'{', b'}')),
            ..short("\"")
        }],
        constants: "true false null",
        word: b"-",
        keys: Some(b'='),
        dots: true,
        first_word: true,
        ..NOTHING
    },
);

pub(super) static INI: Language = Language::code(
    &[
        "ini",
        "cfg",
        "conf",
        "env",
        "properties",
        "editorconfig",
        "service",
    ],
    Code {
        line_comments: &["#", ";"],
        comments_stand_apart: true,
        strings: &[short("\"")],
        constants: "true false yes no on off",
        word: b"-.",
        keys: Some(b'='),
        sections: true,
        ..NOTHING
    },
);

pub(super) static JSON: Language = Language::code(
    &["json", "jsonc", "json5", "jsonl", "ndjson"],
    Code {
        line_comments: &["//"],
        block_comments: &[SLASH_STAR],
        strings: &[short("\""), short("'")],
        constants: "true false null NaN Infinity",
        keys: Some(b':'),
        ..NOTHING
    },
);

pub(super) static MAKE: Language = Language::code(
    &["make", "makefile", "mk"],
    Code {
        line_comments: &["#"],
        strings: &[short("\""), short("'")],
        keywords: "-include define else endef endif export ifdef ifeq ifndef ifneq include override private sinclude undefine \
            unexport vpath",
        word: b"-./%",
        keys: Some(b'='),
        names: Some(b':'),
        special: Special::Make,
        ..NOTHING
    },
);

pub(super) static PROTOBUF: Language = Language::code(
    &["protobuf", "proto"],
    Code {
        line_comments: &["//"],
        block_comments: &[SLASH_STAR],
        strings: &[short("\""), short("'")],
        keywords: "enum extend extensions import map message oneof option optional package public repeated required reserved \
            returns rpc service stream syntax to weak",
        types: "bool bytes double fixed32 fixed64 float int32 int64 sfixed32 sfixed64 sint32 sint64 string uint32 uint64",
        constants: "true false",
        capitals: true,
        ..NOTHING
    },
);

/// With the words that the dialects share.
pub(super) static SQL: Language = Language::code(
    &["sql", "mysql", "postgresql", "postgres", "sqlite", "plsql"],
    Code {
        line_comments: &["--"],
        block_comments: &[Comment {
            open: "/*",
            close: "*/",
            nests: false,
        }],
        strings: &[raw("'"), raw("\"")],
        ignore_case: true,
        keywords: "add all alter analyze and any as asc begin between by cascade case check column commit conflict constraint \
            create cross current database default delete desc distinct do drop else end except exists explain false \
            fetch first following for foreign from full function grant group having if ilike in index inner insert \
            intersect into is join key last lateral left like limit materialized natural not nothing null nulls offset \
            on or order outer over partition pragma preceding primary procedure range recursive references rename \
            replace returning returns revoke right rollback row rows schema select set table temporary then to \
            transaction trigger true truncate unbounded union unique update using vacuum values view when where window \
            with without",
        types: "bigint bigserial blob boolean bytea char date decimal double float int integer interval json jsonb numeric \
            real serial smallint text time timestamp timestamptz uuid varchar",
        ..NOTHING
    },
);

pub(super) static TOML: Language = Language::code(
    &["toml", "lock"],
    Code {
        line_comments: &["#"],
        strings: &[
            long("\"\"\""),
            raw("'''"),
            short("\""),
            Text {
                escapes: false,
                ..short("'")
            },
        ],
        constants: "true false inf nan",
        word: b"-.",
        keys: Some(b'='),
        sections: true,
        ..NOTHING
    },
);

pub(super) static YAML: Language = Language::new(
    &["yaml", "yml"],
    Grammar::Yaml(Code {
        line_comments: &["#"],
        comments_stand_apart: true,
        strings_stand_apart: true,
        strings: &[
            short("\""),
            Text {
                escapes: false,
                ..short("'")
            },
        ],
        constants: "true false null yes no on off",
        word: b"-./",
        keys: Some(b':'),
        ..NOTHING
    }),
);
