//! The Rhai way for habits from other languages, found in the line that does not compile.

use super::engine::Language;

/// Words that give a habit away, and what to write instead. Only whole words outside of texts and
/// comments count.
const WORDS: &[(&str, &str)] = &[
    (
        "await",
        "calls of services wait by themselves; leave `await` out",
    ),
    ("async", "functions wait by themselves; leave `async` out"),
    (
        "function",
        "functions are written fn name(x) { … }, closures |x| { … }",
    ),
    ("def", "functions are written fn name(x) { … }"),
    ("var", "variables are declared with let or const"),
    (
        "new",
        "there are no classes; a map is written #{ name: \"Ada\" }",
    ),
    ("class", "there are no classes; use maps and functions"),
    ("null", "the missing value is ()"),
    ("undefined", "the missing value is ()"),
    ("nil", "the missing value is ()"),
    ("None", "the missing value is ()"),
    ("True", "write true"),
    ("False", "write false"),
    ("console", "log with log::info(\"…\")"),
    ("JSON", "use json::parse(text) and json::stringify(value)"),
    (
        "Math",
        "numbers have their functions as methods: x.floor(), x.abs(), x.sqrt()",
    ),
    (
        "Date",
        "the time is time::now(); see also time::parse and time::add",
    ),
    ("process", "environment variables are env::get(\"NAME\")"),
    (
        "require",
        "modules are imported with import \"name\" as name;",
    ),
    ("from", "modules are imported with import \"name\" as name;"),
    ("typeof", "the type of a value is type_of(value)"),
    ("elif", "write else if"),
    ("case", "switch value { 1 => …, _ => … }"),
    ("length", "the length is x.len"),
    ("curry", "write a closure: |x| work(1, x)"),
];

/// Signs that give a habit away; the longer first.
const SIGNS: &[(&str, &str)] = &[
    ("===", "compare with =="),
    ("!==", "compare with !="),
    ("++", "add with x += 1"),
    ("--", "subtract with x -= 1"),
];

const ARROW: &str = "closures are written |x| x + 1";
const MAP: &str = "a map is written #{ name: value }";
const TERNARY: &str = "there is no a ? b : c; write if a { b } else { c }";

/// A hint for the line with the error, or the one before it (where a missing semicolon is).
pub(crate) fn for_source(source: &str, line: usize) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let near = [line, line.saturating_sub(1)];
    let texts = near
        .iter()
        .filter_map(|number| lines.get(number.checked_sub(1)?));
    texts
        .map(|text| code_of(text))
        .find_map(|code| habit(&code))
        .map(str::to_owned)
}

/// A hint for a name that the compiler does not know.
pub(crate) fn for_unknown_name(language: &Language, name: &str) -> Option<String> {
    match name {
        "req" | "event" => Some(format!(
            "functions do not see `{name}`; give it to the function: fn work({name}) {{ … }}"
        )),
        "ctx" => Some("functions do not see `ctx`; inside of them write ctx()".to_owned()),
        _ if language.is_namespace(name) => Some(format!(
            "`{name}` is a namespace; its functions are called with {name}:: before their name"
        )),
        _ => None,
    }
}

fn habit(code: &str) -> Option<&'static str> {
    let sign = SIGNS
        .iter()
        .find(|(sign, _)| code.contains(sign))
        .map(|(_, hint)| *hint);
    sign.or_else(|| {
        WORDS
            .iter()
            .find(|(word, _)| has_word(code, word))
            .map(|(_, hint)| *hint)
    })
    .or_else(|| shape(code))
}

/// Habits that are more than a word.
fn shape(code: &str) -> Option<&'static str> {
    if let Some(at) = code.find("=>") {
        // The arms of a `switch` have arrows too, but nothing is assigned or called before them.
        if code[..at].contains(['=', '(']) {
            return Some(ARROW);
        }
    }
    let opens = |start: &str| {
        code.split(start)
            .nth(1)
            .is_some_and(|rest| rest.contains(':'))
    };
    if opens("= {") || opens("return {") || opens("({") {
        return Some(MAP);
    }
    let question = code.find(" ? ").or_else(|| code.find("? "))?;
    code[question..].contains(':').then_some(TERNARY)
}

fn has_word(code: &str, word: &str) -> bool {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part))
}

/// A line without what is in its texts and comments.
fn code_of(line: &str) -> String {
    let mut code = String::with_capacity(line.len());
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some('"' | '\''), '\\') => drop(letters.next()),
            (Some(open), _) if open == letter => {
                quote = None;
                code.push(letter);
            }
            (Some(_), _) => {}
            (None, '/') if letters.peek() == Some(&'/') => break,
            (None, '"' | '\'' | '`') => {
                quote = Some(letter);
                code.push(letter);
            }
            (None, _) => code.push(letter),
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::for_source;

    #[test]
    fn habits_get_the_rhai_way() {
        for (source, expected) in [
            ("let f = x => x + 1;", "|x|"),
            ("items.map(x => x + 1)", "|x|"),
            ("if a === b { 1 }", "=="),
            ("if a !== b { 1 }", "!="),
            ("let x = await get();", "await"),
            ("async fn f() {}", "async"),
            ("const f = function(x) { x };", "|x|"),
            ("function f(x) { x }", "fn name"),
            ("var x = 1;", "let"),
            ("throw new Error(\"x\")", "classes"),
            ("let x = null;", "()"),
            ("return undefined", "()"),
            ("console.log(1)", "log::info"),
            ("JSON.parse(x)", "json::parse"),
            ("let x = { a: 1 };", "#{"),
            ("let x = a ? 1 : 2;", "if a"),
            ("i++", "+= 1"),
        ] {
            let hint = for_source(source, 1).unwrap_or_default();
            assert!(hint.contains(expected), "{source}: {hint:?}");
        }
    }

    #[test]
    fn texts_comments_and_longer_words_are_not_habits() {
        for source in [
            "let x = ;",
            "let x = \"await null\" 1",
            "let x = 1 1 // new === var",
            "let newest = variable 1",
            "  1 => \"one\"",
            "",
        ] {
            assert_eq!(for_source(source, 1), None, "{source}");
        }
    }
}
