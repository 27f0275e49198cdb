//! Texts of others on their way to a terminal: what could steer it, or pass for something else, is
//! shown and not obeyed.

use serde::Serialize;

use crate::error::{Failure, Outcome};

/// Characters that end lines, change the direction of others, or are not seen.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

fn shown(text: &str, kept: &[char]) -> String {
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unseen(letter) && !kept.contains(&letter) {
            clean.extend(letter.escape_default());
        } else {
            clean.push(letter);
        }
    }
    clean
}

/// A text within a line. A line feed in it begins no line that would look like another one.
pub(crate) fn clean(text: &str) -> String {
    shown(text, &[])
}

/// A line of source, with its tabs.
pub(crate) fn clean_line(line: &str) -> String {
    shown(line, &['\t'])
}

/// A whole source.
pub(crate) fn clean_source(text: &str) -> String {
    shown(text, &['\n', '\t'])
}

/// A source with a mark for each such character: as long as before, so that places stay right.
pub(crate) fn marked(text: &str) -> String {
    let mark = |letter: char| match letter {
        '\n' | '\t' => letter,
        letter if is_unseen(letter) => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(mark).collect()
}

/// A value as JSON, on one line or on several, with escapes for such characters: it is the same
/// value for a program.
pub(crate) fn json(value: &impl Serialize, lines: bool) -> Outcome<String> {
    let text = if lines {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    let text =
        text.map_err(|error| Failure::new(format!("the answer cannot be written: {error}")))?;
    if !text.contains(|letter| is_unseen(letter) && letter != '\n') {
        return Ok(text);
    }
    let mut escaped = String::with_capacity(text.len());
    let mut units = [0; 2];
    for letter in text.chars() {
        if is_unseen(letter) && letter != '\n' {
            for unit in letter.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(letter);
        }
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_shown_not_obeyed() {
        let text = "a\u{1b}[2J\r\nb\tc\u{9b}\u{202e}d\u{2028}\u{feff}é👩\u{200d}👩";
        let seen = "a\\u{1b}[2J\\r\\nb\\tc\\u{9b}\\u{202e}d\\u{2028}\\u{feff}é👩\u{200d}👩";
        assert_eq!(clean(text), seen);
        assert_eq!(clean_line("\ta\n"), "\ta\\n");
        assert_eq!(clean_source("\ta\n\u{1b}"), "\ta\n\\u{1b}");
        assert_eq!(marked("a\u{202e}b\n").chars().count(), 4);
    }

    #[test]
    fn json_is_the_same_value_for_a_program() {
        let value = serde_json::json!({ "a": "\u{202e}x\u{e0041}\n\u{7f}" });
        let text = json(&value, true).unwrap();
        assert!(!text.contains(|c| is_unseen(c) && c != '\n'), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
