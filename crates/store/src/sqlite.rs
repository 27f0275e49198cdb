//! SQLite: one writer thread with group commit, point reads on the calling thread, scans on a
//! small reader pool.

mod conn;
mod cutoff;
mod engine;
mod writer;

use std::path::{Path, PathBuf};

pub(crate) use conn::{Session, SqliteConn, connect, engine_error, relax};
pub(crate) use engine::Sqlite;

/// The database's file name inside the data directory.
pub(crate) const FILE: &str = "picloud.db";

/// Where the database of a data directory is.
pub(crate) fn file_in(directory: &Path) -> PathBuf {
    directory.join(FILE)
}
