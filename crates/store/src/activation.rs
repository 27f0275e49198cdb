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
    unpark(conn, app, now)?;
    conn.note(Notice::Activated(app));
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

/// Wakes the messages of queues that have a consumer now.
fn unpark(conn: &mut dyn Conn, app: AppId, now: Timestamp) -> Result<(), StoreError> {
    conn.execute(
        "UPDATE deliveries SET due_at = ?2 WHERE app_id = ?1 AND node IS NULL AND due_at = ?3 \
         AND trigger_key IN (SELECT key FROM triggers WHERE app_id = ?1 AND kind = 'queue')",
        &[
            app.as_bytes().into(),
            now.as_micros().into(),
            PARKED.as_micros().into(),
        ],
    )?;
    Ok(())
}
