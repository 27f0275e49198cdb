//! Numbered, append-only migrations, the same names for both engines, run under a lock.

use crate::conn::{Conn, Dialect, Param};
use crate::error::StoreError;

/// One migration.
struct Migration {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal),+ $(,)?) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

const MIGRATIONS: &[Migration] = migrations![
    1 "0001_control_plane",
    2 "0002_executions",
    3 "0003_kv",
    4 "0004_events",
    5 "0005_deployments",
    6 "0006_schedules",
    7 "0007_order",
    8 "0008_one_default_app",
    9 "0009_keys_of_events",
    10 "0010_storage",
    11 "0011_paused",
];

/// The newest schema this program knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

/// The schema the database has; 0 when it is new.
pub(crate) fn current(conn: &mut dyn Conn) -> Result<i64, StoreError> {
    conn.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations \
         (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)",
        &[],
    )?;
    let row = conn.query_one(
        "SELECT COALESCE(MAX(version), 0) AS version FROM schema_migrations",
        &[],
    )?;
    row.map_or(Ok(0), |row| row.int("version"))
}

/// The migrations a database at `version` lacks, as (version, name, SQL).
pub(crate) fn pending(
    dialect: Dialect,
    version: i64,
) -> impl Iterator<Item = (i64, &'static str, &'static str)> {
    MIGRATIONS
        .iter()
        .filter(move |m| m.version > version)
        .map(move |m| {
            (
                m.version,
                m.name,
                if dialect == Dialect::Sqlite {
                    m.sqlite
                } else {
                    m.postgres
                },
            )
        })
}

/// Notes that a migration has run.
pub(crate) fn applied(conn: &mut dyn Conn, version: i64, name: &str) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO schema_migrations (version, name) VALUES (?1, ?2)",
        &[Param::Int(version), name.into()],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn versions_count_up_and_match_their_names() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.version < b.version));
        for migration in MIGRATIONS {
            assert!(
                migration
                    .name
                    .starts_with(&format!("{:04}_", migration.version))
            );
        }
    }
}
