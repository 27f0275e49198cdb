//! The admin API's wire types, version 1: what the manager serves and `pic` sends.
//!
//! All paths start with `/api/v1`. Lists answer [`Page`]; every error is a
//! [`Problem`](crate::error::Problem). Times are RFC 3339 texts in UTC with microseconds. Requests
//! refuse unknown fields; responses may gain fields.

use serde::{Deserialize, Serialize};

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
    /// What both listeners answer to [`WELL_KNOWN`](crate::routing::WELL_KNOWN): where the control
    /// plane is.
    struct WellKnown {
        /// Its origin.
        admin_url: String,
        /// Where this API is.
        #[serde(default)]
        api: String,
    }
}

mod apps;
mod events;
mod kv;
mod observe;
mod people;
pub(crate) mod releases;
mod runs;
mod waiting;

pub use apps::{
    App, AppStorage, ClaimDomainRequest, CreateAppRequest, Domain, EnvVar, MatchRequest,
    MatchResult, Route, ServiceStorage, SetEnvRequest, SetStorageRequest, UpdateAppRequest,
};
pub use events::{
    Attempt, DeadLetter, DeadLetterDetail, Event, Purged, ReplayManyRequest, ReplayRequest,
    Replayed, ReplayedMany, RunTriggerRequest, SchedulePreview, SchedulePreviewRequest, Trigger,
    TriggerRequest, TriggerState,
};
pub use kv::{KvCollection, KvItem, KvSet, SetKvRequest};
pub use observe::{Execution, ExecutionDetail, LogEntry, System, TimeZones};
pub use people::{
    AuditEntry, CreateTokenRequest, CreatedToken, Me, Scope, SetupRequest, SetupState,
    SignInRequest, TokenView,
};
pub use releases::{
    DeployRequest, Deployed, MissingContents, MissingContentsRequest, Module, ModuleDetail,
    Release, ReleaseDetail, RollbackRequest, Script, ScriptDetail, ScriptUpload, SourceUpload,
    Version, VersionDetail,
};
pub use runs::{RunHttp, RunRequest, RunResponse, RunResult, ValidateRequest, Validation};
pub use waiting::{
    Cancelled, DelayRequest, Delivery, DeliveryDetail, Queue, QueueDetail, QueueStates,
    SendRequest, SentEvent,
};
