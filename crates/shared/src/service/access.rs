//! What calls do.

/// What a call does to what the platform keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It only looks.
    Read,
    /// It may change something.
    Write,
}

impl Access {
    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}
