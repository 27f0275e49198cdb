//! The catalogue of error codes. Every code has a page in `docs/errors/<code>.md`.

/// An error code: stable, searchable, with a page in `docs/errors/<code>.md`.
pub type Code = &'static str;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)+) => {
        $($(#[$doc])* pub const $name: Code = $code;)+

        /// All codes.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    /// An app's outbox is full.
    OUTBOX_FULL = "outbox_full";
    /// A webhook's signature is wrong.
    WEBHOOK_SIGNATURE = "webhook_signature";
    /// A webhook has no secret to verify its calls with.
    WEBHOOK_UNCONFIGURED = "webhook_unconfigured";
    /// The thing is there already.
    ALREADY_EXISTS = "already_exists";
    /// The instance has an owner.
    ALREADY_SET_UP = "already_set_up";
    /// An app has too many requests under way.
    APP_BUSY = "app_busy";
    /// An app has used up its rate of requests.
    APP_RATE = "app_rate";
    /// An app left memory that nothing frees.
    APP_SUSPENDED = "app_suspended";
    /// A request's `Host` is missing, doubled or malformed.
    BAD_HOST = "bad_host";
    /// A request's body broke off.
    BODY_BROKEN = "body_broken";
    /// A request's body is larger than its limit.
    BODY_TOO_LARGE = "body_too_large";
    /// A request's body came too slowly.
    BODY_TOO_SLOW = "body_too_slow";
    /// A domain is the instance's own.
    DOMAIN_RESERVED = "domain_reserved";
    /// Nothing shows that a domain is the caller's.
    DOMAIN_UNPROVEN = "domain_unproven";
    /// The control plane has too much of it under way.
    BUSY = "busy";
    /// A deploy names contents the app does not have.
    CONTENTS_MISSING = "contents_missing";
    /// A request with a cookie came from another site.
    CROSS_SITE = "cross_site";
    /// The database does not answer.
    DATABASE_AWAY = "database_away";
    /// The disk has too little room left.
    DISK_FULL = "disk_full";
    /// Other deploys of the app kept winning.
    DEPLOY_CONTENDED = "deploy_contended";
    /// A stored release cannot be served.
    DEPLOYMENT_BROKEN = "deployment_broken";
    /// A stored release cannot be read.
    DEPLOYMENT_UNREADABLE = "deployment_unreadable";
    /// A request expects what the server does not know.
    EXPECTATION_FAILED = "expectation_failed";
    /// The head of a request is too large.
    HEAD_TOO_LARGE = "head_too_large";
    /// The head of a request is not HTTP.
    HEAD_UNREADABLE = "head_unreadable";
    /// A body comes in a transfer coding that is not known.
    TRANSFER_ENCODING_UNKNOWN = "transfer_encoding_unknown";
    /// An app has as many environment variables as it may.
    ENV_FULL = "env_full";
    /// An `Idempotency-Key` stands for another request.
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused";
    /// A defect of the platform.
    INTERNAL = "internal";
    /// A request's body is not the JSON the operation takes.
    INVALID_JSON = "invalid_json";
    /// A query parameter is unknown or malformed.
    INVALID_QUERY = "invalid_query";
    /// The sources of a deploy have errors.
    INVALID_RELEASE = "invalid_release";
    /// A value breaks its rule.
    INVALID_VALUE = "invalid_value";
    /// A limit is zero or above the instance's ceiling.
    LIMIT_OUT_OF_RANGE = "limit_out_of_range";
    /// The path does not answer the method.
    METHOD_NOT_ALLOWED = "method_not_allowed";
    /// No app answers on the host.
    NO_APP = "no_app";
    /// An app keeps as much as it may.
    STORAGE_FULL = "storage_full";
    /// The operation needs an owner account.
    NO_OWNER = "no_owner";
    /// No route has the path.
    NO_ROUTE = "no_route";
    /// The thing is not there.
    NOT_FOUND = "not_found";
    /// A delivery that does not wait for its time was given another.
    NOT_WAITING = "not_waiting";
    /// A change is stored but this server could not load it.
    NOT_LIVE = "not_live";
    /// The server is at its limit.
    OVERLOADED = "overloaded";
    /// `If-Match` names another state.
    PRECONDITION_FAILED = "precondition_failed";
    /// A release has too much in it.
    RELEASE_TOO_LARGE = "release_too_large";
    /// Two routes answer the same requests, or one names no script.
    INVALID_ROUTES = "invalid_routes";
    /// A trigger is not complete, does not fit to the others, or names no script.
    INVALID_TRIGGERS = "invalid_triggers";
    /// The server ended a run.
    RUN_ENDED = "run_ended";
    /// The token lacks the scope.
    SCOPE_REQUIRED = "scope_required";
    /// A script has too many runs under way.
    SCRIPT_BUSY = "script_busy";
    /// A script failed.
    SCRIPT_FAILED = "script_failed";
    /// A script exceeded a limit.
    SCRIPT_LIMIT = "script_limit";
    /// A script exceeded its time limit.
    SCRIPT_TIMEOUT = "script_timeout";
    /// The setup token is not the one the server printed.
    SETUP_TOKEN_WRONG = "setup_token_wrong";
    /// The e-mail address or the password is wrong.
    SIGN_IN_FAILED = "sign_in_failed";
    /// A script addressed an error to its client.
    THROWN = "thrown";
    /// A route needs a token.
    TOKEN_REQUIRED = "token_required";
    /// Too many wrong passwords or tokens.
    TOO_MANY_ATTEMPTS = "too_many_attempts";
    /// A body comes in a form that is not taken.
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type";
    /// A request's path and query are too long.
    URL_TOO_LONG = "url_too_long";
    /// The request carries no credential, or one that is not valid.
    UNAUTHENTICATED = "unauthenticated";
}
