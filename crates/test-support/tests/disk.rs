//! A power cut keeps what was flushed and loses what was not.

use std::fs::{self, File};
use std::io::Write as _;

use test_support::{Disk, is_mount_point};

#[test]
fn a_power_cut_keeps_what_was_flushed_and_nothing_else() {
    let mut disk = Disk::new(32);
    assert!(is_mount_point(&disk.path()));
    let flushed = disk.path().join("flushed");
    let mut file = File::create(&flushed).unwrap();
    file.write_all(b"kept").unwrap();
    file.sync_all().unwrap();
    drop(file);
    fs::write(disk.path().join("cached"), b"gone").unwrap();
    disk.cut();
    assert!(fs::read(disk.path().join("cached")).is_err());
    disk.restore();
    assert_eq!(fs::read(&flushed).unwrap(), b"kept");
    assert!(!disk.path().join("cached").exists());
}
