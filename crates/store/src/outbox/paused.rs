//! Lines that people have paused: what happens waits, and nothing of it is started.

use std::collections::BTreeSet;

use shared::clock::Timestamp;
use shared::id::AppId;

use super::line::Line;
use crate::conn::{Conn, Param};
use crate::dialect::{self, PAUSED, WORK_CHANNEL};
use crate::error::StoreError;
use crate::handover::Notice;

/// A line that is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// The trigger's key.
    pub trigger: String,
    /// Since when.
    pub since: Timestamp,
}

/// Pauses a line, or lets it go on; whether that changed something.
pub fn pause(
    conn: &mut dyn Conn,
    line: &Line,
    paused: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let key: Param<'_> = line.trigger.as_str().into();
    let changed = if paused {
        conn.execute(
            "INSERT INTO paused (app_id, trigger_key, since) VALUES (?1, ?2, ?3) \
             ON CONFLICT (app_id, trigger_key) DO NOTHING",
            &[line.app.as_bytes().into(), key, now.as_micros().into()],
        )?
    } else {
        conn.execute(
            "DELETE FROM paused WHERE app_id = ?1 AND trigger_key = ?2",
            &[line.app.as_bytes().into(), key],
        )?
    };
    if changed == 1 {
        conn.note(Notice::Paused(line.clone(), paused));
        dialect::tell_others(conn, WORK_CHANNEL, PAUSED)?;
    }
    Ok(changed == 1)
}

/// All lines that are paused.
pub fn all_paused(conn: &mut dyn Conn) -> Result<BTreeSet<Line>, StoreError> {
    conn.query("SELECT app_id, trigger_key FROM paused", &[])?
        .iter()
        .map(|row| {
            let app = AppId::from_bytes(row.array("app_id")?);
            Ok(Line::new(app, row.text("trigger_key")?))
        })
        .collect()
}

/// An app's lines that are paused, by key.
pub fn paused(conn: &mut dyn Conn, app: AppId) -> Result<Vec<Paused>, StoreError> {
    conn.query(
        "SELECT trigger_key, since FROM paused WHERE app_id = ?1 ORDER BY trigger_key",
        &[app.as_bytes().into()],
    )?
    .iter()
    .map(|row| {
        Ok(Paused {
            trigger: row.text("trigger_key")?.to_owned(),
            since: Timestamp(row.int("since")?),
        })
    })
    .collect()
}
