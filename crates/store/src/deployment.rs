//! Everything the request path needs to serve one app, read in one transaction.

use std::collections::BTreeMap;

use shared::id::{AppId, ContentHash};
use shared::name::{AppSlug, DomainName};
use shared::release::Snapshot;

use crate::apps::{self, AppRow, EnvRow};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::releases;

/// What is deployed for an app.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Which state of the app this is: every change of what is served raises it.
    pub number: i64,
    /// The app.
    pub app: AppRow,
    /// Its environment.
    pub env: Vec<EnvRow>,
    /// Its domains.
    pub domains: Vec<DomainName>,
    /// Its old names.
    pub redirects: Vec<AppSlug>,
    /// The active release's number; 0 before the first.
    pub release: i64,
    /// What it serves.
    pub snapshot: Snapshot,
    /// The sources it needs, by hash.
    pub sources: BTreeMap<ContentHash, String>,
}

/// The deployment numbers of all apps.
pub fn numbers(conn: &mut dyn Conn) -> Result<BTreeMap<AppId, i64>, StoreError> {
    conn.query("SELECT id, deployment FROM apps", &[])?
        .iter()
        .map(|row| Ok((AppId::from_bytes(row.array("id")?), row.int("deployment")?)))
        .collect()
}

/// An app's deployment number; `None` when there is no such app.
pub fn number(conn: &mut dyn Conn, app: AppId) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT deployment FROM apps WHERE id = ?1";
    let row = conn.query_one(sql, &[app.as_bytes().into()])?;
    row.map(|row| row.int("deployment")).transpose()
}

/// Loads an app's deployment; `None` when there is no such app.
pub fn load(conn: &mut dyn Conn, app: AppId) -> Result<Option<Deployment>, StoreError> {
    let (Some(number), Some(row)) = (number(conn, app)?, apps::get(conn, app)?) else {
        return Ok(None);
    };
    let active = match row.active_release {
        Some(number) => releases::get(conn, app, number)?,
        None => None,
    };
    let (release, snapshot) = active.map_or_else(Default::default, |r| (r.number, r.snapshot));
    let mut sources = BTreeMap::new();
    let hashes = snapshot
        .scripts
        .values()
        .map(|s| s.hash)
        .chain(snapshot.modules.values().map(|m| m.hash));
    for hash in hashes {
        if sources.contains_key(&hash) {
            continue;
        }
        let source = releases::content(conn, app, hash)?.ok_or_else(|| StoreError::Corrupt {
            what: "release",
            reason: format!("the source {} is missing", hash.short()),
        })?;
        sources.insert(hash, source);
    }
    Ok(Some(Deployment {
        number,
        env: apps::env(conn, app)?,
        domains: apps::domains(conn, app)?
            .into_iter()
            .map(|(domain, _)| domain)
            .collect(),
        redirects: apps::redirects(conn, app)?,
        app: row,
        release,
        snapshot,
        sources,
    }))
}
