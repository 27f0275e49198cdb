//! The admin API's wire types, version 1: what the manager serves and `pic` sends.
//!
//! All paths start with `/api/v1`. Lists answer [`Page`]; every error is a
//! [`Problem`](crate::error::Problem). Times are RFC 3339 texts in UTC with microseconds. Requests
//! refuse unknown fields; responses may gain fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{AppId, ContentHash, ExecutionId, RequestId, TokenId, UserId};
use crate::invocation::LogLevel;
use crate::limits::LimitSettings;
use crate::name::{AppSlug, DomainName, EnvName, FunctionName, ModuleName, ScriptName};
use crate::release::{RouteSpec, Snapshot};
use crate::routing::Method;
use crate::script_error::{Diagnostic, ScriptError};

macro_rules! wire {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$fmeta:meta])* $field:ident: $ty:ty,)* })+) => {$(
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        $(#[$meta])*
        pub struct $name { $($(#[$fmeta])* pub $field: $ty,)* }
    )+};
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

wire! {
    /// `GET /setup`: whether the instance still has no owner.
    struct SetupState {
        /// True until the owner account exists.
        needed: bool,
    }

    /// `POST /setup`: makes the owner account and signs it in. Works once.
    #[serde(deny_unknown_fields)]
    struct SetupRequest {
        /// The one-time token the server printed at start.
        token: String,
        /// The owner's e-mail address.
        email: String,
        /// At least 10 characters.
        password: String,
    }

    /// `POST /sessions`: signs a person in; the session is an HttpOnly cookie.
    #[serde(deny_unknown_fields)]
    struct SignInRequest {
        /// E-mail address.
        email: String,
        /// Password.
        password: String,
    }

    /// `GET /me`: who is calling.
    struct Me {
        /// The person, or the person who made the token.
        user: UserId,
        /// Their e-mail address.
        email: String,
        /// Their role on the instance.
        role: String,
        /// The token in use, if any.
        token: Option<TokenView>,
    }

    /// `POST /tokens`: makes an API token.
    #[serde(deny_unknown_fields)]
    struct CreateTokenRequest {
        /// What it is for.
        name: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// Only for this app; absent: all apps.
        #[serde(default)]
        app: Option<AppSlug>,
        /// Days until it ends, 1 to 3,650; 90 when absent.
        #[serde(default)]
        expires_in_days: Option<u32>,
    }

    /// The answer to `POST /tokens`: the only time the secret is shown.
    struct CreatedToken {
        /// The token to send as `Authorization: Bearer …`.
        secret: String,
        /// What the instance remembers about it.
        token: TokenView,
    }

    /// A token without its secret.
    struct TokenView {
        /// Its id.
        id: TokenId,
        /// What it is for.
        name: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// Only for this app.
        app: Option<AppSlug>,
        /// When it was made.
        created_at: String,
        /// When it ends; null: never.
        expires_at: Option<String>,
        /// When it was last used, to the minute.
        last_used_at: Option<String>,
    }

    /// `POST /apps`: makes an app.
    #[serde(deny_unknown_fields)]
    struct CreateAppRequest {
        /// Its name.
        name: AppSlug,
        /// What it is for.
        #[serde(default)]
        description: String,
    }

    /// `PATCH /apps/{app}`: changes what is given.
    #[serde(deny_unknown_fields)]
    struct UpdateAppRequest {
        /// A new name.
        #[serde(default)]
        name: Option<AppSlug>,
        /// What it is for.
        #[serde(default)]
        description: Option<String>,
        /// Whether it answers on hosts nobody claimed. Only `true` can be set: the app that has
        /// it loses it.
        #[serde(default)]
        default: Option<bool>,
        /// Limits of all its scripts, each at most the instance's ceiling.
        #[serde(default)]
        limits: Option<LimitSettings>,
    }

    /// An app.
    struct App {
        /// Its id.
        id: AppId,
        /// Its name.
        name: AppSlug,
        /// What it is for.
        description: String,
        /// Whether it answers on hosts nobody claimed.
        default: bool,
        /// Limits of all its scripts that differ from the instance's defaults.
        limits: LimitSettings,
        /// The release it serves; null before the first.
        active_release: Option<i64>,
        /// Where it answers.
        url: String,
        /// When it was made.
        created_at: String,
        /// When it last changed.
        updated_at: String,
    }

    /// `POST /apps/{app}/domains`: claims a domain.
    #[serde(deny_unknown_fields)]
    struct ClaimDomainRequest {
        /// The domain, exact or `*.` wildcard.
        domain: DomainName,
    }

    /// A claimed domain.
    struct Domain {
        /// The domain.
        domain: DomainName,
        /// When it was claimed.
        created_at: String,
    }

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
        /// are added to or replace those of the active release. Routes given replace the routes
        /// of the scripts they name.
        #[serde(default)]
        replace: bool,
        /// Scripts by name.
        #[serde(default)]
        scripts: BTreeMap<ScriptName, ScriptUpload>,
        /// Modules by name.
        #[serde(default)]
        modules: BTreeMap<ModuleName, SourceUpload>,
        /// Routes; a script that is new in this release and has none gets `ANY /<script>`.
        #[serde(default)]
        routes: Vec<RouteSpec>,
        /// Where the request comes from: `cli`, `dashboard`, `dev`; `api` when absent.
        #[serde(default)]
        source: Option<String>,
    }

    /// A script in a deploy.
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

    /// A module in a deploy.
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

    /// One line of a plan.
    struct PlanItem {
        /// `add`, `change`, `remove` or `keep`.
        action: PlanAction,
        /// `script`, `module` or `route`.
        what: String,
        /// Its name.
        name: String,
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

    /// `POST /apps/{app}/scripts/{script}/validate`: checks a draft with the app's modules.
    #[serde(deny_unknown_fields)]
    struct ValidateRequest {
        /// The draft.
        source: String,
        /// Drafts of modules; others come from the active release.
        #[serde(default)]
        modules: BTreeMap<ModuleName, String>,
    }

    /// What validation found.
    struct Validation {
        /// Whether it could be deployed.
        ok: bool,
        /// Findings.
        diagnostics: Vec<Diagnostic>,
    }

    /// `POST /apps/{app}/scripts/{script}/run`: runs a draft with a given request. Its effects
    /// are real.
    #[serde(deny_unknown_fields)]
    struct RunRequest {
        /// The draft; absent: the version being served.
        #[serde(default)]
        source: Option<String>,
        /// The function to call; absent: the top level.
        #[serde(default)]
        handler: Option<FunctionName>,
        /// The request it gets.
        #[serde(default)]
        request: Option<RunHttp>,
    }

    /// A request for a run.
    #[serde(deny_unknown_fields)]
    struct RunHttp {
        /// Method; `GET` when absent.
        #[serde(default)]
        method: Option<Method>,
        /// Path and query; `/` when absent.
        #[serde(default)]
        path: Option<String>,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Path parameters.
        #[serde(default)]
        params: BTreeMap<String, String>,
        /// Body as text.
        #[serde(default)]
        body: Option<String>,
    }

    /// How a run ended.
    struct RunResult {
        /// The execution.
        execution: ExecutionId,
        /// What it answered; null when it failed before.
        response: Option<RunResponse>,
        /// Why it failed; null when it did not.
        error: Option<ScriptError>,
        /// What it logged.
        logs: Vec<LogEntry>,
        /// Elapsed time in milliseconds.
        duration_ms: f64,
        /// Processor time in milliseconds.
        cpu_ms: f64,
        /// Evaluation steps.
        operations: u64,
        /// Most bytes allocated at one time.
        memory_peak: u64,
        /// Host calls.
        host_calls: u32,
    }

    /// The answer of a run.
    struct RunResponse {
        /// Status.
        status: u16,
        /// Headers; several values of one name are joined with a comma, `set-cookie` with a
        /// newline.
        headers: BTreeMap<String, String>,
        /// The body as text, when it is UTF-8.
        body: Option<String>,
        /// The body in base64, when it is not.
        body_base64: Option<String>,
    }

    /// A route in a list.
    struct Route {
        /// The route.
        route: RouteSpec,
        /// Where it answers.
        url: String,
    }

    /// `POST /apps/{app}/routes/match`: which route would answer.
    #[serde(deny_unknown_fields)]
    struct MatchRequest {
        /// Method.
        method: Method,
        /// Path, without query.
        path: String,
    }

    /// The answer of a match preview.
    struct MatchResult {
        /// The route; null when none answers.
        route: Option<RouteSpec>,
        /// Path parameters.
        params: BTreeMap<String, String>,
        /// Methods the path answers; empty when the path is unknown.
        allow: Vec<Method>,
    }

    /// An environment variable.
    struct EnvVar {
        /// Its name.
        name: EnvName,
        /// Its value.
        value: String,
        /// When it was last set.
        updated_at: String,
    }

    /// `PUT /apps/{app}/env/{name}`: sets a variable; live at once.
    #[serde(deny_unknown_fields)]
    struct SetEnvRequest {
        /// The value.
        value: String,
    }

    /// An execution in a list.
    struct Execution {
        /// Its id.
        id: ExecutionId,
        /// The script.
        script: ScriptName,
        /// Version that ran.
        version: i64,
        /// Release that was active.
        release: i64,
        /// `http` or `manual`.
        trigger: String,
        /// Method and path, for requests.
        target: Option<String>,
        /// Status answered; null when there was no answer.
        status: Option<u16>,
        /// `ok`, `compile`, `runtime`, `thrown`, `limit`, `host`, `cancelled` or `internal`.
        outcome: String,
        /// First line of the error.
        error: Option<String>,
        /// When it started.
        started_at: String,
        /// Elapsed time in milliseconds.
        duration_ms: f64,
        /// Processor time in milliseconds.
        cpu_ms: f64,
        /// Evaluation steps.
        operations: i64,
        /// Most bytes allocated at one time.
        memory_peak: i64,
        /// Host calls.
        host_calls: i64,
    }

    /// An execution with everything known about it.
    struct ExecutionDetail {
        /// The execution.
        execution: Execution,
        /// The request it belonged to.
        request_id: RequestId,
        /// The whole error.
        error: Option<ScriptError>,
        /// What it logged.
        logs: Vec<LogEntry>,
    }

    /// A log line.
    struct LogEntry {
        /// When.
        at: String,
        /// How loud.
        level: LogLevel,
        /// The script.
        script: ScriptName,
        /// The execution.
        execution: ExecutionId,
        /// The text.
        message: String,
        /// More, if any.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        fields: Option<serde_json::Value>,
    }

    /// `GET /system`: the instance.
    struct System {
        /// Program version.
        version: String,
        /// `sqlite` or `postgres`.
        database: String,
        /// When this process started.
        started_at: String,
        /// Default limits.
        limits: LimitSettings,
        /// The highest limits a script can ask for.
        ceiling: LimitSettings,
    }

    /// An entry of the audit log.
    struct AuditEntry {
        /// When.
        at: String,
        /// Who.
        actor: String,
        /// `session`, `token` or `local`.
        via: String,
        /// The operation, like `apps.create`.
        action: String,
        /// What it was done to.
        target: String,
    }
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at everything but values of environment variables.
    Read,
    /// Deploy, roll back, change apps' settings and environment.
    Deploy,
    /// Call routes with `auth = "token"` and invoke scripts directly.
    Invoke,
    /// Everything the person who made it may do, tokens included.
    Admin,
}

/// What a plan does with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanAction {
    /// It is new.
    Add,
    /// It differs.
    Change,
    /// It goes.
    Remove,
    /// It stays as it is.
    Keep,
}
