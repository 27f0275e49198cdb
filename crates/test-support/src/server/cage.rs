//! A memory cgroup for a server: beyond its limit the kernel ends it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where cgroups are, and what limits the memory of one. The last is swap, where there is any.
const KINDS: [(&str, [&str; 2]); 2] = [
    (
        "/sys/fs/cgroup/memory",
        ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
    ),
    ("/sys/fs/cgroup", ["memory.max", "memory.swap.max"]),
];

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A cgroup of its own. It goes when dropped, if nothing is in it any more.
#[derive(Debug)]
pub(super) struct Cage(PathBuf);

impl Cage {
    /// A cgroup with that much memory; `None` where this process may not make one.
    pub(super) fn new(bytes: u64) -> Option<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("picloud-test-{}-{number}", std::process::id());
        KINDS.iter().find_map(|(root, [memory, swap])| {
            let folder = Path::new(root).join(&name);
            fs::create_dir(&folder).ok()?;
            let cage = Self(folder);
            fs::write(cage.0.join(memory), bytes.to_string()).ok()?;
            let none = if *swap == "memory.swap.max" { 0 } else { bytes };
            // Machines without swap have no such file.
            drop(fs::write(cage.0.join(swap), none.to_string()));
            Some(cage)
        })
    }

    /// A command that runs `program` inside, as the same process.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
            .arg(self.0.join("cgroup.procs"))
            .arg(program);
        shell
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        // An empty cgroup is only litter.
        drop(fs::remove_dir(&self.0));
    }
}
