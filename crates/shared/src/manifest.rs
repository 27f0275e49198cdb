//! `picloud.toml`: one folder is one app.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::LimitSettings;
use crate::name::{AppSlug, ModuleName, ScriptName};
use crate::release::RouteSpec;
use crate::suggest::closest;
use crate::trigger::TriggerSpec;

/// Bytes of a manifest.
pub const MAX_BYTES: usize = 256 << 10;

/// The manifest of an app. Unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the file's own key")]
pub struct Manifest {
    /// Format version; 1.
    pub manifest: u32,
    /// The app's name.
    pub app: AppSlug,
    /// Endpoint scripts.
    #[serde(default)]
    pub scripts: BTreeMap<ScriptName, ScriptEntry>,
    /// Modules.
    #[serde(default)]
    pub modules: BTreeMap<ModuleName, ModuleEntry>,
    /// Routes.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
    /// Triggers.
    #[serde(default)]
    pub triggers: Vec<TriggerSpec>,
}

/// One script of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptEntry {
    /// Path of the source, relative to the manifest.
    pub file: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Limits that differ from the defaults.
    #[serde(default)]
    pub limits: LimitSettings,
}

/// One module of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleEntry {
    /// Path of the source, relative to the manifest.
    pub file: String,
}

/// A manifest that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, an unknown key, or a value that breaks a rule.
    #[error("picloud.toml: {message}")]
    Invalid {
        /// What is wrong, with line and column.
        message: String,
    },
    /// A version this program does not know.
    #[error("picloud.toml: manifest = {0} is not supported; this program knows manifest = 1")]
    Version(u32),
    /// Too large.
    #[error("picloud.toml is larger than 256 KiB")]
    TooLarge,
    /// A path that leaves the folder.
    #[error("picloud.toml: file `{0}` must be a relative path inside the app's folder")]
    Path(String),
}

impl Manifest {
    /// Reads and checks a manifest's text.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let manifest: Self = toml::from_str(text).map_err(|e| ManifestError::Invalid {
            message: describe(text, &e),
        })?;
        if manifest.manifest != 1 {
            return Err(ManifestError::Version(manifest.manifest));
        }
        let files = manifest
            .scripts
            .values()
            .map(|s| &s.file)
            .chain(manifest.modules.values().map(|m| &m.file));
        for file in files {
            if !inside(file) {
                return Err(ManifestError::Path(file.clone()));
            }
        }
        Ok(manifest)
    }
}

/// Whether a path stays inside the folder it is relative to.
fn inside(path: &str) -> bool {
    use std::path::{Component, Path};
    !path.is_empty()
        && !path.contains('\0')
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// The parser's message with line and column, and a suggestion for a mistyped key.
fn describe(text: &str, error: &toml::de::Error) -> String {
    let place = error.span().map_or_else(String::new, |span| {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("line {line}, column {column}: ")
    });
    let message = error.message();
    let suggestion =
        suggest(message).map_or_else(String::new, |s| format!("; did you mean `{s}`?"));
    format!("{place}{message}{suggestion}")
}

/// From serde's "unknown field `x`, expected one of `a`, `b`": the name closest to `x`.
fn suggest(message: &str) -> Option<String> {
    let quoted: Vec<&str> = message
        .strip_prefix("unknown field `")?
        .split('`')
        .step_by(2)
        .collect();
    let (wrong, known) = quoted.split_first()?;
    closest(wrong, known.iter().copied()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
manifest = 1
app = "shop"
[scripts.orders]
file = "src/orders.rhai"
description = "Order intake"
limits = { wall = "5s", memory = "32MiB", concurrency = 8 }
[[routes]]
method = "POST"
path = "/orders/:id"
script = "orders"
handler = "on_order"
auth = "public"
[modules.money]
file = "src/money.rhai"
"#;

    #[test]
    fn the_documented_manifest_parses() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!(manifest.app.as_str(), "shop");
        assert_eq!(
            manifest.routes[0].handler.as_ref().unwrap().as_str(),
            "on_order"
        );
    }

    #[test]
    fn a_mistyped_key_gets_a_place_and_a_suggestion() {
        let text = GOOD.replace("path =", "pth =");
        let error = Manifest::parse(&text).unwrap_err().to_string();
        assert!(
            error.contains("line 10") && error.contains("did you mean `path`?"),
            "{error}"
        );
    }

    #[test]
    fn paths_outside_the_folder_and_other_versions_are_refused() {
        for bad in ["/etc/passwd", "../x.rhai", "a/../../b", ""] {
            let text = GOOD.replace("src/orders.rhai", bad);
            assert!(
                matches!(Manifest::parse(&text), Err(ManifestError::Path(_))),
                "{bad}"
            );
        }
        let text = GOOD.replace("manifest = 1", "manifest = 2");
        assert!(matches!(
            Manifest::parse(&text),
            Err(ManifestError::Version(2))
        ));
    }
}
