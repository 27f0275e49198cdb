//! The Rhai way for habits from other languages, found in the line that does not compile.

pub(crate) mod calls;
mod names;
mod running;
pub(crate) mod signatures;

use rhai::{LexError, ParseErrorType};

pub(crate) use names::{fixed_property, unknown_property};
pub(crate) use running::{for_error, named};
pub(crate) use signatures::learn;
#[cfg(test)]
pub(crate) use signatures::parsed;

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
    ("and", "both: a && b"),
    ("or", "one of both: a || b"),
    ("not", "the opposite: !a"),
    (
        "finally",
        "there is no finally; write what comes in any case after try { … } catch { … }",
    ),
    ("except", "write try { … } catch (error) { … }"),
    ("raise", "an error is thrown with throw"),
    ("Object", "a map has map.keys() and map.values()"),
    (
        "default",
        "the functions of a module can be called from outside; leave export default out",
    ),
    ("instanceof", "the type of a value is type_of(value)"),
    ("lambda", "closures are written |x| x + 1"),
    ("match", "switch value { 1 => …, _ => … }"),
    ("delete", "a key is removed with map.remove(\"key\")"),
    ("print", "print is a function: print(\"text\")"),
];

/// Signs that give a habit away; the longer first.
const SIGNS: &[(&str, &str)] = &[
    ("===", "compare with =="),
    ("!==", "compare with !="),
    ("++", "add with x += 1"),
    ("--", "subtract with x -= 1"),
];

const QUOTES: &str = "texts are written in double quotes, \"text\"; single quotes hold one letter";
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
        .map(|text| (letters_in_quotes(text), code_of(text)))
        .find_map(|(letters, code)| if letters { Some(QUOTES) } else { habit(&code) })
        .map(str::to_owned)
}

/// Whether a line has more than one letter between single quotes.
fn letters_in_quotes(line: &str) -> bool {
    let mut quote = None;
    let mut inside = 0;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => {
                let escape = letters.next();
                // What is written with its number is one letter.
                if matches!(escape, Some('x' | 'u' | 'U')) {
                    while letters.peek().is_some_and(char::is_ascii_hexdigit) {
                        letters.next();
                    }
                }
                inside += 1;
            }
            (Some(open), _) if open == letter => {
                if open == '\'' && inside != 1 {
                    return true;
                }
                quote = None;
            }
            (Some(_), _) => inside += 1,
            (None, '/') if letters.peek() == Some(&'/') => return false,
            (None, '"' | '\'' | '`') => (quote, inside) = (Some(letter), 0),
            (None, _) => {}
        }
    }
    false
}

/// A hint for what does not compile at this line of `source`.
pub(crate) fn for_parse_error(
    error: &ParseErrorType,
    (source, line): (&str, usize),
) -> Option<String> {
    let about = match error {
        ParseErrorType::VariableUndefined(name) => for_unknown_name(name, source),
        ParseErrorType::MismatchedType(wanted, _) if wanted.contains("boolean") => {
            Some(CONDITION.to_owned())
        }
        ParseErrorType::AssignmentToConstant(name) => Some(format!(
            "declare it with let, or copy it: let copy = {name};"
        )),
        ParseErrorType::BadInput(LexError::UnterminatedString) => Some(OPEN_TEXT.to_owned()),
        ParseErrorType::BadInput(LexError::UnexpectedInput(text)) => for_unseen_letter(text),
        _ => None,
    };
    about.or_else(|| for_source(source, line))
}

const CONDITION: &str = "a condition is true or false; compare instead: x != (), x != 0, x != \"\"";
const OPEN_TEXT: &str =
    "a text ends with \" in its line; one of several lines is written in backticks";

/// A hint for a character that cannot be seen, or looks like a space and is none.
fn for_unseen_letter(text: &str) -> Option<String> {
    let letter = text.chars().next().filter(|letter| !letter.is_ascii())?;
    let shown = format!("U+{:04X}", u32::from(letter));
    let seen = letter.is_alphanumeric() && !UNSEEN.contains(&letter);
    (!seen).then(|| {
        format!("the character here is {shown}; outside of texts and comments, write a plain space or take it out")
    })
}

/// Letters that have no shape.
const UNSEEN: [char; 4] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];

/// A hint for a name in `source` that the compiler does not know.
fn for_unknown_name(name: &str, source: &str) -> Option<String> {
    match name {
        "req" | "event" | "ctx" => names::for_unseen(name),
        _ if signatures::is_namespace(name) => Some(format!(
            "`{name}` is a namespace; its functions are called with {name}:: before their name"
        )),
        _ => for_own_name(name, source),
    }
}

/// A hint for a name that the source has somewhere else, or uses without having it.
fn for_own_name(name: &str, source: &str) -> Option<String> {
    let lines: Vec<String> = source.lines().map(code_of).collect();
    let somewhere = |before: &str, after: &str| {
        let text = format!("{before}{name}{after}");
        lines.iter().any(|line| has_word(line, &text))
    };
    if somewhere("const ", "") {
        let hint = format!("functions see constants of the top level as global::{name}");
        return Some(hint);
    }
    if somewhere("let ", "") {
        let hint = format!(
            "functions do not see variables of the top level, and blocks keep theirs; give it to the \
             function: fn work({name}) {{ … }}"
        );
        return Some(hint);
    }
    let assigned = lines.iter().any(|line| {
        let rest = line.trim_start().strip_prefix(name).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with('=') && !rest.starts_with("=="))
    });
    assigned.then(|| format!("variables are declared first: let {name} = …;"))
}

fn habit(code: &str) -> Option<&'static str> {
    let sign = SIGNS
        .iter()
        .find(|(sign, _)| code.contains(sign))
        .map(|(_, hint)| *hint);
    let word = || {
        let mut words = WORDS.iter();
        words
            .find(|(word, _)| has_word(code, word))
            .map(|(_, hint)| *hint)
    };
    let loops = code.trim_start().starts_with("for ");
    sign.filter(|_| !loops)
        .or_else(|| shape(code).filter(|_| loops))
        .or_else(word)
        .or_else(|| shape(code))
}

/// What a line with these beginnings and signs means to say.
const SHAPES: &[(&str, &str, &str)] = &[
    (
        "let {",
        "",
        "a map is not taken apart; write let a = map.a;",
    ),
    (
        "const {",
        "",
        "a map is not taken apart; write let a = map.a;",
    ),
    (
        "let [",
        "",
        "an array is not taken apart; write let a = list[0];",
    ),
    (
        "const [",
        "",
        "an array is not taken apart; write let a = list[0];",
    ),
    ("", "...", "arrays become one with a + b, maps with a + b"),
    ("for (", ";", "write for i in 0..3 { … }"),
    ("for ", " of ", "write for x in list { … }"),
];
const BRACES: &str = "what is done stands in braces: if x { … }, while x { … }";
const PARAMETERS: &str =
    "parameters are names only, without types and defaults: fn work(a, b) { … }";
const TYPES: &str = "variables have no types: let x = 1;";

/// Habits that are more than a word.
fn shape(code: &str) -> Option<&'static str> {
    let start = code.trim_start();
    let known = |(begin, sign, hint): &(&str, &str, &'static str)| {
        (start.starts_with(begin) || start.contains(&format!("; {begin}")) && !begin.is_empty())
            .then_some(*hint)
            .filter(|_| code.contains(sign))
    };
    if let Some(hint) = SHAPES.iter().find_map(known) {
        return Some(hint);
    }
    if ["if ", "if(", "while ", "while("]
        .iter()
        .any(|word| start.starts_with(word))
        && !code.contains('{')
    {
        return Some(BRACES);
    }
    if let Some((_, parameters)) = code.split_once("fn ")
        && let Some(parameters) = parameters.split(')').next()
        && parameters.contains([':', '='])
    {
        return Some(PARAMETERS);
    }
    if let Some((_, rest)) = code.split_once("let ")
        && let Some((name, _)) = rest.split_once(':')
        && !name
            .trim()
            .contains(|letter: char| !letter.is_alphanumeric() && letter != '_')
    {
        return Some(TYPES);
    }
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

/// Whether a word stands in a line by itself. As the name of a method, or called like a function of
/// the same name, only `length` gives a habit away.
fn has_word(code: &str, word: &str) -> bool {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let method = before.ends_with(['.', ':']) && word != "length";
        let called = word == "print" && after.trim_start().starts_with('(');
        !before.ends_with(part) && !after.starts_with(part) && !method && !called
    })
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
