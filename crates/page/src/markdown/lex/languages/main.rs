//! Languages that programs are mostly written in.

use super::Language;
use crate::markdown::lex::tables::{
    Code, NESTED, NOTHING, SLASH_STAR, Special, Text, long, raw, short,
};

/// What languages have in common that look like C.
const LIKE_C: Code = Code {
    line_comments: &["//"],
    block_comments: &[SLASH_STAR],
    strings: &[short("\""), short("'")],
    capitals: true,
    dots: true,
    ..NOTHING
};

pub(super) static BASH: Language = Language::code(
    &["bash", "sh", "shell", "zsh", "console", "ksh"],
    Code {
        line_comments: &["#"],
        comments_stand_apart: true,
        strings: &[
            Text {
                hole: Some(("$(", b'(', b')')),
                ..long("\"")
            },
            raw("'"),
        ],
        keywords: "if then else elif fi case esac for select while until do done in function time coproc",
        constants: "true false",
        defines: "function",
        word: b"-./",
        commands: true,
        special: Special::Shell,
        ..NOTHING
    },
);

pub(super) static C: Language = Language::code(
    &["c", "h"],
    Code {
        directive: Some(b'#'),
        keywords: "alignas alignof break case const constexpr continue default do else enum extern for goto if inline \
            register restrict return sizeof static static_assert struct switch typedef typeof union volatile while",
        types: "bool char double float int int16_t int32_t int64_t int8_t intptr_t long ptrdiff_t short signed size_t \
            ssize_t uint16_t uint32_t uint64_t uint8_t uintptr_t unsigned void wchar_t",
        constants: "true false NULL nullptr",
        ..LIKE_C
    },
);

pub(super) static CPP: Language = Language::code(
    &["cpp", "c++", "cc", "cxx", "hpp", "hh", "hxx"],
    Code {
        directive: Some(b'#'),
        keywords: "alignas alignof break case catch class co_await co_return co_yield concept const const_cast consteval \
            constexpr constinit continue decltype default delete do dynamic_cast else enum explicit export extern \
            final for friend goto if import inline module mutable namespace new noexcept operator override private \
            protected public reinterpret_cast requires return sizeof static static_assert static_cast struct switch \
            template this thread_local throw try typedef typeid typename union using virtual volatile while",
        types: "auto bool char char16_t char32_t char8_t double float int int16_t int32_t int64_t int8_t long short \
            signed size_t string uint16_t uint32_t uint64_t uint8_t unsigned void wchar_t",
        constants: "true false NULL nullptr",
        special: Special::Cpp,
        ..LIKE_C
    },
);

pub(super) static CSHARP: Language = Language::code(
    &["csharp", "cs", "c#"],
    Code {
        directive: Some(b'#'),
        strings: &[raw("\"\"\""), short("\""), short("'")],
        keywords: "abstract as async await base break case catch checked class const continue default delegate do else \
            enum event explicit extern finally fixed for foreach get goto if implicit in init interface internal is \
            lock namespace new operator out override params partial private protected public readonly record ref \
            required return sealed set sizeof stackalloc static struct switch this throw try typeof unchecked unsafe \
            using var virtual volatile when where while with yield",
        types: "bool byte char decimal double dynamic float int long nint nuint object sbyte short string uint ulong \
            ushort void",
        constants: "true false null",
        ..LIKE_C
    },
);

pub(super) static GO: Language = Language::code(
    &["go", "golang"],
    Code {
        strings: &[short("\""), raw("`"), short("'")],
        keywords: "break case chan const continue default defer else fallthrough for func go goto if import interface map \
            package range return select struct switch type var",
        types: "any bool byte comparable complex128 complex64 error float32 float64 int int16 int32 int64 int8 rune string \
            uint uint16 uint32 uint64 uint8 uintptr",
        constants: "true false nil iota",
        defines: "func",
        ..LIKE_C
    },
);

pub(super) static JAVA: Language = Language::code(
    &["java"],
    Code {
        strings: &[long("\"\"\""), short("\""), short("'")],
        keywords: "abstract assert break case catch class continue default do else enum exports extends final finally for \
            if implements import instanceof interface module native new non-sealed package permits private protected \
            public record requires return sealed static strictfp super switch synchronized this throw throws transient \
            try var volatile when while yield",
        types: "boolean byte char double float int long short void",
        constants: "true false null",
        decorator: Some(b'@'),
        ..LIKE_C
    },
);

pub(super) static KOTLIN: Language = Language::code(
    &["kotlin", "kt", "kts"],
    Code {
        block_comments: &[NESTED],
        strings: &[raw("\"\"\""), short("\""), short("'")],
        keywords: "abstract actual annotation as break by catch class companion const constructor continue crossinline data \
            do else enum expect external final finally for fun get if import in infix init inline inner interface \
            internal is it lateinit noinline object open operator out override package private protected public \
            reified return sealed set super suspend tailrec this throw try typealias val value var vararg when where \
            while",
        constants: "true false null",
        defines: "fun",
        decorator: Some(b'@'),
        ..LIKE_C
    },
);

pub(super) static PYTHON: Language = Language::code(
    &["python", "py", "pyi", "python3"],
    Code {
        line_comments: &["#"],
        strings: &[long("\"\"\""), long("'''"), short("\""), short("'")],
        keywords: "and as assert async await break case class continue def del elif else except finally for from global if \
            import in is lambda match nonlocal not or pass raise return try while with yield",
        types: "bool bytes dict float frozenset int list object set str tuple",
        constants: "True False None NotImplemented self cls",
        defines: "def",
        capitals: true,
        dots: true,
        decorator: Some(b'@'),
        ..NOTHING
    },
);

pub(super) static RUBY: Language = Language::code(
    &["ruby", "rb", "rake", "gemspec"],
    Code {
        line_comments: &["#"],
        strings: &[
            Text {
                hole: Some(("#{", b'{', b'}')),
                ..long("\"")
            },
            long("'"),
            Text {
                hole: Some(("#{", b'{', b'}')),
                ..long("`")
            },
        ],
        keywords: "alias and attr_accessor attr_reader attr_writer begin break case class def defined? do else elsif end \
            ensure extend for if in include module next not or private protected public raise redo require \
            require_relative rescue retry return self super then undef unless until when while yield",
        constants: "true false nil __FILE__ __LINE__",
        defines: "def",
        word: b"?!",
        capitals: true,
        dots: true,
        special: Special::Ruby,
        ..NOTHING
    },
);

pub(super) static RUST: Language = Language::code(
    &["rust", "rs"],
    Code {
        block_comments: &[NESTED],
        strings: &[long("\"")],
        keywords: "as async await break const continue crate dyn else enum extern fn for if impl in let loop match mod move \
            mut pub ref return self static struct super trait type union unsafe use where while yield",
        types: "bool char f32 f64 i128 i16 i32 i64 i8 isize str u128 u16 u32 u64 u8 usize Self",
        constants: "true false",
        defines: "fn",
        special: Special::Rust,
        ..LIKE_C
    },
);

pub(super) static SWIFT: Language = Language::code(
    &["swift"],
    Code {
        block_comments: &[NESTED],
        strings: &[
            long("\"\"\""),
            Text {
                hole: Some(("\\(", b'(', b')')),
                ..short("\"")
            },
        ],
        keywords: "actor any as associatedtype async await break case catch class continue convenience default defer deinit \
            do else enum extension fallthrough fileprivate final for func get guard if import in init inout internal \
            is lazy let mutating nonisolated open operator override private protocol public repeat required rethrows \
            return self set some static struct subscript super switch throw throws try typealias unowned var weak \
            where while willSet",
        constants: "true false nil",
        defines: "func",
        decorator: Some(b'@'),
        directive: Some(b'#'),
        ..LIKE_C
    },
);

pub(super) static ZIG: Language = Language::code(
    &["zig"],
    Code {
        block_comments: &[],
        keywords: "align and anytype asm async await break catch comptime const continue defer else enum errdefer error \
            export extern fn for if inline noalias or orelse packed pub resume return struct suspend switch test \
            threadlocal try union unreachable usingnamespace var volatile while",
        types: "bool f16 f32 f64 i16 i32 i64 i8 isize noreturn type u16 u32 u64 u8 usize void",
        constants: "true false null undefined",
        defines: "fn",
        decorator: Some(b'@'),
        ..LIKE_C
    },
);
