//! What a release consists of.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::ContentHash;
use crate::limits::LimitSettings;
use crate::name::{FunctionName, ModuleName, ScriptName};
use crate::routing::{Method, PathPattern};
use crate::trigger::TriggerSpec;
use crate::units;

/// A snapshot. Stored as one JSON document; contents are stored once by hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Endpoint scripts.
    pub scripts: BTreeMap<ScriptName, ScriptSpec>,
    /// Modules.
    pub modules: BTreeMap<ModuleName, ModuleSpec>,
    /// Routes.
    pub routes: Vec<RouteSpec>,
    /// Triggers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<TriggerSpec>,
}

/// One endpoint script in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ScriptSpec {
    /// Hash of the source.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub hash: ContentHash,
    /// Version number: 1, 2, 3 … within (app, script).
    pub version: i64,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Limits that differ from the defaults.
    #[serde(default)]
    pub limits: LimitSettings,
}

/// One module in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModuleSpec {
    /// Hash of the source.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub hash: ContentHash,
    /// Version number within (app, module).
    pub version: i64,
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RouteAuth {
    /// Everybody.
    #[default]
    Public,
    /// Holders of an API token of this app with the `invoke` scope (`Authorization: Bearer …`).
    Token,
}

/// When a route's caller gets its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RouteMode {
    /// When the script has run: its answer.
    #[default]
    Sync,
    /// When the request is stored: 202 with the id of its event. The script runs afterwards, with
    /// retries.
    Async,
}

impl RouteMode {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_sync(&self) -> bool {
        *self == Self::Sync
    }
}

/// Cross-origin rules of one route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins that may call it, like `https://shop.example.com`, or `*`.
    pub origins: Vec<String>,
    /// Request headers they may send; `*` for any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Response headers they may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<String>,
    /// Whether cookies may be sent; needs named origins.
    pub credentials: bool,
    /// How long a preflight may be remembered, like `10m`.
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "10m"))]
    pub max_age: Option<Duration>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// Method; `ANY` when absent.
    #[serde(default = "any_method")]
    pub method: Method,
    /// Path pattern.
    pub path: PathPattern,
    /// The script that answers.
    pub script: ScriptName,
    /// The function to call; the script's top level when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<FunctionName>,
    /// Who may call it.
    #[serde(default)]
    pub auth: RouteAuth,
    /// When callers get their answer.
    #[serde(default, skip_serializing_if = "RouteMode::is_sync")]
    pub mode: RouteMode,
    /// Cross-origin rules; absent: browsers of other origins may not read answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
}

fn any_method() -> Method {
    Method::Any
}
