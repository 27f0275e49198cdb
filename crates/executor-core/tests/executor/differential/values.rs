//! Values for generated programs, by the names the language has for their types.

use fastrand::Rng;

const INTEGERS: [&str; 14] = [
    "0", "1", "-1", "2", "3", "7", "-3", "9", "10", "48", "64", "255", "-8", "1000",
];
/// Where nothing is made as large as a number says.
const WIDE: [&str; 5] = [
    "9223372036854775807",
    "-9223372036854775807",
    "4294967296",
    "-2147483649",
    "1000000007",
];
const FLOATS: [&str; 14] = [
    "0.0",
    "-0.0",
    "1.0",
    "1.5",
    "-2.25",
    "1e-9",
    "1e13",
    "1e16",
    "1e300",
    "0.1",
    "-7.0",
    "123456.789",
    "1e-300",
    "2.5",
];
const LETTERS: [&str; 9] = [
    "'a'", "'b'", "'z'", "'A'", "'ß'", "'🦀'", "' '", "'9'", "'\\n'",
];
const TEXTS: [&str; 18] = [
    "\"\"",
    "\"a\"",
    "\"abc\"",
    "\"héllo wörld\"",
    "\" a  b \"",
    "\"1,2,,3\"",
    "\"12\"",
    "\"-1.5e3\"",
    "\"0x1F\"",
    "\"aXbXa\"",
    "\"🦀🦀\"",
    "\"aaaa\"",
    "\"ABC\"",
    "\"   \"",
    "\"a\\n\\\"b\\\"\\t\\\\\"",
    "\",\"",
    "\"X\"",
    "\"bc\"",
];
const ARRAYS: [&str; 18] = [
    "[]",
    "[1]",
    "[3, 1, 2]",
    "[1, 1, 2, 1]",
    "[\"a\", 'a', \"b\"]",
    "[1, 2.0, \"x\", (), true]",
    "[[1, 2], [3], []]",
    "[#{ a: 1 }, #{ a: 2 }]",
    "[1e-9, -0.0, 1e13, 1e16]",
    "['c']",
    "[\"b\", \"a\", \"c\"]",
    "[2.5, 1.5]",
    "[true, false, true]",
    "[(), ()]",
    "['z', 'a']",
    "[1..3, 1..=3]",
    "[\"\"]",
    "[blob(2, 7)]",
];
const MAPS: [&str; 7] = [
    "#{}",
    "#{ a: 1 }",
    "#{ a: 1, b: 2 }",
    "#{ a: #{ b: [1, 'c'] }, \"x y\": \"z\\n\" }",
    "#{ a: () }",
    "#{ f: 1e-9, g: -0.0 }",
    "#{ b: 'b', a: \"a\" }",
];
const BLOBS: [&str; 6] = [
    "blob()",
    "blob(3, 65)",
    "blob(9, 255)",
    "\"abc\".to_blob()",
    "blob(4)",
    "\"a\\u00ff🦀\".to_blob()",
];
const RANGES: [&str; 6] = ["0..3", "1..1", "2..9", "-2..2", "3..1", "0..100"];
const RANGES_TO: [&str; 4] = ["0..=2", "1..=1", "-1..=1", "3..=1"];
const FUNCTIONS: [&str; 12] = [
    "|x| x",
    "|x| x == 1",
    "|a, b| a == b",
    "|a, b| 0",
    "|x| [x, x]",
    "|x, i| i",
    "|a, b| `${a}${b}`",
    "|x| x != ()",
    "|| 7",
    "|x| type_of(x)",
    "|a, b| a",
    "|x| throw x",
];
/// Functions that say which of two values comes first, and some that do not.
const COMPARERS: [&str; 6] = [
    "|a, b| 0",
    "|a, b| if a < b { -1 } else if a > b { 1 } else { 0 }",
    "|a, b| if a > b { -1 } else if a < b { 1 } else { 0 }",
    "|x| x",
    "|a, b| throw a",
    "|a, b| \"first\"",
];

/// One of several.
pub(super) fn one<'l>(rng: &mut Rng, list: &[&'l str]) -> &'l str {
    list[rng.usize(..list.len())]
}

/// A value of a type as a program would write it; none of a type that programs have no values of.
pub(super) fn of(rng: &mut Rng, kind: &str, wide: bool) -> Option<String> {
    let list: &[&str] = match kind {
        "i64" if wide && rng.bool() => &WIDE,
        "i64" => &INTEGERS,
        "f64" => &FLOATS,
        "bool" => &["true", "false"],
        "char" => &LETTERS,
        "string" => &TEXTS,
        "array" => &ARRAYS,
        "map" => &MAPS,
        "blob" => &BLOBS,
        "range" => &RANGES,
        "range=" => &RANGES_TO,
        "()" => &["()"],
        "Fn" => &FUNCTIONS,
        "comparer" => &COMPARERS,
        "?" => {
            let kinds = [
                "i64", "f64", "bool", "char", "string", "array", "map", "blob", "range", "range=",
                "()",
            ];
            let kind = one(rng, &kinds);
            return of(rng, kind, wide);
        }
        _ => return None,
    };
    Some(one(rng, list).to_owned())
}
