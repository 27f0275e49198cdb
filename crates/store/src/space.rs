//! Free space of the disk that the embedded database is on.
//!
//! Below the floor nothing is written that makes the database larger for an app: what is left is for
//! the platform itself, which has to store that something was removed, too. A file takes a little of
//! the disk while there is plenty; it is given up when there is none, so that a server starts on a
//! disk that something else has filled.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// The floor, unless one is set: this part of the disk, at most so much.
const PART: u64 = 20;
const MOST: u64 = 256 << 20;
/// What is kept for a start on a full disk, at most.
const RESERVE: u64 = 16 << 20;

/// The space of a data directory.
#[derive(Debug)]
pub(crate) struct Space {
    directory: PathBuf,
    floor: u64,
    low: AtomicBool,
}

/// Bytes of a disk: all, and those that are free.
struct Disk {
    size: u64,
    free: u64,
}

impl Space {
    /// The space around a directory, of which `floor` bytes stay free; `None`: a twentieth of the
    /// disk, at most 256 MiB.
    pub(crate) fn of(directory: &Path, floor: Option<u64>) -> Self {
        let size = disk(directory).map_or(0, |disk| disk.size);
        Self {
            directory: directory.to_owned(),
            floor: floor.unwrap_or((size / PART).min(MOST)),
            low: AtomicBool::new(false),
        }
    }

    /// Looks how much is free; whether that is less than the floor. What cannot be seen is not low.
    pub(crate) fn look(&self) -> bool {
        let free = disk(&self.directory).map_or(u64::MAX, |disk| disk.free);
        let low = free < self.floor;
        if self.low.swap(low, Ordering::Relaxed) == low {
            return low;
        }
        let (directory, floor) = (self.directory.display(), self.floor);
        if low {
            tracing::error!(%directory, free, floor, "the disk is nearly full: apps may only delete");
        } else {
            tracing::info!(%directory, free, floor, "the disk has room again");
        }
        low
    }

    /// What was seen last.
    pub(crate) fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// The least that stays free.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Bytes of the file for a start on a full disk.
    fn reserve(&self) -> u64 {
        RESERVE.min(self.floor / 2)
    }

    /// Gives the reserve up where there is less than that.
    pub(crate) fn give_up_reserve(&self) {
        let free = disk(&self.directory).map_or(u64::MAX, |disk| disk.free);
        let file = self.directory.join("reserve");
        if free < self.reserve() && fs::remove_file(&file).is_ok() {
            let directory = self.directory.display();
            tracing::error!(%directory, free, "the disk is full; the reserve was given up");
        }
    }

    /// Takes the reserve where there is plenty. Without it a start on a full disk may fail, and that
    /// is all.
    pub(crate) fn take_reserve(&self) {
        let file = self.directory.join("reserve");
        let bytes = self.reserve();
        let free = disk(&self.directory).map_or(0, |disk| disk.free);
        if file.exists() || bytes == 0 || free < self.floor.saturating_add(2 * bytes) {
            return;
        }
        let taken = File::create(&file)
            .and_then(|file| Ok(fallocate(&file, FallocateFlags::empty(), 0, bytes)?));
        if let Err(error) = taken {
            tracing::warn!(%error, "no space is kept for a start on a full disk");
            drop(fs::remove_file(&file));
        }
    }
}

fn disk(directory: &Path) -> Option<Disk> {
    let seen = statvfs(directory).ok()?;
    Some(Disk {
        size: seen.f_blocks.saturating_mul(seen.f_frsize),
        free: seen.f_bavail.saturating_mul(seen.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_floor_that_no_disk_reaches_is_low_and_none_is_not() {
        let folder = TempDir::new().unwrap();
        let low = Space::of(folder.path(), Some(u64::MAX));
        assert!(!low.is_low());
        assert!(low.look() && low.is_low());
        let fine = Space::of(folder.path(), Some(0));
        assert!(!fine.look());
        let usual = Space::of(folder.path(), None);
        assert!(usual.floor() <= MOST);
    }

    #[test]
    fn the_reserve_is_there_while_there_is_plenty() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("reserve");
        let space = Space::of(folder.path(), Some(1 << 20));
        space.take_reserve();
        assert_eq!(file.metadata().unwrap().len(), 512 << 10);
        space.give_up_reserve();
        assert!(file.exists(), "the disk is not full");
        let full = Space::of(folder.path(), Some(u64::MAX));
        full.take_reserve();
        assert_eq!(file.metadata().unwrap().len(), 512 << 10);
    }
}
