//! Changing what is served, or what scripts see.
//!
//! Each app has a deployment number. Whatever changes what is served for an app is written over a
//! connection that only [`Change`] gives, after it has raised the number in the same transaction;
//! so no such change can be made that nobody is told of.

use std::collections::BTreeMap;

use shared::id::AppId;
use shared::seam::Raised;

use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::handover::Notice;

/// A transaction that changes what is served. [`Store::change`](crate::Store::change) makes it.
pub struct Change<'c> {
    conn: &'c mut (dyn Conn + 'c),
    raised: BTreeMap<AppId, i64>,
}

impl std::fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change")
            .field("raised", &self.raised)
            .finish_non_exhaustive()
    }
}

impl<'c> Change<'c> {
    pub(crate) fn new(conn: &'c mut (dyn Conn + 'c)) -> Self {
        Self {
            conn,
            raised: BTreeMap::new(),
        }
    }

    /// The connection, for what changes nothing that is served.
    pub fn conn(&mut self) -> &mut dyn Conn {
        self.conn
    }

    /// The connection, for what changes what is served for an app: its number is raised, and all
    /// processes are told once the transaction has committed. Raising it keeps other changes of the
    /// app waiting, so what is read from here on is what the change is made to.
    /// [`StoreError::NoSuchApp`] when there is no such app.
    pub(crate) fn of(&mut self, app: AppId) -> Result<&mut dyn Conn, StoreError> {
        if !self.raised.contains_key(&app) {
            let row = self.conn.query_one(
                "UPDATE apps SET deployment = deployment + 1 WHERE id = ?1 RETURNING deployment",
                &[app.as_bytes().into()],
            )?;
            let number = row.ok_or(StoreError::NoSuchApp)?.int("deployment")?;
            let raised = Raised { app, number };
            dialect::announce(self.conn, raised)?;
            self.conn.note(Notice::Raised(raised));
            self.raised.insert(app, number);
        }
        Ok(self.conn)
    }

    /// What it has raised.
    pub(crate) fn into_raised(self) -> Vec<Raised> {
        let raised = self.raised.into_iter();
        raised.map(|(app, number)| Raised { app, number }).collect()
    }
}
