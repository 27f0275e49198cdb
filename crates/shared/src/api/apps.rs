//! Apps, their domains, environment and routes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::AppId;
use crate::limits::LimitSettings;
use crate::name::{AppSlug, DomainName, EnvName};
use crate::release::RouteSpec;
use crate::routing::Method;

wire! {
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

    /// What an app keeps in the database, and how much it may.
    struct AppStorage {
        /// Bytes of what counts to the limit: all but the records of runs.
        bytes: i64,
        /// Bytes it may keep; null when nothing bounds it.
        limit: Option<i64>,
        /// Whether the limit is the app's own; otherwise it is the instance's.
        own_limit: bool,
        /// By service.
        services: Vec<ServiceStorage>,
    }

    /// What an app keeps of one service.
    struct ServiceStorage {
        /// `kv`, `scripts`, `dead_letters` or `records`.
        service: String,
        /// Keys, sources, dead letters, or runs.
        entries: i64,
        /// Bytes of keys and values, sources, payloads, or errors and log lines.
        bytes: i64,
    }

    /// `PUT /apps/{app}/storage`: sets how much an app may keep.
    #[serde(deny_unknown_fields)]
    struct SetStorageRequest {
        /// Like `8GiB`; null: what the instance says.
        #[serde(with = "crate::units::size")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "8GiB"))]
        limit: Option<u64>,
    }

    /// `POST /apps/{app}/domains`: claims a domain.
    #[serde(deny_unknown_fields)]
    struct ClaimDomainRequest {
        /// The domain, exact or `*.` wildcard.
        domain: DomainName,
    }

    /// A claimed domain.
    #[expect(
        clippy::struct_field_names,
        reason = "the name of the field is the API's"
    )]
    struct Domain {
        /// The domain.
        domain: DomainName,
        /// When it was claimed.
        created_at: String,
        /// Why requests to it do not reach the app; null when they do.
        #[serde(default)]
        refused: Option<String>,
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
        /// The webhook that answers instead of a route.
        trigger: Option<String>,
        /// Path parameters.
        params: BTreeMap<String, String>,
        /// Methods the path answers; empty when the path is unknown.
        allow: Vec<Method>,
    }
}
