//! What the compiler does not check: size of files, their first line, unsafe code, left-overs, and
//! that documents and code name the same things.

mod documents;
mod sources;

use crate::Finding;
use crate::repository::Repository;

/// Everything that is not tidy.
pub(crate) fn check(repository: &Repository) -> Vec<Finding> {
    let checks = [
        sources::first_line,
        sources::size,
        sources::left_overs,
        sources::unsafe_code,
        sources::executor_is_sealed,
        sources::dialects,
        sources::lints,
        documents::crates,
        documents::tasks,
        documents::error_pages,
        documents::error_codes,
        documents::links,
    ];
    checks.iter().flat_map(|check| check(repository)).collect()
}

#[cfg(test)]
mod tests;
