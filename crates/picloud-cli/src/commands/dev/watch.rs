//! Saves in an app's folder. Only the folders of the manifest's files are watched, each without
//! what is below it, so that the server's own data wakes nobody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use shared::manifest::Manifest;

use super::event::{Event, Report};
use crate::error::{Failure, Outcome};

/// A watched folder.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    folder: PathBuf,
}

impl Watch {
    /// Watches the folder itself.
    pub(super) fn new(folder: &Path, report: Report) -> Outcome<Self> {
        let failed = |error: notify::Error| {
            Failure::new(format!("cannot watch {}: {error}", folder.display()))
        };
        let told = move |event: notify::Result<notify::Event>| {
            let counts = event.map_or(true, |event| !matches!(event.kind, EventKind::Access(_)));
            if counts {
                // The session is over when this fails.
                drop(report.send(Event::Saved));
            }
        };
        let mut watcher = notify::recommended_watcher(told).map_err(failed)?;
        watcher
            .watch(folder, RecursiveMode::NonRecursive)
            .map_err(failed)?;
        Ok(Self {
            watcher,
            folder: folder.to_owned(),
        })
    }

    /// Watches the folders of a manifest's files too. A folder that is not there yet is waited for
    /// in the one above.
    pub(super) fn follow(&mut self, manifest: &Manifest) {
        let scripts = manifest.scripts.values().map(|entry| &entry.file);
        let modules = manifest.modules.values().map(|entry| &entry.file);
        let folders: BTreeSet<PathBuf> = scripts
            .chain(modules)
            .filter_map(|file| self.folder.join(file).parent().map(Path::to_owned))
            .collect();
        for wanted in folders {
            let there = wanted.ancestors().find(|folder| folder.is_dir());
            if let Some(folder) = there.filter(|folder| folder.starts_with(&self.folder)) {
                // Watching again is harmless; a folder that is gone by now was reported as a save.
                drop(self.watcher.watch(folder, RecursiveMode::NonRecursive));
            }
        }
    }
}
