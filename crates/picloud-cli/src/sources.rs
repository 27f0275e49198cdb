//! Sources from files and standard input: text of the right size, inside the app's folder.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use shared::id::ContentHash;
use shared::limits::fixed;

use crate::error::{Failure, Outcome};

/// A source and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What people call it.
    pub(crate) file: String,
    /// The text.
    pub(crate) text: String,
    /// Its hash.
    pub(crate) hash: ContentHash,
}

impl Source {
    /// Checks what was read.
    pub(crate) fn of(file: &str, bytes: Vec<u8>) -> Outcome<Self> {
        if bytes.len() > fixed::SOURCE_BYTES {
            let most = fixed::SOURCE_BYTES >> 10;
            return Err(Failure::new(format!("{file} is larger than {most} KiB"))
                .next("a script or module has at most that; split it into modules"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let valid = error.into_bytes();
            let line = valid[..at].split(|byte| *byte == b'\n').count();
            Failure::new(format!(
                "{file} is not text: line {line} (byte {at}) is not UTF-8"
            ))
            .next("a script is UTF-8 text; is this the right file?")
        })?;
        if let Some(at) = text.find('\0') {
            let line = text[..at].matches('\n').count() + 1;
            return Err(Failure::new(format!(
                "{file} is not text: line {line} holds U+0000"
            )));
        }
        Ok(Self {
            file: file.to_owned(),
            hash: ContentHash::of(text.as_bytes()),
            text,
        })
    }

    /// All of standard input.
    pub(crate) fn stdin() -> Outcome<Self> {
        Self::of("standard input", stdin(fixed::SOURCE_BYTES as u64 + 1)?)
    }

    /// A file.
    pub(crate) fn file(path: &Path) -> Outcome<Self> {
        Self::of(
            &path.display().to_string(),
            read(path, fixed::SOURCE_BYTES as u64 + 1)?,
        )
    }

    /// A file of a folder, which must not lead out of it.
    pub(crate) fn inside(folder: &Path, file: &str) -> Outcome<Self> {
        let path = folder.join(file);
        let real = |path: &Path| {
            path.canonicalize()
                .map_err(|error| Failure::file("read", path, &error))
        };
        if !real(&path)?.starts_with(real(folder)?) {
            return Err(
                Failure::new(format!("{} leads out of the app's folder", path.display())).next(
                    "put the source itself into the folder; links out of it are not followed",
                ),
            );
        }
        Self::file(&path)
    }
}

/// A regular file, at most `limit` bytes of it.
pub(crate) fn read(path: &Path, limit: u64) -> Outcome<Vec<u8>> {
    let failed = |error: &io::Error| Failure::file("read", path, error);
    let meta = fs::metadata(path).map_err(|error| failed(&error))?;
    if !meta.is_file() {
        let what = if meta.is_dir() { "folder" } else { "device" };
        return Err(Failure::new(format!(
            "{} is a {what}, not a file",
            path.display()
        )));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// Standard input, at most `limit` bytes of it.
pub(crate) fn stdin(limit: u64) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}
