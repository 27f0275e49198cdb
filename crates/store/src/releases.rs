//! Contents by hash, immutable versions, immutable releases, the pointer to the active one.

use shared::clock::Timestamp;
use shared::id::{AppId, ContentHash};
use shared::release::Snapshot;

use crate::change::Change;
use crate::conn::Conn;
use crate::dialect::{byte_length, lock_app};
use crate::error::StoreError;
use crate::row::Row;
use crate::text::{json, to_json};
use crate::{activation, outbox};

/// What a version is a version of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// An endpoint script.
    Script,
    /// A module.
    Module,
}

impl ContentKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Module => "module",
        }
    }
}

/// Stores a source under its hash, once.
pub fn put_content(
    conn: &mut dyn Conn,
    app: AppId,
    hash: ContentHash,
    source: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    // Before the row, which would make two deploys of one app wait for each other's.
    lock_app(conn, app)?;
    conn.execute(
        "INSERT INTO contents (app_id, hash, source, created_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (app_id, hash) DO NOTHING",
        &[
            app.as_bytes().into(),
            hash.as_bytes().into(),
            source.into(),
            now.as_micros().into(),
        ],
    )?;
    Ok(())
}

/// The source with a hash, if the app has it.
pub fn content(
    conn: &mut dyn Conn,
    app: AppId,
    hash: ContentHash,
) -> Result<Option<String>, StoreError> {
    let row = conn.query_one(
        "SELECT source FROM contents WHERE app_id = ?1 AND hash = ?2",
        &[app.as_bytes().into(), hash.as_bytes().into()],
    )?;
    row.map(|row| row.text("source").map(str::to_owned))
        .transpose()
}

/// Those of some hashes the app has no source with, in order.
pub fn missing(
    conn: &mut dyn Conn,
    app: AppId,
    hashes: &[ContentHash],
) -> Result<Vec<ContentHash>, StoreError> {
    let sql = "SELECT hash FROM contents WHERE app_id = ?1 AND hash = ?2";
    let mut missing = Vec::new();
    for hash in hashes {
        let found = conn.query_one(sql, &[app.as_bytes().into(), hash.as_bytes().into()])?;
        if found.is_none() {
            missing.push(*hash);
        }
    }
    Ok(missing)
}

/// One immutable version.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// Its number within (app, kind, name).
    pub version: i64,
    /// Hash of the source.
    pub hash: ContentHash,
    /// Bytes of the source.
    pub size: i64,
    /// Who made it.
    pub author: String,
    /// When it was made.
    pub created_at: Timestamp,
}

fn version(row: &Row) -> Result<VersionRow, StoreError> {
    Ok(VersionRow {
        version: row.int("version")?,
        hash: ContentHash::from_bytes(row.array("hash")?),
        size: row.int("size")?,
        author: row.text("author")?.to_owned(),
        created_at: Timestamp(row.int("created_at")?),
    })
}

/// All versions of a script or module, newest first.
pub fn versions(
    conn: &mut dyn Conn,
    app: AppId,
    kind: ContentKind,
    name: &str,
) -> Result<Vec<VersionRow>, StoreError> {
    let size = byte_length(conn, "c.source");
    let sql = format!(
        "SELECT v.version AS version, v.hash AS hash, {size} AS size, v.author AS author, \
         v.created_at AS created_at \
         FROM versions v JOIN contents c ON c.app_id = v.app_id AND c.hash = v.hash \
         WHERE v.app_id = ?1 AND v.kind = ?2 AND v.name = ?3 ORDER BY v.version DESC"
    );
    conn.query(
        &sql,
        &[app.as_bytes().into(), kind.as_str().into(), name.into()],
    )?
    .iter()
    .map(version)
    .collect()
}

/// The version number of a source: that of the version with the same hash, or the next one, which
/// is then stored.
pub fn version_of(
    conn: &mut dyn Conn,
    app: AppId,
    kind: ContentKind,
    name: &str,
    hash: ContentHash,
    author: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    lock_app(conn, app)?;
    let known = conn.query_one(
        "SELECT version FROM versions WHERE app_id = ?1 AND kind = ?2 AND name = ?3 \
         AND hash = ?4",
        &[
            app.as_bytes().into(),
            kind.as_str().into(),
            name.into(),
            hash.as_bytes().into(),
        ],
    )?;
    if let Some(row) = known {
        return row.int("version");
    }
    let row = conn.query_one(
        "SELECT COALESCE(MAX(version), 0) + 1 AS version FROM versions WHERE app_id = ?1 \
         AND kind = ?2 AND name = ?3",
        &[app.as_bytes().into(), kind.as_str().into(), name.into()],
    )?;
    let next = row.map_or(Ok(1), |row| row.int("version"))?;
    conn.execute(
        "INSERT INTO versions (app_id, kind, name, version, hash, author, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            app.as_bytes().into(),
            kind.as_str().into(),
            name.into(),
            next.into(),
            hash.as_bytes().into(),
            author.into(),
            now.as_micros().into(),
        ],
    )?;
    Ok(next)
}

/// One release.
#[derive(Clone, Debug)]
pub struct ReleaseRow {
    /// Its number within the app.
    pub number: i64,
    /// What it serves.
    pub snapshot: Snapshot,
    /// What it is about.
    pub message: String,
    /// Who made it.
    pub author: String,
    /// Where it came from.
    pub source: String,
    /// When it was made.
    pub created_at: Timestamp,
}

fn release(row: &Row) -> Result<ReleaseRow, StoreError> {
    Ok(ReleaseRow {
        number: row.int("number")?,
        snapshot: json("release", row.text("snapshot")?)?,
        message: row.text("message")?.to_owned(),
        author: row.text("author")?.to_owned(),
        source: row.text("source")?.to_owned(),
        created_at: Timestamp(row.int("created_at")?),
    })
}

const RELEASE: &str = "number, snapshot, message, author, source, created_at";

/// Stores a release under the next number and makes it active, if `base` still is.
///
/// `None`: another release became active meanwhile; the caller must return an error so that what
/// it wrote before is rolled back.
pub fn activate_new(
    change: &mut Change<'_>,
    app: AppId,
    base: Option<i64>,
    new: &ReleaseRow,
) -> Result<Option<i64>, StoreError> {
    // Raising the number lets one deploy of the app at a time go on.
    let conn = change.of(app)?;
    let next = conn.query_one(
        "SELECT COALESCE(MAX(number), 0) + 1 AS number FROM releases WHERE app_id = ?1",
        &[app.as_bytes().into()],
    )?;
    let number = next.map_or(Ok(1), |row| row.int("number"))?;
    conn.execute(
        "INSERT INTO releases (app_id, number, snapshot, message, author, source, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            app.as_bytes().into(),
            number.into(),
            to_json("release", &new.snapshot)?.as_str().into(),
            new.message.as_str().into(),
            new.author.as_str().into(),
            new.source.as_str().into(),
            new.created_at.as_micros().into(),
        ],
    )?;
    let flipped = activate(change, app, base, number, new.created_at)?;
    Ok(if flipped { Some(number) } else { None })
}

/// Points the app at a release, if `base` is active now. Triggers and schedules become the
/// release's, and its `deploy` triggers are told, in the same transaction.
pub fn activate(
    change: &mut Change<'_>,
    app: AppId,
    base: Option<i64>,
    number: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let conn = change.of(app)?;
    let changed = conn.execute(
        "UPDATE apps SET active_release = ?2, updated_at = ?3 \
         WHERE id = ?1 AND COALESCE(active_release, 0) = ?4",
        &[
            app.as_bytes().into(),
            number.into(),
            now.as_micros().into(),
            base.unwrap_or(0).into(),
        ],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    let release = get(conn, app, number)?.ok_or_else(|| StoreError::Corrupt {
        what: "release",
        reason: format!("release {number} is missing"),
    })?;
    activation::activate(conn, app, &release.snapshot, now)?;
    let told = outbox::Release {
        number,
        message: &release.message,
        author: &release.author,
    };
    outbox::tell(conn, &told.event(app, now)?)?;
    Ok(true)
}

/// One release of an app.
pub fn get(conn: &mut dyn Conn, app: AppId, number: i64) -> Result<Option<ReleaseRow>, StoreError> {
    let sql = format!("SELECT {RELEASE} FROM releases WHERE app_id = ?1 AND number = ?2");
    conn.query_one(&sql, &[app.as_bytes().into(), number.into()])?
        .as_ref()
        .map(release)
        .transpose()
}

/// Releases with numbers below `before`, newest first.
pub fn list(
    conn: &mut dyn Conn,
    app: AppId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ReleaseRow>, StoreError> {
    let sql = format!(
        "SELECT {RELEASE} FROM releases WHERE app_id = ?1 AND number < ?2 \
         ORDER BY number DESC LIMIT ?3"
    );
    let before = before.unwrap_or(i64::MAX);
    conn.query(&sql, &[app.as_bytes().into(), before.into(), limit.into()])?
        .iter()
        .map(release)
        .collect()
}
