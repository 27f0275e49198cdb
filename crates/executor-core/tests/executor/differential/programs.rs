//! Programs of statements and nested expressions.

use fastrand::Rng;

use super::values::{of, one};

/// How deep expressions nest.
const DEPTH: usize = 3;

/// One program. Its variables are `i`, `f`, `b`, `s`, `a` and `m`; what it ends with is all of them.
pub(super) fn program(rng: &mut Rng) -> String {
    let mut text = String::from(
        "fn twice(n) { n * 2 } fn first(list) { if list.len == 0 { return (); } list[0] }\n",
    );
    text += &format!("let i = {}; ", integer(rng, 0));
    text += &format!("let f = {}; ", float(rng, 0));
    text += &format!("let b = {}; ", truth(rng, 0));
    text += &format!("let s = {}; ", string(rng, 0));
    text += &format!("let a = {}; ", array(rng, 0));
    text += &format!("let m = {};\n", map(rng, 0));
    for _ in 0..rng.usize(2..7) {
        let statement = statement(rng, 2);
        // Most mistakes shall not end the whole program.
        text += &match rng.u8(..4) {
            0 => statement,
            _ => format!("try {{ {statement} }} catch {{ a.push(7); }};"),
        };
        text.push('\n');
    }
    text + "[i, f, b, s, a, m]"
}

/// One expression of any type.
pub(super) fn expression(rng: &mut Rng) -> String {
    any(rng, DEPTH)
}

fn any(rng: &mut Rng, depth: usize) -> String {
    match rng.u8(..9) {
        0 | 1 => integer(rng, depth),
        2 => float(rng, depth),
        3 => truth(rng, depth),
        4 => string(rng, depth),
        5 => array(rng, depth),
        6 => map(rng, depth),
        7 => of(rng, "char", false).unwrap_or_default(),
        _ => of(rng, "?", false).unwrap_or_default(),
    }
}

fn leaf(rng: &mut Rng, kind: &str) -> String {
    of(rng, kind, true).unwrap_or_default()
}

fn integer(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 {
        return leaf(rng, "i64");
    }
    let deeper = depth - 1;
    match rng.u8(..14) {
        0..=3 => {
            let sign = one(rng, &["+", "-", "*", "/", "%", "&", "|", "^"]);
            format!("({} {sign} {})", integer(rng, deeper), integer(rng, deeper))
        }
        4 => format!("({}).len", array(rng, deeper)),
        5 => format!("({}).len()", string(rng, deeper)),
        6 => format!(
            "({}).index_of({})",
            string(rng, deeper),
            string(rng, deeper)
        ),
        7 => format!("-({})", integer(rng, deeper)),
        8 => format!(
            "if {} {{ {} }} else {{ {} }}",
            truth(rng, deeper),
            integer(rng, deeper),
            integer(rng, deeper)
        ),
        9 => format!("({}).to_int()", float(rng, deeper)),
        10 => format!("({}).index_of({})", array(rng, deeper), any(rng, deeper)),
        11 => format!("({}).abs()", integer(rng, deeper)),
        12 => format!("({}).reduce(|sum, x| sum + 1, 0)", array(rng, deeper)),
        _ => leaf(rng, "i64"),
    }
}

fn float(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 {
        return leaf(rng, "f64");
    }
    let deeper = depth - 1;
    match rng.u8(..7) {
        0..=2 => {
            let sign = one(rng, &["+", "-", "*", "/", "%"]);
            format!("({} {sign} {})", float(rng, deeper), float(rng, deeper))
        }
        3 => format!("({} * {})", integer(rng, deeper), float(rng, deeper)),
        4 => format!(
            "({}).{}()",
            float(rng, deeper),
            one(
                rng,
                &[
                    "sqrt", "floor", "ceiling", "round", "abs", "fraction", "exp", "ln", "sin"
                ]
            )
        ),
        5 => format!("({}).to_float()", integer(rng, deeper)),
        _ => leaf(rng, "f64"),
    }
}

fn truth(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 {
        return leaf(rng, "bool");
    }
    let deeper = depth - 1;
    match rng.u8(..12) {
        0..=2 => {
            let sign = one(rng, &["==", "!=", "<", ">", "<=", ">="]);
            format!("({} {sign} {})", any(rng, deeper), any(rng, deeper))
        }
        3 => {
            let sign = one(rng, &["==", "!=", "<", ">=", "in"]);
            format!("({} {sign} {})", string(rng, deeper), string(rng, deeper))
        }
        4 => format!("({} in {})", any(rng, deeper), array(rng, deeper)),
        5 => format!("({} in {})", string(rng, deeper), map(rng, deeper)),
        6 => format!(
            "({} {} {})",
            truth(rng, deeper),
            one(rng, &["&&", "||", "^"]),
            truth(rng, deeper)
        ),
        7 => format!("!({})", truth(rng, deeper)),
        8 => format!(
            "({}).{}({})",
            string(rng, deeper),
            one(rng, &["contains", "starts_with", "ends_with"]),
            string(rng, deeper)
        ),
        9 => format!("({} == {})", array(rng, deeper), array(rng, deeper)),
        10 => format!("({} == {})", map(rng, deeper), map(rng, deeper)),
        _ => leaf(rng, "bool"),
    }
}

fn string(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 {
        return leaf(rng, "string");
    }
    let deeper = depth - 1;
    match rng.u8(..12) {
        0 => format!("({} + {})", string(rng, deeper), any(rng, deeper)),
        1 => format!("({} + {})", any(rng, deeper), string(rng, deeper)),
        2 => format!("`<${{{}}}|${{{}}}>`", any(rng, deeper), any(rng, deeper)),
        3 => format!(
            "({}).{}()",
            string(rng, deeper),
            one(rng, &["to_upper", "to_lower"])
        ),
        4 => format!(
            "({}).{}()",
            any(rng, deeper),
            one(rng, &["to_string", "to_debug"])
        ),
        5 => format!("type_of({})", any(rng, deeper)),
        6 => format!(
            "({}).sub_string({}, {})",
            string(rng, deeper),
            integer(rng, 0),
            integer(rng, 0)
        ),
        7 => format!(
            "{{ let t = {}; t.{}; t }}",
            string(rng, deeper),
            one(
                rng,
                &[
                    "trim()",
                    "replace(\"a\", \"bb\")",
                    "replace('a', 'ß')",
                    "crop(1)",
                    "remove('a')",
                    "truncate(2)",
                    "clear()",
                    "append('x')",
                    "replace(\"\", \"-\")"
                ]
            )
        ),
        8 => format!("({} - {})", string(rng, deeper), string(rng, deeper)),
        9 => format!(
            "({}).split({}).to_string()",
            string(rng, deeper),
            string(rng, 0)
        ),
        _ => leaf(rng, "string"),
    }
}

fn array(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 {
        return leaf(rng, "array");
    }
    let deeper = depth - 1;
    match rng.u8(..11) {
        0 => format!("[{}, {}]", any(rng, deeper), any(rng, deeper)),
        1 => format!("({} + {})", array(rng, deeper), array(rng, deeper)),
        2 => format!(
            "({}).map(|x| {})",
            array(rng, deeper),
            one(rng, &["x", "[x]", "`${x}`", "type_of(x)", "x == 1"])
        ),
        3 => format!(
            "({}).filter(|x| {})",
            array(rng, deeper),
            one(rng, &["x == 1", "x != ()", "type_of(x) == \"i64\"", "true"])
        ),
        4 => format!(
            "({}).split({})",
            string(rng, deeper),
            one(rng, &["", "\"\"", "','", "\",\"", "\"a\", 2", "' ', 0"])
        ),
        5 => format!(
            "({}).extract({})",
            array(rng, deeper),
            one(rng, &["1", "0, 1", "-1", "1..2", "0..=1", "-2, 1"])
        ),
        6 => format!(
            "{{ let t = {}; t.{}; t }}",
            array(rng, deeper),
            one(
                rng,
                &[
                    "reverse()",
                    "dedup()",
                    "pop()",
                    "shift()",
                    "truncate(1)",
                    "chop(1)",
                    "insert(1, 'x')",
                    "push([1])",
                    "remove(0)",
                    "retain(|x| x != 1)",
                    "pad(4, 0)",
                    "splice(0..1, [9, 9])",
                    "sort(|x, y| 0)",
                    "drain(|x| x == 1)",
                    "set(0, 1)"
                ]
            )
        ),
        7 => format!("({}).to_chars()", string(rng, deeper)),
        8 => format!("({}).{}()", map(rng, deeper), one(rng, &["keys", "values"])),
        _ => leaf(rng, "array"),
    }
}

fn map(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 {
        return leaf(rng, "map");
    }
    let deeper = depth - 1;
    match rng.u8(..6) {
        0 => format!(
            "#{{ a: {}, \"c d\": {} }}",
            any(rng, deeper),
            any(rng, deeper)
        ),
        1 => format!("({} + {})", map(rng, deeper), map(rng, deeper)),
        2 => format!(
            "{{ let t = {}; t.{}; t }}",
            map(rng, deeper),
            one(
                rng,
                &[
                    "a = 5",
                    "remove(\"a\")",
                    "clear()",
                    "b = t.a",
                    "fill_with(#{ z: 1 })",
                    "set(\"k\", 'v')"
                ]
            )
        ),
        3 => format!("({}).filter(|k, v| k != \"a\")", map(rng, deeper)),
        _ => leaf(rng, "map"),
    }
}

fn statement(rng: &mut Rng, depth: usize) -> String {
    if depth > 0 && rng.bool() {
        return block(rng, depth - 1);
    }
    match rng.u8(..9) {
        0 => format!(
            "i {} {};",
            one(rng, &["=", "+=", "-=", "*=", "|=", "^="]),
            integer(rng, 2)
        ),
        1 => format!(
            "f {} {};",
            one(rng, &["=", "+=", "-=", "*=", "/="]),
            float(rng, 2)
        ),
        2 => format!("s {} {};", one(rng, &["=", "+="]), string(rng, 2)),
        3 => format!("a.push({});", any(rng, 1)),
        4 => format!("m.{} = {};", one(rng, &["a", "b", "new"]), any(rng, 1)),
        5 => format!("b = {};", truth(rng, 2)),
        6 => format!("a[{}] = {};", one(rng, &["0", "-1", "1", "5"]), any(rng, 1)),
        7 => format!("let {} = {};", one(rng, &["t", "i", "s"]), integer(rng, 1)),
        _ => one(
            rng,
            &[
                "s[0] = 'x';",
                "i = twice(i);",
                "f = i / 2.0;",
                "a = a + [i];",
                "s += i;",
                "i = m.a ?? 3;",
                "i = m?.a?.b ?? 1;",
                "a += s;",
                "m += #{ q: 1 };",
                "let t = first(a); a.push(t);",
            ],
        )
        .to_owned(),
    }
}

/// A statement with others inside, which nest this deep.
fn block(rng: &mut Rng, depth: usize) -> String {
    match rng.u8(..9) {
        0 | 1 => format!(
            "if {} {{ {} }} else {{ {} }}",
            truth(rng, 2),
            statement(rng, depth),
            statement(rng, depth)
        ),
        2 => format!(
            "for x in {} {{ {} if x == 2 {{ {}; }} }}",
            one(
                rng,
                &[
                    "a",
                    "0..3",
                    "s",
                    "m.keys()",
                    "0..=2",
                    "\"xyz\".chars()",
                    "range(6, 0, -2)"
                ]
            ),
            statement(rng, 0),
            one(rng, &["break", "continue", "i += 1"])
        ),
        3 => format!(
            "for (x, n) in {} {{ i += n; {} }}",
            one(rng, &["a", "s", "[7, 8]"]),
            statement(rng, 0)
        ),
        4 => format!("let n = 0; while n < 3 {{ n += 1; {} }}", statement(rng, 0)),
        5 => format!(
            "try {{ {} throw {}; }} catch (e) {{ a.push(e); }}",
            statement(rng, 0),
            any(rng, 1)
        ),
        6 => format!("try {{ {} }} catch {{ i = -1; }}", statement(rng, depth)),
        7 => format!(
            "switch {} {{ 1 | 2 => {{ {} }}, 3..9 => {{ i = 4; }}, \"a\" => {{ s += 'q'; }}, 'a' => b = false, _ if i > 3 => {{ {} }}, _ => () }}",
            any(rng, 1),
            statement(rng, 0),
            statement(rng, 0)
        ),
        _ => format!(
            "let g = |x| {}; let r = g.call({}); a.push(r);",
            one(
                rng,
                &["x", "[x, i]", "`${x}-${s}`", "{ i += 1; i }", "x == i"]
            ),
            any(rng, 1)
        ),
    }
}
