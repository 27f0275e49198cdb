//! Files of environment variables: `NAME=value`, a line each.

use shared::name::EnvName;

/// A line that is none of a variable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Line, from 1.
    pub(crate) line: usize,
    /// What is wrong. Values are secrets and are not in it.
    pub(crate) why: String,
}

/// The variables of a file, in its order. `export` before a name, comments, empty lines and quotes
/// are as a shell has them; a value in double quotes may have `\n`, `\"` and `\\`. A value ends with
/// its line.
pub(crate) fn parse(text: &str) -> Result<Vec<(EnvName, String)>, Wrong> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut all: Vec<(EnvName, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |why: String| Wrong {
            line: index + 1,
            why,
        };
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err(wrong("a line is NAME=value".to_owned()));
        };
        let name: EnvName = name.trim().parse().map_err(|error| {
            let error: shared::name::NameError = error;
            wrong(error.to_string())
        })?;
        let value = value_of(value.trim_start()).map_err(|why| wrong(why.to_owned()))?;
        if all.iter().any(|(known, _)| *known == name) {
            return Err(wrong(format!("{name} is there twice")));
        }
        all.push((name, value));
    }
    Ok(all)
}

fn value_of(text: &str) -> Result<String, &'static str> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        // A comment begins behind a space.
        let plain = text.find(" #").map_or(text, |at| &text[..at]);
        return Ok(plain.trim_end().to_owned());
    };
    let mut value = String::new();
    let mut letters = text[1..].chars();
    while let Some(letter) = letters.next() {
        match letter {
            end if end == quote => {
                let rest = letters.as_str().trim_start();
                if rest.is_empty() || rest.starts_with('#') {
                    return Ok(value);
                }
                return Err("something follows the closing quote");
            }
            '\\' if quote == '"' => match letters.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(other @ ('"' | '\\' | '$' | '\'')) => value.push(other),
                Some(other) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("the closing quote is missing; a value ends with its line")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<String, usize> {
        let parsed = parse(text).map_err(|wrong| wrong.line)?;
        Ok(parsed
            .into_iter()
            .next()
            .map_or_else(String::new, |(_, value)| value))
    }

    #[test]
    fn values_are_as_a_shell_has_them() {
        for (text, value) in [
            ("A=b", "b"),
            ("A=", ""),
            ("  export A = b c  ", "b c"),
            ("A=b # note", "b"),
            ("A=b#c", "b#c"),
            ("A='b \\n # c' # note", "b \\n # c"),
            ("A=\"b\\n\\\"c\\\" \\d\"", "b\n\"c\" \\d"),
            ("A=a=b==", "a=b=="),
            ("\u{feff}# first\n\nA=ä", "ä"),
            ("A=b\r\nB=c\r\n", "b"),
        ] {
            assert_eq!(one(text).as_deref(), Ok(value), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_the_value() {
        for (text, line) in [
            ("A=1\nsecret", 2),
            ("A=1\n\nlower=secret", 3),
            ("A=\"secret", 1),
            ("A='secret' more", 1),
            ("A=1\nA=secret", 2),
            ("=secret", 1),
        ] {
            let wrong = parse(text).unwrap_err();
            assert_eq!(wrong.line, line, "{text:?}");
            assert!(!wrong.why.contains("secret"), "{wrong:?}");
        }
    }
}
