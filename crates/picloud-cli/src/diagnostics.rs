//! Findings drawn with their source line.

use ariadne::{Config, IndexType, Label, Report, ReportKind, Source};
use shared::script_error::{Diagnostic, Frame, ScriptError, Severity};

use crate::finding::Finding;
use crate::sources::Source as File;
use crate::text::{clean, clean_line, marked};
use crate::ui::{Colours, Paint, Ui};

/// A finding with its source line, for an output.
pub(crate) fn drawn(colours: Colours, finding: &Finding) -> String {
    let message = clean(&finding.message);
    let file = clean(&finding.file);
    let Some(span) = span(finding) else {
        return plain(colours, finding, &message);
    };
    let kind = match finding.severity {
        Severity::Error => ReportKind::Error,
        Severity::Warning => ReportKind::Warning,
    };
    let config = Config::default()
        .with_color(colours.shown())
        .with_index_type(IndexType::Char);
    let hint = finding.hint.as_deref().map(clean);
    // A hint is said once, below the source.
    let mut report = Report::build(kind, (file.as_str(), span.clone()))
        .with_config(config)
        .with_message(&message)
        .with_label(Label::new((file.as_str(), span)).with_message("here"));
    if let Some(hint) = hint {
        report = report.with_help(hint);
    }
    let mut drawn = Vec::new();
    let source = (file.as_str(), Source::from(marked(&finding.text)));
    match report.finish().write(source, &mut drawn) {
        Ok(()) => String::from_utf8_lossy(&drawn).trim_end().to_owned(),
        Err(_unwritable) => plain(colours, finding, &message),
    }
}

fn plain(colours: Colours, finding: &Finding, message: &str) -> String {
    let (kind, paint) = match finding.severity {
        Severity::Error => ("error:", Paint::Error),
        Severity::Warning => ("warning:", Paint::Warning),
    };
    let mut place = clean(&finding.file);
    if finding.line > 0 {
        place = format!("{place}:{}", finding.line);
    }
    let mut text = format!("{} {place}: {message}", colours.paint(paint, kind));
    if let Some(hint) = &finding.hint {
        let next = colours.paint(Paint::Note, "next:");
        text.push_str(&format!("\n  {next} {}", clean(hint)));
    }
    text
}

/// The characters a finding is about; `None` when the text has no such line.
fn span(finding: &Finding) -> Option<std::ops::Range<usize>> {
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

/// Says a server's findings on stderr; `find` knows the texts they are about.
pub(crate) fn say_all<'a>(
    ui: Ui,
    diagnostics: &[Diagnostic],
    find: impl Fn(&str) -> Option<&'a File>,
) {
    for diagnostic in diagnostics {
        let source = find(&diagnostic.script);
        let finding = Finding {
            severity: diagnostic.severity,
            file: source
                .map_or(&diagnostic.script, |source| &source.file)
                .clone(),
            text: source.map(|source| source.text.clone()).unwrap_or_default(),
            line: diagnostic.line,
            column: diagnostic.column,
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
        };
        ui.say(drawn(ui.err, &finding));
    }
}

/// Why a run failed: at the innermost known line, with the calls that led there.
pub(crate) fn why<'a>(
    colours: Colours,
    script: &str,
    error: &ScriptError,
    find: impl Fn(&str) -> Option<&'a File>,
) -> String {
    let frame = error.frames.first();
    let source = frame.and_then(|frame| find(name_of(&frame.script)));
    let kind = error.kind.as_str();
    let message = format!("{kind}: {}", error.message);
    let mut lines = Vec::new();
    if let (Some(frame), Some(source)) = (frame, source) {
        let finding = Finding {
            severity: Severity::Error,
            file: source.file.clone(),
            text: source.text.clone(),
            line: frame.line,
            column: frame.column,
            message,
            hint: None,
        };
        lines.push(drawn(colours, &finding));
    } else {
        let error_word = colours.paint(Paint::Error, "error:");
        lines.push(format!("{error_word} {script}: {}", clean(&message)));
        let excerpt = error.excerpt.lines();
        lines.extend(excerpt.map(|line| format!("  {}", clean_line(line))));
        lines.extend(frame.map(|frame| framed(colours, "in", frame)));
    }
    let calls = error.frames.iter().skip(1);
    lines.extend(calls.map(|frame| framed(colours, "called from", frame)));
    lines.join("\n")
}

fn framed(colours: Colours, how: &str, frame: &Frame) -> String {
    let (function, script) = (&frame.function, name_of(&frame.script));
    let place = format!(
        "  {how} {function} ({script}, line {}, column {})",
        frame.line, frame.column
    );
    colours.paint(Paint::Dim, &clean(&place))
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
            file: "f".to_owned(),
            text: text.to_owned(),
            line,
            column,
            message: "m".to_owned(),
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
