//! What runs logged, as it is read back.

use shared::clock::Timestamp;
use shared::id::{AppId, ExecutionId};
use shared::invocation::LogLevel;

use super::list::bind;
use crate::conn::{Conn, Param};
use crate::error::StoreError;
use crate::row::Row;

/// A log line as stored.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// The run.
    pub execution: ExecutionId,
    /// Its place among the run's lines.
    pub line: i64,
    /// When.
    pub at: Timestamp,
    /// How loud.
    pub level: LogLevel,
    /// The script.
    pub script: String,
    /// The text.
    pub message: String,
    /// More, as a JSON object.
    pub fields: Option<String>,
}

impl LogRow {
    /// Bytes it takes up in memory, about.
    pub fn weight(&self) -> usize {
        let fields = self.fields.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.script.len() + self.message.len() + fields
    }
}

/// Which lines a list wants.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Of this script.
    pub script: Option<String>,
    /// Of this run.
    pub execution: Option<ExecutionId>,
    /// At least this loud.
    pub level: Option<LogLevel>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Containing this text (case-sensitive).
    pub text: Option<String>,
    /// Older than this line.
    pub before: Option<(ExecutionId, i64)>,
    /// At most so many.
    pub limit: i64,
}

/// An app's log lines, newest first.
pub fn logs(
    conn: &mut dyn Conn,
    app: AppId,
    filter: &LogFilter,
) -> Result<Vec<LogRow>, StoreError> {
    let (before, line) = filter
        .before
        .map_or(([0xFF; 16], 0), |(id, line)| (*id.as_bytes(), line));
    let mut sql = "SELECT execution_id, line, at, level, script, message, fields FROM log_lines \
                   WHERE app_id = ?1 AND (execution_id, line) < (?2, ?3) AND at >= ?4 \
                   AND at < ?5 AND level >= ?6"
        .to_owned();
    let mut params: Vec<Param<'_>> = vec![
        app.as_bytes().into(),
        (&before).into(),
        line.into(),
        filter.since.map_or(i64::MIN, Timestamp::as_micros).into(),
        filter.until.map_or(i64::MAX, Timestamp::as_micros).into(),
        filter.level.map_or(0, |level| level as i64).into(),
    ];
    if let Some(script) = &filter.script {
        params.push(script.as_str().into());
        bind(&mut sql, &[" AND script = ?"], params.len());
    }
    if let Some(execution) = &filter.execution {
        params.push(execution.as_bytes().into());
        bind(&mut sql, &[" AND execution_id = ?"], params.len());
    }
    if let Some(text) = filter.text.as_deref().filter(|text| !text.is_empty()) {
        params.push(text.into());
        // Not LIKE: it ignores case on one engine only.
        bind(&mut sql, &[" AND REPLACE(message, ?"], params.len());
        sql.push_str(", '') <> message");
    }
    params.push(filter.limit.into());
    let order = " ORDER BY execution_id DESC, line DESC LIMIT ?";
    bind(&mut sql, &[order], params.len());
    conn.query(&sql, &params)?.iter().map(log_row).collect()
}

fn log_row(row: &Row) -> Result<LogRow, StoreError> {
    let level = row.int("level")?;
    Ok(LogRow {
        execution: ExecutionId::from_bytes(row.array("execution_id")?),
        line: row.int("line")?,
        at: Timestamp(row.int("at")?),
        level: LogLevel::ALL
            .into_iter()
            .find(|l| *l as i64 == level)
            .ok_or_else(|| StoreError::Corrupt {
                what: "level",
                reason: level.to_string(),
            })?,
        script: row.text("script")?.to_owned(),
        message: row.text("message")?.to_owned(),
        fields: row.opt_text("fields")?.map(str::to_owned),
    })
}
