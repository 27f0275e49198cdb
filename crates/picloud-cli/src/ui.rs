//! What people and programs see: what was asked for on stdout, as text or as JSON; progress, advice,
//! questions and failures on stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Failure, Outcome};
use crate::text::{clean, clean_source, json};

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

/// Whether an output shows colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colours(bool);

impl Colours {
    /// Whether it does.
    pub(crate) const fn shown(self) -> bool {
        self.0
    }

    /// A text for this output.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if self.0 {
            let style = paint.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// The two outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    /// Whether the answer is for a program.
    pub(crate) json: bool,
    /// Standard output: what was asked for.
    pub(crate) out: Colours,
    /// Standard error: everything else.
    pub(crate) err: Colours,
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
            out: Colours(!plain && !json && io::stdout().is_terminal()),
            err: Colours(!plain && io::stderr().is_terminal()),
        }
    }

    /// A line on stderr.
    pub(crate) fn say(self, line: impl Display) {
        // Nobody is left to tell when stderr is closed.
        drop(writeln!(io::stderr().lock(), "{line}"));
    }

    /// Progress or advice for people.
    pub(crate) fn note(self, line: impl Display) {
        if !self.json {
            self.say(line);
        }
    }

    /// A warning for people.
    pub(crate) fn warn(self, line: impl Display) {
        self.say(format!(
            "{} {line}",
            self.err.paint(Paint::Warning, "warning:")
        ));
    }

    /// Content that was asked for, as it is.
    pub(crate) fn content(self, bytes: &[u8]) -> Outcome {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| stdout_failed(&error))
    }

    /// A line of what was asked for.
    pub(crate) fn line(self, line: impl Display) -> Outcome {
        self.content(format!("{line}\n").as_bytes())
    }

    /// A source: as it is for a file or a program, without what could steer a terminal for one.
    pub(crate) fn source(self, text: &str) -> Outcome {
        if io::stdout().is_terminal() {
            self.content(clean_source(text).as_bytes())
        } else {
            self.content(text.as_bytes())
        }
    }

    /// A piece of a body, as it is. A terminal shows text only.
    pub(crate) fn body(self, piece: &[u8]) -> Outcome {
        if io::stdout().is_terminal() && !is_text(piece) {
            return Err(
                Failure::new("the body is no text, which a terminal cannot show")
                    .next("send it to a file: `> FILE`"),
            );
        }
        self.content(piece)
    }

    /// Ends the line of a body whose last piece this is, on a terminal.
    pub(crate) fn end_of_body(self, last: &[u8]) -> Outcome {
        match last.last() {
            Some(b'\n') | None => Ok(()),
            Some(_) if io::stdout().is_terminal() => self.content(b"\n"),
            Some(_) => Ok(()),
        }
    }

    /// An answer for a program.
    pub(crate) fn answer(self, value: &impl Serialize) -> Outcome {
        self.line(json(value, false)?)
    }

    /// What a command did: a value for a program, a line for people.
    pub(crate) fn done(self, value: &impl Serialize, line: impl Display) -> Outcome {
        if self.json {
            self.answer(value)
        } else {
            self.line(line)
        }
    }

    /// A table for people. The cells are cleaned.
    pub(crate) fn table(self, head: &[&str], rows: &[Vec<String>]) -> Outcome {
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
        let mut table = self.out.paint(Paint::Dim, &line(&names));
        for row in &rows {
            table.push('\n');
            table.push_str(&line(row));
        }
        self.line(table)
    }
}

/// Whether a piece of a body is text; its first letter may have begun in the piece before, and its
/// last may go on in the next.
fn is_text(piece: &[u8]) -> bool {
    let goes_on = |byte: &&u8| **byte & 0xc0 == 0x80;
    let begun_before = piece.iter().take(3).take_while(goes_on).count();
    let whole = match std::str::from_utf8(&piece[begun_before..]) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    whole && !piece.contains(&0)
}

/// What a write to stdout that failed means.
fn stdout_failed(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::Closed
    } else {
        Failure::new(format!("cannot write to standard output: {error}"))
    }
}
