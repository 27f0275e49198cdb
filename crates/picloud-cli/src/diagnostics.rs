//! Findings drawn with their source line.

use std::io::Write as _;

use ariadne::{Config, IndexType, Label, Report, ReportKind, Source};
use shared::script_error::{Diagnostic, ScriptError, Severity};

use crate::ui::{Paint, Ui, clean};

/// Something to look at in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finding<'a> {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// The file.
    pub(crate) file: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
    /// Line, from 1; 0 for the whole file.
    pub(crate) line: u32,
    /// Column in characters, from 1; 0 for the whole line.
    pub(crate) column: u32,
    /// What is wrong.
    pub(crate) message: &'a str,
    /// What to write instead.
    pub(crate) hint: Option<&'a str>,
}

/// Draws it on stderr.
pub(crate) fn draw(ui: Ui, finding: &Finding<'_>) {
    let message = clean(finding.message);
    let Some(span) = span(finding) else {
        return plain(ui, finding, &message);
    };
    let kind = match finding.severity {
        Severity::Error => ReportKind::Error,
        Severity::Warning => ReportKind::Warning,
    };
    let config = Config::default()
        .with_color(ui.color())
        .with_index_type(IndexType::Char);
    let mut report = Report::build(kind, (finding.file, span.clone()))
        .with_config(config)
        .with_message(&message)
        .with_label(
            Label::new((finding.file, span))
                .with_message(finding.hint.map_or_else(|| "here".to_owned(), clean)),
        );
    if let Some(hint) = finding.hint {
        report = report.with_help(clean(hint));
    }
    let mut drawn = Vec::new();
    let source = (finding.file, Source::from(harmless(finding.text)));
    match report.finish().write(source, &mut drawn) {
        // Nobody is left to tell when stderr is closed.
        Ok(()) => drop(std::io::stderr().lock().write_all(&drawn)),
        Err(_unwritable) => plain(ui, finding, &message),
    }
}

/// The text with blanks for control characters: as long as before, so that places stay right.
fn harmless(text: &str) -> String {
    let blank = |letter: char| match letter {
        '\n' | '\t' => letter,
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().map(blank).collect()
}

fn plain(ui: Ui, finding: &Finding<'_>, message: &str) {
    let (kind, paint) = match finding.severity {
        Severity::Error => ("error:", Paint::Error),
        Severity::Warning => ("warning:", Paint::Warning),
    };
    let mut place = finding.file.to_owned();
    if finding.line > 0 {
        place = format!("{place}:{}", finding.line);
    }
    ui.say(format!("{} {place}: {message}", ui.paint(paint, kind)));
    if let Some(hint) = finding.hint {
        ui.say(format!(
            "  {} {}",
            ui.paint(Paint::Note, "next:"),
            clean(hint)
        ));
    }
}

/// The characters a finding is about; `None` when the text has no such line.
fn span(finding: &Finding<'_>) -> Option<std::ops::Range<usize>> {
    let number = (finding.line as usize).checked_sub(1)?;
    let line = finding.text.split('\n').nth(number)?;
    let before = finding.text.split('\n').take(number);
    let start: usize = before.map(|line| line.chars().count() + 1).sum();
    let length = line.trim_end().chars().count();
    let Some(column) = (finding.column as usize).checked_sub(1) else {
        let indent = length - line.trim().chars().count();
        return Some(start + indent..start + length.max(indent));
    };
    let at = column.min(length);
    let word = |letter: &char| letter.is_alphanumeric() || *letter == '_';
    let width = line.chars().skip(at).take_while(word).count();
    Some(start + at..start + (at + width.max(1)).min(length.max(at)))
}

/// Draws a server's findings; `find` knows the texts it is about.
pub(crate) fn draw_all<'a>(
    ui: Ui,
    diagnostics: &[Diagnostic],
    find: impl Fn(&str) -> Option<&'a crate::sources::Source>,
) {
    for diagnostic in diagnostics {
        let source = find(&diagnostic.script);
        draw(
            ui,
            &Finding {
                severity: diagnostic.severity,
                file: source.map_or(&diagnostic.script, |source| &source.file),
                text: source.map_or("", |source| &source.text),
                line: diagnostic.line,
                column: diagnostic.column,
                message: &diagnostic.message,
                hint: diagnostic.hint.as_deref(),
            },
        );
    }
}

/// Draws why a run failed: at the innermost known line, with the calls that led there.
pub(crate) fn draw_failure<'a>(
    ui: Ui,
    script: &str,
    error: &ScriptError,
    find: impl Fn(&str) -> Option<&'a crate::sources::Source>,
) {
    let frame = error.frames.first();
    let source = frame.and_then(|frame| find(name_of(&frame.script)));
    let kind = error.kind.as_str();
    let message = format!("{kind}: {}", error.message);
    if let (Some(frame), Some(source)) = (frame, source) {
        draw(
            ui,
            &Finding {
                severity: Severity::Error,
                file: &source.file,
                text: &source.text,
                line: frame.line,
                column: frame.column,
                message: &message,
                hint: None,
            },
        );
    } else {
        let error_word = ui.paint(Paint::Error, "error:");
        ui.say(format!("{error_word} {script}: {}", clean(&message)));
        for line in error.excerpt.lines() {
            ui.say(format!("  {}", clean(line)));
        }
    }
    for frame in error.frames.iter().skip(1) {
        let call = format!(
            "  called from {} ({}:{})",
            frame.function, frame.script, frame.line
        );
        ui.say(ui.paint(Paint::Dim, &clean(&call)));
    }
}

/// A frame's script without the version: `orders@3`.
fn name_of(script: &str) -> &str {
    script.split('@').next().unwrap_or(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str, line: u32, column: u32) -> Option<std::ops::Range<usize>> {
        span(&Finding {
            severity: Severity::Error,
            file: "f",
            text,
            line,
            column,
            message: "m",
            hint: None,
        })
    }

    #[test]
    fn places_are_counted_in_characters_and_stay_inside_the_text() {
        assert_eq!(range("ä = b;\nsecond(1)", 1, 5), Some(4..5));
        assert_eq!(range("ä = b;\nsecond(1)", 2, 1), Some(7..13));
        assert_eq!(range("ä = b;\n  second", 2, 0), Some(9..15));
        assert_eq!(range("a", 1, 99), Some(1..1));
        assert_eq!(range("a", 9, 1), None);
        assert_eq!(range("", 0, 0), None);
    }
}
