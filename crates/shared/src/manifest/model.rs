//! What a manifest holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::LimitSettings;
use crate::name::{AppSlug, ModuleName, ScriptName};
use crate::release::RouteSpec;
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
