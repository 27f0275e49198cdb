//! Apps, the domains they answer on, their environment.

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::limits::LimitSettings;
use shared::name::{AppSlug, DomainName, EnvName};

use crate::change::Change;
use crate::conn::Conn;
use crate::dialect::{keeping, lock_name};
use crate::error::StoreError;
use crate::outbox::waiting::forget;
use crate::row::Row;
use crate::text::{json, parse, to_json};

/// An app as stored.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// Its id.
    pub id: AppId,
    /// Its name.
    pub slug: AppSlug,
    /// What it is for.
    pub description: String,
    /// Whether it answers on hosts nobody claimed.
    pub is_default: bool,
    /// Limits of all its scripts that differ from the defaults.
    pub limits: LimitSettings,
    /// The release it serves.
    pub active_release: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

const COLUMNS: &str =
    "id, slug, description, is_default, limits, active_release, created_at, updated_at";

fn app(row: &Row) -> Result<AppRow, StoreError> {
    Ok(AppRow {
        id: AppId::from_bytes(row.array("id")?),
        slug: parse("app name", row.text("slug")?)?,
        description: row.text("description")?.to_owned(),
        is_default: row.flag("is_default")?,
        limits: json("limits", row.text("limits")?)?,
        active_release: row.opt_int("active_release")?,
        created_at: Timestamp(row.int("created_at")?),
        updated_at: Timestamp(row.int("updated_at")?),
    })
}

/// Adds an app; a default one takes the place of the other. A taken name is
/// [`StoreError::Constraint`].
pub fn insert(change: &mut Change<'_>, app: &AppRow) -> Result<(), StoreError> {
    if app.is_default {
        no_default(change)?;
    }
    if let Some(owner) = redirects_to(change.conn(), &app.slug)? {
        remove_redirect(change.of(owner)?, &app.slug)?;
    }
    change.conn().execute(
        "INSERT INTO apps (id, slug, description, is_default, limits, active_release, created_at, \
         updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &[
            app.id.as_bytes().into(),
            app.slug.as_str().into(),
            app.description.as_str().into(),
            app.is_default.into(),
            to_json("limits", &app.limits)?.as_str().into(),
            app.active_release.into(),
            app.created_at.as_micros().into(),
            app.updated_at.as_micros().into(),
        ],
    )?;
    change.of(app.id)?;
    Ok(())
}

/// Lets one change at a time give apps their names and say which is the default one.
fn take_all(change: &mut Change<'_>) -> Result<(), StoreError> {
    lock_name(change.conn(), "apps")
}

/// Whether the app that this change adds is the first one.
pub fn is_first(change: &mut Change<'_>) -> Result<bool, StoreError> {
    take_all(change)?;
    let any = change
        .conn()
        .query_one("SELECT id FROM apps LIMIT 1", &[])?;
    Ok(any.is_none())
}

/// An app that is about to be changed: nobody else changes it until this change is made.
pub fn to_change(change: &mut Change<'_>, id: AppId) -> Result<AppRow, StoreError> {
    take_all(change)?;
    taken(change, id)
}

/// An app of which something is about to be changed that concerns no other.
pub fn taken(change: &mut Change<'_>, id: AppId) -> Result<AppRow, StoreError> {
    get(change.of(id)?, id)?.ok_or(StoreError::NoSuchApp)
}

/// Makes room for a new default app; until the write ends, for no other.
fn no_default(change: &mut Change<'_>) -> Result<(), StoreError> {
    take_all(change)?;
    let sql = "SELECT id FROM apps WHERE is_default = 1";
    for row in change.conn().query(sql, &[])? {
        let id = AppId::from_bytes(row.array("id")?);
        change.of(id)?.execute(
            "UPDATE apps SET is_default = 0 WHERE id = ?1",
            &[id.as_bytes().into()],
        )?;
    }
    Ok(())
}

/// The app an old name leads to.
fn redirects_to(conn: &mut dyn Conn, slug: &AppSlug) -> Result<Option<AppId>, StoreError> {
    let sql = "SELECT app_id FROM slug_redirects WHERE slug = ?1";
    let row = conn.query_one(sql, &[slug.as_str().into()])?;
    row.map(|row| row.array("app_id").map(AppId::from_bytes))
        .transpose()
}

/// An old name leads nowhere any more.
fn remove_redirect(conn: &mut dyn Conn, slug: &AppSlug) -> Result<(), StoreError> {
    let sql = "DELETE FROM slug_redirects WHERE slug = ?1";
    conn.execute(sql, &[slug.as_str().into()])?;
    Ok(())
}

/// The app with an id.
pub fn get(conn: &mut dyn Conn, id: AppId) -> Result<Option<AppRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM apps WHERE id = ?1");
    conn.query_one(&sql, &[id.as_bytes().into()])?
        .as_ref()
        .map(app)
        .transpose()
}

/// Whether there is an app with an id; it stays until the transaction ends.
pub(crate) fn stays(conn: &mut dyn Conn, id: AppId) -> Result<bool, StoreError> {
    let sql = format!("SELECT id FROM apps WHERE id = ?1 {}", keeping(conn));
    let row = conn.query_one(&sql, &[id.as_bytes().into()])?;
    Ok(row.is_some())
}

/// The app with a name, or that had it before a rename.
pub fn by_slug(conn: &mut dyn Conn, slug: &AppSlug) -> Result<Option<AppRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM apps WHERE slug = ?1");
    if let Some(row) = conn.query_one(&sql, &[slug.as_str().into()])? {
        return app(&row).map(Some);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM apps WHERE id = (SELECT app_id FROM slug_redirects WHERE slug = ?1)"
    );
    conn.query_one(&sql, &[slug.as_str().into()])?
        .as_ref()
        .map(app)
        .transpose()
}

/// All apps, by name.
pub fn list(conn: &mut dyn Conn) -> Result<Vec<AppRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM apps ORDER BY slug");
    conn.query(&sql, &[])?.iter().map(app).collect()
}

/// Writes the changed columns of an app that came from [`to_change`]. The old name keeps leading here until another app takes it.
pub fn update(change: &mut Change<'_>, old: &AppRow, new: &AppRow) -> Result<(), StoreError> {
    if new.is_default && !old.is_default {
        no_default(change)?;
    }
    change.of(new.id)?.execute(
        "UPDATE apps SET slug = ?2, description = ?3, is_default = ?4, limits = ?5, \
         updated_at = ?6 WHERE id = ?1",
        &[
            new.id.as_bytes().into(),
            new.slug.as_str().into(),
            new.description.as_str().into(),
            new.is_default.into(),
            to_json("limits", &new.limits)?.as_str().into(),
            new.updated_at.as_micros().into(),
        ],
    )?;
    if old.slug != new.slug {
        if let Some(owner) = redirects_to(change.conn(), &new.slug)? {
            remove_redirect(change.of(owner)?, &new.slug)?;
        }
        change.of(new.id)?.execute(
            "INSERT INTO slug_redirects (slug, app_id) VALUES (?1, ?2)",
            &[old.slug.as_str().into(), new.id.as_bytes().into()],
        )?;
    }
    Ok(())
}

/// Removes an app with everything it owns. No other app ever has its id.
pub fn delete(change: &mut Change<'_>, id: AppId) -> Result<(), StoreError> {
    let conn = change.of(id)?;
    forget(conn, id)?;
    for table in ["triggers", "versions", "executions", "log_lines"] {
        let sql = format!("DELETE FROM {table} WHERE app_id = ?1");
        conn.execute(&sql, &[id.as_bytes().into()])?;
    }
    conn.execute("DELETE FROM apps WHERE id = ?1", &[id.as_bytes().into()])?;
    Ok(())
}

/// Old names of an app that still lead to it.
pub fn redirects(conn: &mut dyn Conn, id: AppId) -> Result<Vec<AppSlug>, StoreError> {
    conn.query(
        "SELECT slug FROM slug_redirects WHERE app_id = ?1 ORDER BY slug",
        &[id.as_bytes().into()],
    )?
    .iter()
    .map(|row| parse("app name", row.text("slug")?))
    .collect()
}

/// Claims a domain. A claimed one is [`StoreError::Constraint`].
pub fn claim_domain(
    change: &mut Change<'_>,
    app: AppId,
    domain: &DomainName,
    now: Timestamp,
) -> Result<(), StoreError> {
    change.of(app)?.execute(
        "INSERT INTO domains (domain, app_id, created_at) VALUES (?1, ?2, ?3)",
        &[
            domain.as_str().into(),
            app.as_bytes().into(),
            now.as_micros().into(),
        ],
    )?;
    Ok(())
}

/// Gives a domain up; whether the app had it.
pub fn release_domain(
    change: &mut Change<'_>,
    app: AppId,
    domain: &DomainName,
) -> Result<bool, StoreError> {
    let changed = change.of(app)?.execute(
        "DELETE FROM domains WHERE app_id = ?1 AND domain = ?2",
        &[app.as_bytes().into(), domain.as_str().into()],
    )?;
    Ok(changed == 1)
}

/// An app's domains with the time they were claimed, by name.
pub fn domains(
    conn: &mut dyn Conn,
    app: AppId,
) -> Result<Vec<(DomainName, Timestamp)>, StoreError> {
    conn.query(
        "SELECT domain, created_at FROM domains WHERE app_id = ?1 ORDER BY domain",
        &[app.as_bytes().into()],
    )?
    .iter()
    .map(|row| {
        Ok((
            parse("domain", row.text("domain")?)?,
            Timestamp(row.int("created_at")?),
        ))
    })
    .collect()
}

/// One environment variable.
#[derive(Clone, Debug)]
pub struct EnvRow {
    /// Its name.
    pub name: EnvName,
    /// Its value.
    pub value: String,
    /// When it was last set.
    pub updated_at: Timestamp,
}

/// Sets a variable.
pub fn set_env(change: &mut Change<'_>, app: AppId, row: &EnvRow) -> Result<(), StoreError> {
    change.of(app)?.execute(
        "INSERT INTO env (app_id, name, value, updated_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (app_id, name) DO UPDATE SET value = excluded.value, \
         updated_at = excluded.updated_at",
        &[
            app.as_bytes().into(),
            row.name.as_str().into(),
            row.value.as_str().into(),
            row.updated_at.as_micros().into(),
        ],
    )?;
    Ok(())
}

/// An app's variables, which are about to be changed: nobody else changes them until this change is
/// made.
pub fn env_to_change(change: &mut Change<'_>, app: AppId) -> Result<Vec<EnvRow>, StoreError> {
    env(change.of(app)?, app)
}

/// Removes a variable; whether it was there.
pub fn delete_env(change: &mut Change<'_>, app: AppId, name: &EnvName) -> Result<bool, StoreError> {
    let changed = change.of(app)?.execute(
        "DELETE FROM env WHERE app_id = ?1 AND name = ?2",
        &[app.as_bytes().into(), name.as_str().into()],
    )?;
    Ok(changed == 1)
}

/// An app's variables, by name.
pub fn env(conn: &mut dyn Conn, app: AppId) -> Result<Vec<EnvRow>, StoreError> {
    conn.query(
        "SELECT name, value, updated_at FROM env WHERE app_id = ?1 ORDER BY name",
        &[app.as_bytes().into()],
    )?
    .iter()
    .map(|row| {
        Ok(EnvRow {
            name: parse("environment variable", row.text("name")?)?,
            value: row.text("value")?.to_owned(),
            updated_at: Timestamp(row.int("updated_at")?),
        })
    })
    .collect()
}
