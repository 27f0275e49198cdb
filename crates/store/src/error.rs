//! Why storage failed.

/// A storage failure. Display texts are for the log; callers map them to what a client may see.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no app with the id.
    #[error("there is no such app")]
    NoSuchApp,
    /// A unique key refused the write.
    #[error("the write breaks the constraint {0}")]
    Constraint(String),
    /// A foreign key refused the write: what it belongs to is gone, an app as a rule.
    #[error("what the write belongs to is gone: {0}")]
    OwnerGone(String),
    /// A value that cannot be stored (U+0000 in text).
    #[error("text with the character U+0000 cannot be stored")]
    NulInText,
    /// An app keeps as much as it may.
    #[error("the app keeps as much as it may")]
    StorageFull,
    /// The disk has no room left, or only what the platform itself needs.
    #[error("the disk is full: {0}")]
    DiskFull(String),
    /// The database cannot be reached, or is closing.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The disk failed under a write. What it keeps of earlier writes is unknown until another
    /// process has read it again, so the store writes nothing any more (see
    /// [`Store::disk_failure`](crate::Store::disk_failure)).
    #[error("the disk failed: {0}")]
    DiskFailed(String),
    /// A stored value that is not what the program wrote.
    #[error("column {column} holds {found}, expected {expected}; it was read by: {statement}")]
    Column {
        /// The column.
        column: String,
        /// What the program reads.
        expected: &'static str,
        /// What is there.
        found: &'static str,
        /// The statement that read it.
        statement: String,
    },
    /// The program reads a column that its statement does not ask for.
    #[error("there is no column {column} among {columns}; they were read by: {statement}")]
    NoColumn {
        /// What the program reads.
        column: String,
        /// What there is.
        columns: String,
        /// The statement.
        statement: String,
    },
    /// A stored document that does not parse.
    #[error("a stored {what} does not parse: {reason}")]
    Corrupt {
        /// Which kind of document.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// What was asked for is larger than its reader may hold; reading stopped there.
    #[error("what was asked for is larger than its reader may hold")]
    NoRoom,
    /// The instance has no memory for what was asked for; reading stopped there.
    #[error("the server has no memory for what was asked for")]
    NoMemory,
    /// The run for which it is done has no processor time left; what was under way ended there.
    #[error("the time for it is used up")]
    OutOfTime,
    /// Anything else the engine said.
    #[error("{0}")]
    Engine(String),
}

impl StoreError {
    /// A statement failed, so nothing of its transaction happened, whatever its closure answered.
    pub(crate) fn rolled_back() -> Self {
        Self::Engine("a statement failed, so the transaction was rolled back".to_owned())
    }

    /// The disk has less free than is kept for the platform itself.
    pub(crate) fn low() -> Self {
        Self::DiskFull("less is free than is kept for the platform itself".to_owned())
    }

    /// SQLite gave a whole transaction up by itself.
    pub(crate) fn given_up() -> Self {
        Self::Unavailable(
            "the transaction was given up because the disk is full or failing".to_owned(),
        )
    }

    /// The same failure for another caller of the same batch.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Constraint(text) => Self::Constraint(text.clone()),
            Self::OwnerGone(text) => Self::OwnerGone(text.clone()),
            Self::NoSuchApp => Self::NoSuchApp,
            Self::NulInText => Self::NulInText,
            Self::StorageFull => Self::StorageFull,
            Self::DiskFull(text) => Self::DiskFull(text.clone()),
            Self::Unavailable(text) => Self::Unavailable(text.clone()),
            Self::DiskFailed(text) => Self::DiskFailed(text.clone()),
            Self::NoRoom => Self::NoRoom,
            Self::NoMemory => Self::NoMemory,
            Self::OutOfTime => Self::OutOfTime,
            other => Self::Engine(other.to_string()),
        }
    }

    /// Whether the same may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::DiskFailed(_) | Self::DiskFull(_)
        )
    }

    /// Whether a unique key refused the write.
    pub fn is_constraint(&self) -> bool {
        matches!(self, Self::Constraint(_))
    }
}
