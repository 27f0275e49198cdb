//! Failures of the harness: texts for the person who runs it.

/// A measurement that could not be made.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The result of a step.
pub(crate) type Result<T> = std::result::Result<T, Failure>;
