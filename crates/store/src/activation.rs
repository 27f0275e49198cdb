//! Making the triggers and schedules of an app those of a release.

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::name::{FunctionName, ScriptName};
use shared::release::Snapshot;
use shared::trigger::{Source, TriggerSpec};

use crate::conn::Conn;
use crate::dialect::{lock_name, texts};
use crate::error::StoreError;
use crate::handover::Notice;
use crate::outbox::Line;
use crate::schedules;
use crate::triggers::{PARKED, activation};

/// Makes the triggers and schedules of an app those of a release, in the transaction that makes
/// the release active.
pub(crate) fn activate(
    conn: &mut dyn Conn,
    app: AppId,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(), StoreError> {
    lock_name(conn, &activation(app))?;
    for script in snapshot.scripts.keys() {
        conn.execute(
            "INSERT INTO live_scripts (app_id, name) VALUES (?1, ?2) \
             ON CONFLICT (app_id, name) DO NOTHING",
            &[app.as_bytes().into(), script.as_str().into()],
        )?;
    }
    for spec in &snapshot.triggers {
        put(conn, app, spec)?;
    }
    let keys: Vec<String> = snapshot.triggers.iter().map(TriggerSpec::key).collect();
    let scripts: Vec<&str> = snapshot.scripts.keys().map(ScriptName::as_str).collect();
    let kept = texts(conn, 2);
    for (table, column, keep) in [
        ("triggers", "key", serde_json::json!(keys)),
        ("live_scripts", "name", serde_json::json!(scripts)),
    ] {
        let sql = format!("DELETE FROM {table} WHERE app_id = ?1 AND {column} NOT IN ({kept})");
        let keep = keep.to_string();
        conn.execute(&sql, &[app.as_bytes().into(), keep.as_str().into()])?;
    }
    for spec in &snapshot.triggers {
        if let Source::Cron(cron) = &spec.source {
            schedules::put(conn, app, &spec.key(), cron, now)?;
        }
    }
    let woken = unpark(conn, app, now)?;
    conn.note(Notice::Activated(woken));
    Ok(())
}

fn put(conn: &mut dyn Conn, app: AppId, spec: &TriggerSpec) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO triggers (app_id, key, kind, subject, filter, script, handler) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (app_id, key) DO UPDATE SET \
         kind = excluded.kind, subject = excluded.subject, filter = excluded.filter, \
         script = excluded.script, handler = excluded.handler",
        &[
            app.as_bytes().into(),
            spec.key().as_str().into(),
            spec.source.kind().as_str().into(),
            spec.source.subject().as_str().into(),
            spec.source.filter().into(),
            spec.script.as_str().into(),
            spec.handler.as_ref().map(FunctionName::as_str).into(),
        ],
    )?;
    Ok(())
}

/// Wakes the messages of queues that have a consumer now; their lines.
fn unpark(conn: &mut dyn Conn, app: AppId, now: Timestamp) -> Result<Vec<Line>, StoreError> {
    let found = conn.query(
        "SELECT key FROM triggers t WHERE app_id = ?1 AND kind = 'queue' AND EXISTS \
         (SELECT 1 FROM deliveries d WHERE d.app_id = ?1 AND d.trigger_key = t.key \
         AND d.node IS NULL AND d.due_at = ?2)",
        &[app.as_bytes().into(), PARKED.as_micros().into()],
    )?;
    let mut woken = Vec::new();
    for row in &found {
        let line = Line::new(app, row.text("key")?);
        // One with a delay may have parked behind others of its key before its time.
        conn.execute(
            "UPDATE deliveries SET due_at = CASE WHEN order_at > ?2 THEN order_at ELSE ?2 END \
             WHERE app_id = ?1 AND node IS NULL AND due_at = ?3 AND trigger_key = ?4",
            &[
                app.as_bytes().into(),
                now.as_micros().into(),
                PARKED.as_micros().into(),
                line.trigger.as_str().into(),
            ],
        )?;
        woken.push(line);
    }
    Ok(woken)
}
