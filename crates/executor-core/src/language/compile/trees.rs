//! Trees of sources that are being deployed. A release is checked as a whole before it is stored, and
//! compiled when it is loaded; many of its scripts import the same modules. Each source is parsed once
//! for all of that, as long as somebody keeps its tree.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use shared::id::ContentHash;
use shared::script_error::Diagnostic;

use super::parse::findings::{Findings, at_place};
use super::parse::{Parsed, parse};
use crate::language::engine::Language;
use crate::sandbox::defect::{Defect, aside};

/// Bytes of sources whose trees are kept at the same time. A tree is about forty times as large; what
/// is beyond this is parsed again when it is needed again.
const KEPT_BYTES: usize = 1 << 20;

type Alive = HashMap<ContentHash, Weak<Tree>>;

/// A source that was parsed.
pub(super) struct Tree {
    pub(super) parsed: Parsed,
    /// Bytes of its source.
    bytes: usize,
}

/// The trees that somebody keeps.
#[derive(Default)]
pub(crate) struct Trees {
    alive: Mutex<Alive>,
    parsed: AtomicU64,
}

/// Keeps trees as long as it lives.
#[derive(Default)]
pub(crate) struct Keep(Vec<Arc<Tree>>);

impl Trees {
    /// Sources parsed since the start.
    pub(crate) fn parsed(&self) -> u64 {
        self.parsed.load(Ordering::Relaxed)
    }

    /// Does something with what a source is parsed to, which is kept.
    pub(crate) fn with<T>(
        &self,
        with: (&Language, &mut Keep),
        named: (&str, &str),
        started: Instant,
        work: impl FnOnce(&Parsed) -> Result<T, Box<Diagnostic>>,
    ) -> Result<T, Findings> {
        let tree = self.tree(with, named, started)?;
        Ok(work(&tree.parsed)?)
    }

    /// What a source is parsed to, which is kept.
    pub(super) fn tree(
        &self,
        (language, keep): (&Language, &mut Keep),
        (name, source): (&str, &str),
        started: Instant,
    ) -> Result<Arc<Tree>, Findings> {
        let hash = ContentHash::of(source.as_bytes());
        let known = self.locked(|alive| alive.get(&hash).and_then(Weak::upgrade));
        if let Some(tree) = known {
            keep.0.push(Arc::clone(&tree));
            return Ok(tree);
        }
        let parsed = aside(name, || parse(language, name, source, started));
        let parsed = parsed.unwrap_or_else(|defect| Err(unreadable(name, &defect).into()))?;
        self.parsed.fetch_add(1, Ordering::Relaxed);
        let bytes = source.len();
        let tree = Arc::new(Tree { parsed, bytes });
        let room = |alive: &mut Alive| {
            alive.retain(|_, tree| tree.strong_count() > 0);
            let kept = alive.values().filter_map(Weak::upgrade);
            kept.map(|tree| tree.bytes).sum::<usize>() + bytes <= KEPT_BYTES
        };
        self.locked(|alive| {
            if room(alive) {
                alive.insert(hash, Arc::downgrade(&tree));
                keep.0.push(Arc::clone(&tree));
            }
        });
        Ok(tree)
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Alive) -> T) -> T {
        work(&mut self.alive.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn unreadable(name: &str, defect: &Defect) -> Box<Diagnostic> {
    let message = format!(
        "the platform failed while it read this source: {}; the server's log has the details, \
         report it with them",
        defect.message
    );
    at_place(name, (0, 0), message, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::engine::Library;

    fn parses(trees: &Trees, keep: &mut Keep, source: &str) -> Result<(), Findings> {
        let language = Language::with(Library::empty());
        let named = ("any name", source);
        trees.with((&language, keep), named, Instant::now(), |_| Ok(()))
    }

    #[test]
    fn a_source_is_parsed_once_while_its_tree_is_kept() {
        let trees = Trees::default();
        let mut keep = Keep::default();
        for source in ["1", "1", "2", "1"] {
            parses(&trees, &mut keep, source).unwrap();
        }
        assert_eq!(trees.parsed(), 2);
        let mut other = Keep::default();
        parses(&trees, &mut other, "1").unwrap();
        drop(keep);
        parses(&trees, &mut other, "1").unwrap();
        assert_eq!(trees.parsed(), 2, "another keeps it");
        parses(&trees, &mut other, "2").unwrap();
        assert_eq!(trees.parsed(), 3, "nobody kept it");
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_does_not_parse_is_not() {
        let trees = Trees::default();
        let mut keep = Keep::default();
        let sources: Vec<String> = (0..9)
            .map(|at| format!("{at} /* {} */", "x".repeat(200 << 10)))
            .collect();
        for source in sources.iter().chain(&sources) {
            parses(&trees, &mut keep, source).unwrap();
        }
        let again = (sources.len() - KEPT_BYTES / sources[0].len()) as u64;
        assert_eq!(trees.parsed(), sources.len() as u64 + again);
        for _ in 0..2 {
            assert!(parses(&trees, &mut keep, "let").is_err());
        }
    }
}
