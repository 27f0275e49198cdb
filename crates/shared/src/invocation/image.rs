//! A script as a release fixes it, and the app it runs in.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{AppId, ContentHash};
use crate::name::{AppSlug, EnvName, ModuleName, ScriptName};

/// What a script may know about the app it runs in. Shared by all its invocations.
#[derive(Clone, Debug)]
pub struct AppContext {
    /// The app: the scope of everything the script reaches.
    pub id: AppId,
    /// Its name.
    pub slug: AppSlug,
    /// Its environment variables.
    pub env: BTreeMap<EnvName, Arc<str>>,
}

/// The source of one module.
#[derive(Clone, Debug)]
pub struct ModuleSource {
    /// Hash of the source.
    pub hash: ContentHash,
    /// The source.
    pub source: Arc<str>,
}

/// The modules of one release: what `import` can see.
#[derive(Clone, Debug, Default)]
pub struct ModuleSet {
    /// Hash over all names and hashes: two sets with the same hash are the same set.
    pub hash: Option<ContentHash>,
    /// The modules by name.
    pub modules: BTreeMap<ModuleName, ModuleSource>,
}

impl ModuleSet {
    /// The set of these modules, with its hash.
    pub fn new(modules: BTreeMap<ModuleName, ModuleSource>) -> Self {
        use std::fmt::Write as _;

        let mut all = String::new();
        for (name, module) in &modules {
            writeln!(all, "{name}={}", module.hash).expect("a String takes everything");
        }
        Self {
            hash: Some(ContentHash::of(all.as_bytes())),
            modules,
        }
    }
}

/// A script as one release fixes it. Immutable.
#[derive(Clone, Debug)]
pub struct ScriptImage {
    /// The app it belongs to.
    pub app: AppId,
    /// Its name.
    pub name: ScriptName,
    /// Its version number within the app.
    pub version: i64,
    /// Hash of the source.
    pub hash: ContentHash,
    /// The source.
    pub source: Arc<str>,
    /// The modules it may import.
    pub modules: Arc<ModuleSet>,
}
