//! The two text formats that collectors of metrics read, and which of them one asks for.

use std::fmt::Write as _;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus 0.0.4, which everything reads.
    Classic,
}

impl Format {
    /// The one an `Accept` header prefers; [`Self::Classic`] for whoever says nothing about it.
    pub fn accepted(accept: &str) -> Self {
        let mut best = (0, Self::Classic);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut version) = (1_000, None);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim() {
                    "q" => weight = thousandths(value),
                    "version" => version = Some(value.trim_matches('"')),
                    _ => {}
                }
            }
            let format = match (kind.as_str(), version) {
                ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => {
                    Self::OpenMetrics
                }
                ("text/plain", None | Some("0.0.4")) => Self::Classic,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A weight of RFC 9110: 0 to 1 with three digits. What is none counts as 0.
fn thousandths(text: &str) -> u16 {
    let weight = text.trim().parse::<f64>().unwrap_or(0.0);
    (weight.clamp(0.0, 1.0) * 1_000.0) as u16
}

/// The same metrics in the classic format: there a counter's name has its `_total`, and neither
/// units nor an end are told.
pub(super) fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = None;
    for line in open.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = Some(described);
            continue;
        }
        let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|described| described.split_once(' '))
        else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let (end, kind) = match kind {
            "counter" => ("_total", kind),
            "info" => ("_info", "gauge"),
            _ => ("", kind),
        };
        let help = help.take().and_then(|help| help.split_once(' '));
        let help = help.map_or("", |(_, help)| help);
        // Writing to a text does not fail.
        let _written = writeln!(text, "# HELP {name}{end} {help}\n# TYPE {name}{end} {kind}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_format_wins_and_silence_means_the_classic_one() {
        for (accept, format) in [
            ("", Format::Classic),
            ("*/*", Format::Classic),
            ("text/plain; version=0.0.4", Format::Classic),
            ("text/plain", Format::Classic),
            ("application/json", Format::Classic),
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "Application/OpenMetrics-Text; version=\"1.0.0\"; q=0.2",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text; version=2.0.0",
                Format::Classic,
            ),
            ("application/openmetrics-text;q=0", Format::Classic),
            (
                "text/plain;version=0.0.4;q=0.3,application/openmetrics-text;q=0.2",
                Format::Classic,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
            (";;,=,q=,text/plain;q=x", Format::Classic),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }

    #[test]
    fn the_classic_format_names_counters_by_their_samples() {
        let open = "# HELP a Things.\n# TYPE a counter\na_total{x=\"# y\"} 1\n\
                    # HELP b_seconds Time.\n# TYPE b_seconds gauge\n# UNIT b_seconds seconds\n\
                    b_seconds 0\n# HELP c What.\n# TYPE c info\nc_info{v=\"1\"} 1\n# EOF\n";
        let expected = "# HELP a_total Things.\n# TYPE a_total counter\na_total{x=\"# y\"} 1\n\
                        # HELP b_seconds Time.\n# TYPE b_seconds gauge\nb_seconds 0\n\
                        # HELP c_info What.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n";
        assert_eq!(classic(open), expected);
    }
}
