//! Files only their owner can read.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::{Failure, Outcome};

/// Bytes of a file of credentials.
const MOST: u64 = 1 << 20;

/// Replaces a file as a whole, readable by its owner only from its first moment on.
pub(crate) fn write(path: &Path, text: &str) -> Outcome {
    let attempt = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let new = path.with_extension(format!("{}.new", std::process::id()));
        // A left-over of that name could have another mode.
        drop(fs::remove_file(&new));
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    attempt().map_err(|error| Failure::file("write", path, &error))
}

/// Reads a file; `None` when there is none. One that others can read is refused.
pub(crate) fn read(path: &Path) -> Outcome<Option<String>> {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", path, &error)),
    };
    if meta.permissions().mode() & 0o077 != 0 {
        let shown = path.display();
        return Err(
            Failure::new(format!("{shown} holds tokens and other users can read it"))
                .next(format!("chmod 600 {shown}")),
        );
    }
    if !meta.is_file() || meta.len() > MOST {
        let shown = path.display();
        return Err(Failure::new(format!("{shown} is not a file of `pic`")));
    }
    let text = fs::read_to_string(path);
    text.map(Some)
        .map_err(|error| Failure::file("read", path, &error))
}
