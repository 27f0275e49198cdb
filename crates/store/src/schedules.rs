//! When schedules are due next. Firing is a compare-and-set in the transaction that writes the
//! delivery: of any number of processes exactly one fires each time.

use shared::clock::Timestamp;
use shared::id::{AppId, EventId};
use shared::schedule::{CatchUp, Schedule, firing};
use shared::trigger::CronSource;

use crate::conn::{Conn, Row};
use crate::error::StoreError;
use crate::outbox::{tell, tick};
use crate::triggers;

/// A schedule with no time left.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Its app.
    pub app: AppId,
    /// Its trigger.
    pub key: String,
    /// When, as a cron expression.
    pub schedule: String,
    /// In which zone.
    pub timezone: String,
    /// What becomes of missed times.
    pub catch_up: CatchUp,
    /// When it fires next; `None`: never.
    pub next_due_at: Option<Timestamp>,
}

fn of_row(row: &Row) -> Result<ScheduleRow, StoreError> {
    let next = Timestamp(row.int(5)?);
    Ok(ScheduleRow {
        app: AppId::from_bytes(row.array(0)?),
        key: row.text(1)?.to_owned(),
        schedule: row.text(2)?.to_owned(),
        timezone: row.text(3)?.to_owned(),
        catch_up: crate::apps::json("catch-up policy", row.text(4)?)?,
        next_due_at: (next != NEVER).then_some(next),
    })
}

const COLUMNS: &str = "app_id, key, schedule, timezone, catch_up, next_due_at";

/// Adds a schedule, or keeps when it is due next.
pub(crate) fn put(
    conn: &mut dyn Conn,
    app: AppId,
    key: &str,
    cron: &CronSource,
    now: Timestamp,
) -> Result<(), StoreError> {
    let next = cron.parsed().and_then(|s| s.next_after(now));
    let catch_up = crate::apps::to_json("catch-up policy", &cron.catch_up())?;
    // The key holds schedule and zone: where it is known, so is the time.
    conn.execute(
        "INSERT INTO schedules (app_id, key, schedule, timezone, catch_up, next_due_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (app_id, key) DO UPDATE SET \
         catch_up = excluded.catch_up",
        &[
            app.as_bytes().into(),
            key.into(),
            cron.schedule.as_str().into(),
            cron.timezone().into(),
            catch_up.as_str().into(),
            next.unwrap_or(NEVER).as_micros().into(),
        ],
    )?;
    Ok(())
}

/// An app's schedules.
pub fn list(conn: &mut dyn Conn, app: AppId) -> Result<Vec<ScheduleRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM schedules WHERE app_id = ?1 ORDER BY key");
    conn.query(&sql, &[app.as_bytes().into()])?
        .iter()
        .map(of_row)
        .collect()
}

/// When the first of all schedules is due.
pub fn next_due(conn: &mut dyn Conn) -> Result<Option<Timestamp>, StoreError> {
    let row = conn.query_one(
        "SELECT next_due_at FROM schedules WHERE next_due_at < ?1 ORDER BY next_due_at LIMIT 1",
        &[NEVER.as_micros().into()],
    )?;
    row.map(|row| row.int(0).map(Timestamp)).transpose()
}

/// Schedules that are due.
pub fn due(conn: &mut dyn Conn, now: Timestamp, most: i64) -> Result<Vec<ScheduleRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM schedules WHERE next_due_at <= ?1 ORDER BY next_due_at, app_id, key \
         LIMIT ?2"
    );
    conn.query(&sql, &[now.as_micros().into(), most.into()])?
        .iter()
        .map(of_row)
        .collect()
}

/// Fires a schedule that is due, unless somebody else has: then nothing happens.
pub fn fire(
    conn: &mut dyn Conn,
    row: &ScheduleRow,
    now: Timestamp,
) -> Result<Vec<EventId>, StoreError> {
    let Some(next_due) = row.next_due_at else {
        return Ok(Vec::new());
    };
    let schedule =
        Schedule::parse(&row.schedule, &row.timezone).map_err(|e| StoreError::Corrupt {
            what: "schedule",
            reason: e.to_string(),
        })?;
    let fired = firing(&schedule, row.catch_up, next_due, now);
    let changed = conn.execute(
        "UPDATE schedules SET next_due_at = ?4 WHERE app_id = ?1 AND key = ?2 AND next_due_at = ?3",
        &[
            row.app.as_bytes().into(),
            row.key.as_str().into(),
            next_due.as_micros().into(),
            fired.next_due.unwrap_or(NEVER).as_micros().into(),
        ],
    )?;
    let target = triggers::get(conn, row.app, &row.key)?;
    let (1, Some(target)) = (changed, target) else {
        return Ok(Vec::new());
    };
    let mut events = Vec::new();
    for at in fired.fire {
        let fields = serde_json::json!({
            "schedule": row.schedule,
            "timezone": row.timezone,
            "scheduled_for": at.to_rfc3339(),
        });
        let event = tick(row.app, &target, fields.to_string(), now);
        tell(conn, &event)?;
        events.push(event.id);
    }
    Ok(events)
}
