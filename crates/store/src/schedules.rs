//! When schedules are due next. Firing is a compare-and-set in the transaction that writes the
//! delivery: of any number of processes exactly one fires each time.

use shared::clock::Timestamp;
use shared::id::{AppId, EventId};
use shared::schedule::{CatchUp, Overlap, Schedule, due_anew, firing};
use shared::trigger::CronSource;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::outbox::line::SCHEDULE_LANE;
use crate::outbox::{Event, Tick, tell};
use crate::row::Row;
use crate::text::{json, to_json};
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
    /// What becomes of times that are due while the last run goes on.
    pub overlap: Overlap,
    /// How many were skipped for that.
    pub skipped: u64,
    /// The last time that was considered.
    pub last_due_at: Option<Timestamp>,
    /// When it fires next; `None`: never.
    pub next_due_at: Option<Timestamp>,
}

fn of_row(row: &Row) -> Result<ScheduleRow, StoreError> {
    let next = Timestamp(row.int("next_due_at")?);
    Ok(ScheduleRow {
        app: AppId::from_bytes(row.array("app_id")?),
        key: row.text("key")?.to_owned(),
        schedule: row.text("schedule")?.to_owned(),
        timezone: row.text("timezone")?.to_owned(),
        catch_up: json("catch-up policy", row.text("catch_up")?)?,
        overlap: match row.opt_text("overlap")? {
            Some(text) => json("overlap", text)?,
            None => Overlap::default(),
        },
        skipped: u64::try_from(row.int("skipped")?).unwrap_or(0),
        last_due_at: row.opt_int("last_due_at")?.map(Timestamp),
        next_due_at: (next != NEVER).then_some(next),
    })
}

const COLUMNS: &str = "app_id, key, schedule, timezone, catch_up, overlap, skipped, last_due_at, \
                       next_due_at";

impl ScheduleRow {
    fn parsed(&self) -> Result<Schedule, StoreError> {
        let parsed = Schedule::parse(&self.schedule, &self.timezone);
        parsed.map_err(|error| StoreError::Corrupt {
            what: "schedule",
            reason: error.to_string(),
        })
    }
}

/// Adds a schedule, or keeps when it is due next.
pub(crate) fn put(
    conn: &mut dyn Conn,
    app: AppId,
    key: &str,
    cron: &CronSource,
    now: Timestamp,
) -> Result<(), StoreError> {
    let next = cron.parsed().and_then(|s| s.next_after(now));
    let catch_up = to_json("catch-up policy", &cron.catch_up())?;
    let overlap = to_json("overlap", &cron.overlap())?;
    // The key holds schedule and zone: where it is known, so is the time.
    conn.execute(
        "INSERT INTO schedules (app_id, key, schedule, timezone, catch_up, overlap, next_due_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (app_id, key) DO UPDATE SET \
         catch_up = excluded.catch_up, overlap = excluded.overlap",
        &[
            app.as_bytes().into(),
            key.into(),
            cron.schedule.as_str().into(),
            cron.timezone().into(),
            catch_up.as_str().into(),
            overlap.as_str().into(),
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
    row.map(|row| row.int("next_due_at").map(Timestamp))
        .transpose()
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

/// Schedules that are due at another time than noted, each with that time: their clock was wrong, or
/// the rules of their zone have changed.
pub fn misplaced(
    conn: &mut dyn Conn,
    now: Timestamp,
) -> Result<Vec<(ScheduleRow, Option<Timestamp>)>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM schedules WHERE next_due_at > ?1");
    let mut found = Vec::new();
    for row in conn.query(&sql, &[now.as_micros().into()])? {
        let row = of_row(&row)?;
        // What cannot be read is told of when it is due.
        let Ok(schedule) = row.parsed() else { continue };
        let due = due_anew(&schedule, row.next_due_at, row.last_due_at, now);
        if due != row.next_due_at {
            found.push((row, due));
        }
    }
    Ok(found)
}

/// Notes another time at which a schedule is due next, unless it has been fired meanwhile.
pub fn place(
    conn: &mut dyn Conn,
    row: &ScheduleRow,
    due: Option<Timestamp>,
) -> Result<(), StoreError> {
    advance(conn, row, due, row.last_due_at).map(drop)
}

/// Notes when a schedule is due next and what was considered last; `false`: somebody else has.
fn advance(
    conn: &mut dyn Conn,
    row: &ScheduleRow,
    due: Option<Timestamp>,
    last: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let changed = conn.execute(
        "UPDATE schedules SET next_due_at = ?4, last_due_at = ?5 WHERE app_id = ?1 AND key = ?2 \
         AND next_due_at = ?3",
        &[
            row.app.as_bytes().into(),
            row.key.as_str().into(),
            row.next_due_at.unwrap_or(NEVER).as_micros().into(),
            due.unwrap_or(NEVER).as_micros().into(),
            last.map(Timestamp::as_micros).into(),
        ],
    )?;
    Ok(changed == 1)
}

/// What became of the ticks that were due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// Those that are run.
    pub events: Vec<EventId>,
    /// How many are not, because the last run goes on.
    pub skipped: u64,
}

/// Fires a schedule that is due, unless somebody else has: then nothing happens.
///
/// Its runs are one lane, unless it allows them to overlap. What was missed and is made up for is
/// never skipped, and runs in order whatever the schedule allows.
pub fn fire(conn: &mut dyn Conn, row: &ScheduleRow, now: Timestamp) -> Result<Fired, StoreError> {
    let Some(next_due) = row.next_due_at else {
        return Ok(Fired::default());
    };
    let due = firing(&row.parsed()?, row.catch_up, next_due, now);
    if !advance(conn, row, due.next_due, due.last.or(row.last_due_at))? {
        return Ok(Fired::default());
    }
    let Some(target) = triggers::get(conn, row.app, &row.key)? else {
        return Ok(Fired::default());
    };
    let busy = is_busy(conn, row)?;
    let mut fired = Fired::default();
    for one in due.fire {
        if busy && !one.missed {
            fired.skipped += 1;
            continue;
        }
        let lane = (row.overlap != Overlap::Allow || one.missed).then_some(SCHEDULE_LANE);
        let tick = Tick {
            schedule: &row.schedule,
            timezone: &row.timezone,
            scheduled_for: one.at.to_rfc3339(),
        };
        let event = Event {
            order_key: lane.map(Into::into),
            ..tick.event(row.app, &target, now)?
        };
        tell(conn, &event)?;
        fired.events.push(event.id);
    }
    if fired.skipped > 0 {
        conn.execute(
            "UPDATE schedules SET skipped = skipped + ?3 WHERE app_id = ?1 AND key = ?2",
            &[
                row.app.as_bytes().into(),
                row.key.as_str().into(),
                (fired.skipped as i64).into(),
            ],
        )?;
    }
    Ok(fired)
}

/// Whether as many runs of a schedule are under way or wait as may. A run that failed and is tried
/// again is under way until it succeeds or is given up.
fn is_busy(conn: &mut dyn Conn, row: &ScheduleRow) -> Result<bool, StoreError> {
    let Some(most) = row.overlap.most() else {
        return Ok(false);
    };
    let found = conn.query_one(
        "SELECT seq FROM deliveries WHERE app_id = ?1 AND trigger_key = ?2 AND order_key = ?3 \
         ORDER BY seq LIMIT 1 OFFSET ?4",
        &[
            row.app.as_bytes().into(),
            row.key.as_str().into(),
            SCHEDULE_LANE.into(),
            (most as i64 - 1).into(),
        ],
    )?;
    Ok(found.is_some())
}
