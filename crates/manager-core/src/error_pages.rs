//! `/docs/errors/{code}`: what an error means and what to do about it.

use axum::extract::RawPathParams;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use shared::error::Code;

use crate::error::ApiError;

macro_rules! pages {
    ($($code:literal)+) => {
        /// The embedded pages by code, sorted.
        pub const ERROR_PAGES: &[(Code, &str)] = &[
            $(($code, include_str!(concat!("../../../docs/errors/", $code, ".md")))),+
        ];
    };
}

pages! {
    "already_exists" "already_set_up" "app_busy" "app_rate" "app_suspended" "bad_host" "body_broken" "body_too_large"
    "body_too_slow" "busy" "contents_missing" "cross_site" "database_away" "deploy_contended"
    "deployment_broken" "deployment_unreadable" "disk_full" "domain_reserved" "domain_unproven" "env_full"
    "expectation_failed" "head_too_large" "head_unreadable" "idempotency_key_reused" "internal" "invalid_json"
    "invalid_query" "invalid_release" "invalid_routes" "invalid_triggers" "invalid_value"
    "limit_out_of_range"
    "method_not_allowed" "no_app" "no_owner" "no_route" "not_found" "not_live" "not_waiting"
    "outbox_full" "overloaded"
    "precondition_failed" "release_too_large" "run_ended" "scope_required" "script_busy" "script_failed"
    "script_limit" "script_timeout" "setup_token_wrong" "sign_in_failed" "storage_full" "thrown" "token_required"
    "too_many_attempts" "transfer_encoding_unknown" "unauthenticated" "unsupported_media_type" "url_too_long"
    "webhook_signature"
    "webhook_unconfigured"
}

/// `/docs/errors/{code}`, readable by everybody.
pub(crate) async fn page(params: RawPathParams) -> Response {
    let code = params.iter().next().map_or("", |(_, code)| code);
    let found = ERROR_PAGES.iter().find(|(known, _)| *known == code);
    match found {
        Some((_, text)) => {
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], *text).into_response()
        }
        None => ApiError::not_found("there is no error with this code").into_response(),
    }
}
