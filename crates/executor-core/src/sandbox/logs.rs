//! The log lines of one run, within a limit of their own.

use shared::clock::Timestamp;
use shared::invocation::{LogLevel, LogLine};

/// Smallest cost of a log line, so that empty lines are bounded too.
const LINE_COST: usize = 32;

/// What a run has logged.
#[derive(Default)]
pub(super) struct Logs {
    lines: Vec<LogLine>,
    /// So many were told already.
    told: usize,
    bytes: u64,
    full: bool,
}

impl Logs {
    /// Adds a line. Beyond `limit` bytes lines are dropped, and one line says so.
    pub(super) fn add(
        &mut self,
        at: Timestamp,
        level: LogLevel,
        message: &str,
        fields: Option<String>,
        limit: u64,
    ) {
        if self.full {
            return;
        }
        let cost = LINE_COST + message.len() + fields.as_ref().map_or(0, String::len);
        if self.bytes + cost as u64 > limit {
            self.full = true;
            self.warn(
                at,
                format!("log output of this run exceeded {limit} bytes; the rest was dropped"),
            );
            return;
        }
        self.bytes += cost as u64;
        self.lines.push(LogLine {
            at,
            level,
            message: message.to_owned(),
            fields,
        });
    }

    /// Adds a line of the platform, which no limit keeps out.
    pub(super) fn warn(&mut self, at: Timestamp, message: String) {
        self.lines.push(LogLine {
            at,
            level: LogLevel::Warn,
            message,
            fields: None,
        });
    }

    /// Tells the lines that were not told yet, with how many were before them.
    pub(super) fn tell(&mut self, host: impl FnOnce(usize, &[LogLine])) {
        let new = &self.lines[self.told..];
        if !new.is_empty() {
            host(self.told, new);
            self.told = self.lines.len();
        }
    }

    /// The lines so far, and how many of them were told; none are left.
    pub(super) fn take(&mut self) -> (Vec<LogLine>, usize) {
        let told = std::mem::take(&mut self.told);
        (std::mem::take(&mut self.lines), told)
    }
}
