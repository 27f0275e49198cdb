//! A disk whose power can be cut: ext4 on a loop device. What was not flushed when the power goes
//! is gone, as it is on a machine; a killed process alone loses nothing, its pages stay with the
//! kernel.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: from here on every access fails, and
/// neither data nor journal is written any more.
const CUT: &str = r#"
open(my $place, "<", $ARGV[0]) or die "$!";
my $flags = pack("L", 2);
ioctl($place, 0x8004587D, $flags) or die "the file system cannot be shut down: $!";
"#;

/// A mounted file system of its own.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    mounted: bool,
}

impl Disk {
    /// Makes and mounts one of so many MiB.
    ///
    /// # Panics
    /// When this machine cannot; the message says what it takes.
    pub fn new(mebibytes: u64) -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        let image = folder.path().join("image");
        File::create(&image)
            .and_then(|file| file.set_len(mebibytes << 20))
            .expect("room for the image");
        std::fs::create_dir(folder.path().join("mount")).expect("a new directory");
        let format = ["mkfs.ext4".as_ref(), "-q".as_ref(), "-F".as_ref()];
        as_root(&[&format[..], &[image.as_os_str()]].concat());
        let mut disk = Self {
            folder,
            mounted: false,
        };
        disk.mount();
        disk
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    fn mount(&mut self) {
        let (image, path) = (self.folder.path().join("image"), self.path());
        let words = ["mount".as_ref(), "-o".as_ref(), "loop".as_ref()];
        as_root(&[&words[..], &[image.as_os_str(), path.as_os_str()]].concat());
        self.mounted = true;
        let user = rustix::process::getuid();
        if !user.is_root() {
            let owner = user.as_raw().to_string();
            as_root(&["chown".as_ref(), owner.as_ref(), path.as_os_str()]);
        }
    }

    /// Cuts the power. Who has files open here gets errors from now on.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn cut(&self) {
        let path = self.path();
        as_root(&[
            "perl".as_ref(),
            "-e".as_ref(),
            CUT.as_ref(),
            path.as_os_str(),
        ]);
    }

    /// Power again: what reached the disk is there. Nobody may have files open.
    ///
    /// # Panics
    /// When it cannot be mounted again.
    pub fn restore(&mut self) {
        let path = self.path();
        as_root(&["umount".as_ref(), path.as_os_str()]);
        self.mounted = false;
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Detached when the last file is closed, should one still be open.
            let path = self.path();
            drop(run(&["umount".as_ref(), "-l".as_ref(), path.as_os_str()]));
        }
    }
}

fn run(words: &[&OsStr]) -> Result<(), String> {
    let root = rustix::process::getuid().is_root();
    let sudo: &[&OsStr] = if root {
        &[]
    } else {
        &["sudo".as_ref(), "-n".as_ref()]
    };
    let words = [sudo, words].concat();
    let path = format!("{}:/usr/sbin:/sbin", path_variable());
    let output = Command::new(words[0])
        .args(&words[1..])
        .env("PATH", path)
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn as_root(words: &[&OsStr]) {
    run(words).unwrap_or_else(|error| {
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        panic!(
            "`{}` failed: {error}\nCutting the power takes root (or sudo without a password), loop \
             devices, ext4 and perl; see CONTRIBUTING.md, \"Crash tests\"",
            words.join(" ")
        )
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "a child's PATH is this one's and more"
)]
fn path_variable() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// Whether a path is on such a disk; for tests that want to be sure.
pub fn is_mount_point(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let wanted = path.to_string_lossy();
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(&wanted))
}
