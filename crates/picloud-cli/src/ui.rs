//! What people and programs see: human text on stderr, requested content and JSON on stdout.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Failure, Outcome};

/// How a piece of text looks on a terminal with colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Names, headings.
    Bold,
    /// What is less important.
    Dim,
    /// Something went well, or was added.
    Good,
    /// Something to look at, or changed.
    Warning,
    /// Something failed, or was removed.
    Error,
    /// Advice.
    Note,
}

impl Paint {
    fn style(self) -> Style {
        match self {
            Self::Bold => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Error => AnsiColor::Red.on_default().bold(),
            Self::Note => AnsiColor::Cyan.on_default(),
        }
    }
}

/// The two outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    /// Whether the answer is for a program.
    pub(crate) json: bool,
    /// Colours on stderr.
    color: bool,
    /// Colours on stdout.
    content_color: bool,
}

#[expect(
    clippy::unused_self,
    reason = "callers hold the outputs, so that no module writes by itself"
)]
impl Ui {
    /// Colours only on terminals, and not with `NO_COLOR`.
    pub(crate) fn new(json: bool, env: &Environment) -> Self {
        let plain = env.get("NO_COLOR").is_some() || env.get("TERM") == Some("dumb");
        Self {
            json,
            color: !plain && io::stderr().is_terminal(),
            content_color: !plain && !json && io::stdout().is_terminal(),
        }
    }

    /// Whether stderr shows colours.
    pub(crate) fn color(self) -> bool {
        self.color
    }

    /// Text for stderr.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        painted(self.color, paint, text)
    }

    /// Text for stdout.
    pub(crate) fn paint_content(self, paint: Paint, text: &str) -> String {
        painted(self.content_color, paint, text)
    }

    /// A line for people.
    pub(crate) fn say(self, line: impl Display) {
        // Nobody is left to tell when stderr is closed.
        drop(writeln!(io::stderr().lock(), "{line}"));
    }

    /// A line for people, unless the answer is for a program.
    pub(crate) fn note(self, line: impl Display) {
        if !self.json {
            self.say(line);
        }
    }

    /// A warning for people.
    pub(crate) fn warn(self, line: impl Display) {
        self.say(format!("{} {line}", self.paint(Paint::Warning, "warning:")));
    }

    /// Content that was asked for.
    pub(crate) fn content(self, bytes: &[u8]) -> Outcome {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| stdout_failed(&error))
    }

    /// A line of content that was asked for.
    pub(crate) fn content_line(self, line: &str) -> Outcome {
        self.content(format!("{line}\n").as_bytes())
    }

    /// An answer for a program.
    pub(crate) fn answer(self, value: &impl Serialize) -> Outcome {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::new(format!("the answer cannot be written: {error}")))?;
        self.content_line(&text)
    }

    /// A table for people. The cells are cleaned.
    pub(crate) fn table(self, head: &[&str], rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| clean(cell)).collect())
            .collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(head.get(column).map_or(0, |name| name.chars().count()))
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let names: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
        self.say(self.paint(Paint::Dim, &line(&names)));
        for row in &rows {
            self.say(line(row));
        }
    }
}

fn painted(color: bool, paint: Paint, text: &str) -> String {
    if color {
        let style = paint.style();
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// What a write to stdout that failed means.
pub(crate) fn stdout_failed(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::Closed
    } else {
        Failure::new(format!("cannot write to standard output: {error}"))
    }
}

/// Text of others without control characters: a script's log line must not steer a terminal.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() && !matches!(letter, '\n' | '\t') {
            clean.extend(letter.escape_debug());
        } else {
            clean.push(letter);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{9b}"), "a\\u{1b}[2Jb\nc\\u{9b}");
    }
}
