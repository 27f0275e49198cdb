//! The triggers of active releases, where writes look for who wants to know.

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::invocation::TriggerKind;
use shared::name::{ScriptName, TopicName, TopicPattern};

use crate::conn::Conn;
use crate::dialect::lock_name_shared;
use crate::error::StoreError;
use crate::row::Row;

/// Who handles an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The trigger.
    pub key: String,
    /// What its events are about.
    pub subject: String,
    /// What else they must be.
    pub filter: Option<String>,
    /// The script.
    pub script: String,
    /// Its function.
    pub handler: Option<String>,
}

const COLUMNS: &str = "key, subject, filter, script, handler";

fn target(row: &Row) -> Result<Target, StoreError> {
    Ok(Target {
        key: row.text("key")?.to_owned(),
        subject: row.text("subject")?.to_owned(),
        filter: row.opt_text("filter")?.map(str::to_owned),
        script: row.text("script")?.to_owned(),
        handler: row.opt_text("handler")?.map(str::to_owned),
    })
}

impl Target {
    /// Whether it wants an event of its kind about a subject, with what its filter looks at.
    fn wants(&self, kind: TriggerKind, subject: &str, filter: Option<&str>) -> bool {
        match kind {
            TriggerKind::Kv => {
                let prefix = self.filter.as_deref().unwrap_or_default();
                (self.subject == "*" || self.subject == subject)
                    && filter.is_some_and(|key| key.starts_with(prefix))
            }
            TriggerKind::Pubsub => {
                let pattern = self.subject.parse::<TopicPattern>();
                let topic = subject.parse::<TopicName>();
                pattern.is_ok_and(|pattern| topic.is_ok_and(|topic| pattern.matches(&topic)))
            }
            TriggerKind::DeadLetter => {
                self.subject.is_empty() || Some(self.subject.as_str()) == filter
            }
            TriggerKind::Deploy => true,
            _ => self.subject == subject,
        }
    }
}

/// An app's triggers that want an event of a kind about a subject, by key.
pub(crate) fn wanting(
    conn: &mut dyn Conn,
    app: AppId,
    kind: TriggerKind,
    subject: &str,
    filter: Option<&str>,
) -> Result<Vec<Target>, StoreError> {
    let mut targets = match kind {
        // Asked with every write.
        TriggerKind::Kv => of_subject(conn, app, kind, subject)?,
        _ => of_kind(conn, app, kind)?,
    };
    targets.retain(|target| target.wants(kind, subject, filter));
    Ok(targets)
}

/// An app's triggers of one kind.
fn of_kind(conn: &mut dyn Conn, app: AppId, kind: TriggerKind) -> Result<Vec<Target>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM triggers WHERE app_id = ?1 AND kind = ?2 ORDER BY key");
    conn.query(&sql, &[app.as_bytes().into(), kind.as_str().into()])?
        .iter()
        .map(target)
        .collect()
}

/// An app's triggers of one kind about one subject, or about all of them.
fn of_subject(
    conn: &mut dyn Conn,
    app: AppId,
    kind: TriggerKind,
    subject: &str,
) -> Result<Vec<Target>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM triggers WHERE app_id = ?1 AND kind = ?2 AND subject IN (?3, '*') \
         ORDER BY key"
    );
    let params = [app.as_bytes().into(), kind.as_str().into(), subject.into()];
    conn.query(&sql, &params)?.iter().map(target).collect()
}

/// One trigger of an app.
pub fn get(conn: &mut dyn Conn, app: AppId, key: &str) -> Result<Option<Target>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM triggers WHERE app_id = ?1 AND key = ?2");
    conn.query_one(&sql, &[app.as_bytes().into(), key.into()])?
        .as_ref()
        .map(target)
        .transpose()
}

/// Whether the active release of an app has a script.
pub(crate) fn has_script(
    conn: &mut dyn Conn,
    app: AppId,
    script: &ScriptName,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM live_scripts WHERE app_id = ?1 AND name = ?2";
    let params = [app.as_bytes().into(), script.as_str().into()];
    Ok(conn.query_one(sql, &params)?.is_some())
}

/// Whether somebody consumes a queue. When nobody does, no release that brings a consumer becomes
/// active before this transaction has ended: it wakes what waits then.
pub(crate) fn has_consumer(conn: &mut dyn Conn, app: AppId, key: &str) -> Result<bool, StoreError> {
    if get(conn, app, key)?.is_some() {
        return Ok(true);
    }
    lock_name_shared(conn, &activation(app))?;
    Ok(get(conn, app, key)?.is_some())
}

/// What the activation of a release holds, and those who rely on the triggers staying share.
pub(crate) fn activation(app: AppId) -> String {
    format!("activate/{app}")
}

/// When a message of a queue nobody consumes may be handled.
pub const PARKED: Timestamp = Timestamp(i64::MAX);
