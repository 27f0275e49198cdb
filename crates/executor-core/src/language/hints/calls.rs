//! The Rhai way for calls of functions that do not exist, under the names other languages have.

/// Functions that are called by their name, and what to write instead.
const FUNCTIONS: &[(&[&str], &str)] = &[
    (
        &["parseInt", "int", "Integer", "atoi", "to_integer"],
        "a text becomes a whole number with parse_int(text), a float with x.to_int()",
    ),
    (
        &["parseFloat", "float", "Float"],
        "a text becomes a float with parse_float(text), a whole number with x.to_float()",
    ),
    (
        &["Number"],
        "a text becomes a number with parse_int(text) or parse_float(text)",
    ),
    (
        &["String", "str", "string"],
        "a value becomes a text with x.to_string(), or inside of one: `${x}`",
    ),
    (&["Boolean"], "compare instead: x != (), x != 0, x != \"\""),
    (&["isNaN", "is_nan"], "ask the number: x.is_nan()"),
    (
        &["fetch", "axios", "request", "curl", "requests"],
        "scripts cannot call other servers",
    ),
    (
        &["setTimeout", "set_timeout"],
        "sleep(seconds) waits; invoke::later(script, args, #{ delay: \"5s\" }) runs a script later",
    ),
    (
        &["setInterval", "set_interval"],
        "what is to run again and again is a trigger of the kind cron, in picloud.toml",
    ),
    (
        &["require", "include", "use"],
        "modules are imported with import \"name\" as name;",
    ),
    (
        &["printf", "println", "echo", "puts", "alert"],
        "print(value) writes a line into the log",
    ),
    (&["typeof", "type"], "the type of a value is type_of(value)"),
    (
        &["assert", "panic", "raise", "die"],
        "throw ends the run with an error: if !fine { throw \"what is wrong\"; }",
    ),
    (
        &["isset", "defined", "exists"],
        "missing things are (): x != ()",
    ),
    (
        &["now", "time"],
        "the time is time::now() as a text, time::now_ms() as a number",
    ),
    (
        &["rand", "random"],
        "random::int(from, to), random::float()",
    ),
    (&["uuid"], "random::uuid()"),
    (&["encodeURIComponent"], "url::encode(value)"),
    (&["decodeURIComponent"], "url::decode(text)"),
    (&["btoa"], "base64::encode(value)"),
    (&["atob"], "base64::decode(text)"),
];

/// Methods, and what to write instead.
const METHODS: &[(&[&str], &str)] = &[
    (
        &["length", "size", "count", "strlen"],
        "the length is x.len",
    ),
    (
        &[
            "includes",
            "has",
            "hasOwnProperty",
            "has_key",
            "contains_key",
        ],
        "whether something is in it: x.contains(value), or value in x",
    ),
    (
        &["forEach", "each"],
        "for x in list { … }, or list.for_each(|| print(this))",
    ),
    (&["concat"], "two become one with a + b"),
    (&["unshift"], "the first place is list.insert(0, value)"),
    (
        &["slice"],
        "a part of an array is list.extract(start, length), of a text text.sub_string(start, length)",
    ),
    (
        &["substring", "substr"],
        "a part of a text is text.sub_string(start, length)",
    ),
    (&["toUpperCase", "upper", "uppercase"], "text.to_upper()"),
    (&["toLowerCase", "lower", "lowercase"], "text.to_lower()"),
    (&["startsWith", "startswith"], "text.starts_with(\"…\")"),
    (&["endsWith", "endswith"], "text.ends_with(\"…\")"),
    (
        &[
            "indexOf",
            "lastIndexOf",
            "search",
            "findIndex",
            "find_index",
        ],
        "the place of a value is x.index_of(value), -1 when it is not there; list.index_of(|x| …) asks a function",
    ),
    (
        &["replaceAll", "replace_all", "sub", "gsub"],
        "text.replaced(find, with) gives the new text; text.replace(find, with) changes it",
    ),
    (&["charAt", "char_at"], "a letter of a text is text[0]"),
    (
        &["charCodeAt", "codePointAt", "ord"],
        "the number of a letter is text[0].to_int()",
    ),
    (
        &["padStart", "padEnd", "ljust", "rjust"],
        "text.pad(length, ' ') makes a text longer at its end",
    ),
    (&["toString", "to_str"], "x.to_string()"),
    (
        &["toFixed"],
        "two digits after the point: (x * 100.0).round() / 100.0",
    ),
    (&["every"], "list.all(|x| …)"),
    (&["any"], "list.some(|x| …)"),
    (&["entries", "items"], "for key in map.keys() { map[key] }"),
    (&["first", "head"], "the first is list[0]"),
    (&["last", "tail"], "the last is list[-1]"),
    (
        &["add", "add_item"],
        "a value is added with list.push(value)",
    ),
    (
        &["flat", "flatten", "flatMap"],
        "list.reduce(|all, x| all + x, [])",
    ),
    (
        &["strip"],
        "text.trimmed() gives the new text; text.trim() changes it",
    ),
    (
        &["format"],
        "values go into a text in backticks: `${a} of ${b}`",
    ),
    (
        &["put", "save", "store", "update", "insert"],
        "a value is stored with collection.set(key, value)",
    ),
    (
        &["del", "unset", "erase"],
        "a key is removed with collection.delete(key), from a map with map.remove(key)",
    ),
    (
        &["find_one", "get_all", "all_keys"],
        "a collection gives one value with get(key), many with list()",
    ),
    (
        &["json"],
        "the body's JSON is req.json, without parentheses; an answer is made with response::json(value)",
    ),
    (
        &["send"],
        "the value of the script's last expression is the answer",
    ),
    (
        &["then", "catch"],
        "calls of services wait by themselves; use the value",
    ),
];

/// What to write instead of a call of a function that does not exist, if the name is known from other
/// languages.
pub(crate) fn for_unknown_call(name: &str, is_method: bool) -> Option<&'static str> {
    let lists = if is_method {
        [METHODS, FUNCTIONS]
    } else {
        [FUNCTIONS, METHODS]
    };
    let known = |list: &'static [(&[&str], &'static str)]| {
        let mut list = list.iter();
        list.find(|(names, _)| names.contains(&name))
            .map(|(_, hint)| *hint)
    };
    lists.into_iter().find_map(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_languages_get_the_rhai_way() {
        for (name, is_method, expected) in [
            ("parseInt", false, "parse_int"),
            ("includes", true, "contains"),
            ("toFixed", true, "round"),
            ("length", true, "x.len"),
            ("fetch", false, "other servers"),
        ] {
            let hint = for_unknown_call(name, is_method).unwrap_or_default();
            assert!(hint.contains(expected), "{name}: {hint:?}");
        }
        assert_eq!(for_unknown_call("total", false), None);
    }

    #[test]
    fn no_name_stands_twice_in_a_list() {
        for list in [FUNCTIONS, METHODS] {
            let mut names: Vec<_> = list.iter().flat_map(|(names, _)| names.iter()).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
