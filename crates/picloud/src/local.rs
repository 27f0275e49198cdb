//! How `pic` on the same machine and user is signed in by itself: a credential in the data
//! directory, and a pointer to the newest server in the user's state directory. Only that user can
//! read either; both go when the server stops.

use std::borrow::Cow;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use manager_core::Secret;
use node::config::Environment;

/// The file in the data directory.
const CREDENTIALS: &str = "credentials.json";

/// What the files say.
pub(crate) struct Credentials {
    text: String,
}

impl Credentials {
    /// For a server whose control plane answers on `url` and whose apps answer on `apps_url`, with
    /// its data in `directory`.
    pub(crate) fn new(url: &str, apps_url: &str, token: &Secret, directory: &Path) -> Self {
        let document = Document {
            url,
            apps_url,
            token: token.expose(),
            pid: std::process::id(),
            data_dir: directory.to_string_lossy(),
        };
        let text = serde_json::to_string(&document).expect("texts and a number serialize");
        Self { text: text + "\n" }
    }
}

#[derive(serde::Serialize)]
struct Document<'a> {
    url: &'a str,
    apps_url: &'a str,
    token: &'a str,
    pid: u32,
    data_dir: Cow<'a, str>,
}

/// The files of this server.
#[derive(Debug)]
pub(crate) struct LocalFiles(Vec<PathBuf>);

impl LocalFiles {
    /// Writes them. The pointer is a convenience: a server without a home directory has none.
    pub(crate) fn write(
        credentials: &Credentials,
        directory: &Path,
        env: &Environment,
    ) -> io::Result<Self> {
        let own = directory.join(CREDENTIALS);
        write_private(&own, &credentials.text)?;
        let mut files = vec![own];
        if let Some(pointer) = pointer(env) {
            let written = pointer
                .parent()
                .map_or(Ok(()), make_private)
                .and_then(|()| write_private(&pointer, &credentials.text));
            match written {
                Ok(()) => files.push(pointer),
                Err(error) => tracing::warn!(
                    path = %pointer.display(), %error,
                    "`pic` will find this server from its data directory only"
                ),
            }
        }
        Ok(Self(files))
    }

    /// Removes them, unless a newer server wrote its own.
    pub(crate) fn remove(self) {
        let own = u64::from(std::process::id());
        for path in self.0 {
            let text = fs::read(&path).unwrap_or_default();
            let value = serde_json::from_slice::<serde_json::Value>(&text).unwrap_or_default();
            if value["pid"] == own
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "cannot remove the local credential");
            }
        }
    }
}

fn pointer(env: &Environment) -> Option<PathBuf> {
    let absolute = |text: &str| Path::new(text).is_absolute().then(|| PathBuf::from(text));
    let state = env.get("XDG_STATE_HOME").and_then(absolute);
    let home = || Some(absolute(env.get("HOME")?)?.join(".local/state"));
    Some(state.or_else(home)?.join("picloud/local.json"))
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Replaces a file as a whole, readable by its owner only from its first moment on.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let made = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new);
    made?.write_all(text.as_bytes())?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn text(pid: u32) -> Credentials {
        Credentials {
            text: serde_json::json!({ "pid": pid }).to_string(),
        }
    }

    #[test]
    fn only_the_owner_can_read_them_and_they_go_with_the_server() {
        let home = tempfile::tempdir().unwrap();
        let env = Environment::of([("HOME", home.path().to_str().unwrap())]);
        let files = LocalFiles::write(&text(std::process::id()), home.path(), &env).unwrap();
        let pointer = home.path().join(".local/state/picloud/local.json");
        for path in [&home.path().join(CREDENTIALS), &pointer] {
            assert_eq!(
                fs::metadata(path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        files.remove();
        assert!(!pointer.exists() && !home.path().join(CREDENTIALS).exists());
    }

    #[test]
    fn a_newer_servers_pointer_stays() {
        let home = tempfile::tempdir().unwrap();
        let env = Environment::of([("XDG_STATE_HOME", home.path().to_str().unwrap())]);
        let files = LocalFiles::write(&text(std::process::id()), home.path(), &env).unwrap();
        let pointer = home.path().join("picloud/local.json");
        write_private(&pointer, &text(1).text).unwrap();
        files.remove();
        assert!(pointer.exists());
    }

    #[test]
    fn a_server_without_a_home_has_no_pointer() {
        assert_eq!(pointer(&Environment::default()), None);
        assert_eq!(pointer(&Environment::of([("HOME", "relative")])), None);
    }
}
