//! Deploys, releases, scripts, modules and their versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::ContentHash;
use crate::limits::LimitSettings;
use crate::name::{ModuleName, ScriptName};
use crate::release::compare::PlanItem;
use crate::release::snapshot::{RouteSpec, Snapshot};
use crate::script_error::Diagnostic;
use crate::trigger::TriggerSpec;

wire! {
    /// `POST /apps/{app}/releases`: makes and activates a release, or changes nothing.
    #[serde(deny_unknown_fields)]
    struct DeployRequest {
        /// What the release is about.
        #[serde(default)]
        message: String,
        /// Validate and plan, change nothing.
        #[serde(default)]
        dry_run: bool,
        /// `true`: the release is exactly this request. `false`: scripts and modules given here
        /// are added to or replace those of the active release. Routes and triggers given replace
        /// those of the scripts they name.
        #[serde(default)]
        replace: bool,
        /// Scripts by name.
        #[serde(default)]
        scripts: BTreeMap<ScriptName, ScriptUpload>,
        /// Modules by name.
        #[serde(default)]
        modules: BTreeMap<ModuleName, SourceUpload>,
        /// Routes; a script that is new in this release and has neither a route nor a trigger gets
        /// `ANY /<script>`. With `replace` that is every such script.
        #[serde(default)]
        routes: Vec<RouteSpec>,
        /// Triggers.
        #[serde(default)]
        triggers: Vec<TriggerSpec>,
        /// Where the request comes from: `cli`, `dashboard`, `dev`; `api` when absent.
        #[serde(default)]
        source: Option<String>,
    }

    /// A script in a deploy. Without `source` and `hash` the source is unchanged.
    #[serde(deny_unknown_fields)]
    struct ScriptUpload {
        /// The source; absent when `hash` names content the app already has.
        #[serde(default)]
        source: Option<String>,
        /// BLAKE3 of the source, 64 hexadecimal digits.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        hash: Option<ContentHash>,
        /// What it is for; absent: unchanged.
        #[serde(default)]
        description: Option<String>,
        /// Limits that differ from the defaults; absent: unchanged.
        #[serde(default)]
        limits: Option<LimitSettings>,
    }

    /// A module in a deploy. Without `source` and `hash` the source is unchanged.
    #[serde(deny_unknown_fields)]
    struct SourceUpload {
        /// The source; absent when `hash` names content the app already has.
        #[serde(default)]
        source: Option<String>,
        /// BLAKE3 of the source.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        hash: Option<ContentHash>,
    }

    /// `POST /apps/{app}/contents/missing`: which sources need uploading.
    #[serde(deny_unknown_fields)]
    struct MissingContentsRequest {
        /// Hashes to ask about, at most 500.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        hashes: Vec<ContentHash>,
    }

    /// The hashes the app does not have.
    struct MissingContents {
        /// Upload the sources of these.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        missing: Vec<ContentHash>,
    }

    /// The answer to a deploy.
    struct Deployed {
        /// The release; null for a dry run, and when nothing changed.
        release: Option<Release>,
        /// What changed, or would.
        plan: Vec<PlanItem>,
        /// Where the scripts answer, in the order of the routes.
        urls: Vec<String>,
        /// Warnings that did not stop it.
        diagnostics: Vec<Diagnostic>,
    }

    /// A release in a list.
    struct Release {
        /// Its number within the app: 1, 2, 3 …
        number: i64,
        /// What it is about.
        message: String,
        /// Who made it.
        author: String,
        /// `cli`, `dashboard`, `dev` or `api`.
        source: String,
        /// Whether it is the one being served.
        active: bool,
        /// When it was made.
        created_at: String,
    }

    /// `GET /apps/{app}/releases/{number}`: a release with everything in it.
    struct ReleaseDetail {
        /// The release.
        release: Release,
        /// Its contents.
        snapshot: Snapshot,
        /// Its contents in words: everything it would add to nothing, as a plan tells it.
        contents: Vec<PlanItem>,
    }

    /// `POST /apps/{app}/rollback`: serves an earlier release again.
    #[serde(deny_unknown_fields)]
    struct RollbackRequest {
        /// The release; absent: the one before the active one.
        #[serde(default)]
        to: Option<i64>,
    }

    /// A script in a list.
    struct Script {
        /// Its name.
        name: ScriptName,
        /// What it is for.
        description: String,
        /// Version being served.
        version: i64,
        /// Hash of the source.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        hash: ContentHash,
        /// Limits that differ from the defaults.
        limits: LimitSettings,
        /// Routes it answers, like `GET /hello`.
        routes: Vec<String>,
    }

    /// `GET /apps/{app}/scripts/{script}`: a script with its source.
    struct ScriptDetail {
        /// The script.
        script: Script,
        /// Its source.
        source: String,
    }

    /// A module in a list.
    struct Module {
        /// Its name.
        name: ModuleName,
        /// Version being served.
        version: i64,
        /// Hash of the source.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        hash: ContentHash,
    }

    /// A module with its source.
    struct ModuleDetail {
        /// The module.
        module: Module,
        /// Its source.
        source: String,
    }

    /// One immutable version of a script.
    #[expect(clippy::struct_field_names, reason = "the wire's name for a version's number")]
    struct Version {
        /// Its number.
        version: i64,
        /// Hash of the source.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        hash: ContentHash,
        /// Bytes of the source.
        size: i64,
        /// Who made it.
        author: String,
        /// When it was made.
        created_at: String,
        /// Whether it is being served.
        active: bool,
    }

    /// A version with its source.
    struct VersionDetail {
        /// The version.
        version: Version,
        /// Its source.
        source: String,
    }
}
