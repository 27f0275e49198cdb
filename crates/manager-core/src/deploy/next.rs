//! From the active snapshot and a request to its sources and the next snapshot. Pure.

use std::collections::BTreeMap;

use shared::api::DeployRequest;
use shared::error::{Kind, code};
use shared::id::ContentHash;
use shared::limits::fixed;
use shared::release::{self, NextError, Snapshot};

use crate::error::{ApiError, ApiResult};

/// The sources of a request by hash; each of the right size, and with the hash it claims.
pub(super) fn uploads(request: &DeployRequest) -> ApiResult<BTreeMap<ContentHash, String>> {
    let scripts = request
        .scripts
        .iter()
        .map(|(name, upload)| ("script", name.as_str(), &upload.source, upload.hash));
    let modules = request
        .modules
        .iter()
        .map(|(name, upload)| ("module", name.as_str(), &upload.source, upload.hash));
    let mut uploads = BTreeMap::new();
    for (what, name, source, claimed) in scripts.chain(modules) {
        let Some(source) = source else { continue };
        if source.len() > fixed::SOURCE_BYTES {
            let most = fixed::SOURCE_BYTES >> 10;
            let detail = format!("{what} `{name}` is larger than {most} KiB");
            return Err(ApiError::new(
                Kind::TooLarge,
                code::RELEASE_TOO_LARGE,
                detail,
            ));
        }
        if source.contains('\0') {
            let detail = format!("{what} `{name}` holds the character U+0000; remove it");
            return Err(ApiError::invalid(detail));
        }
        let hash = ContentHash::of(source.as_bytes());
        if claimed.is_some_and(|claimed| claimed != hash) {
            let detail = format!("the source of {what} `{name}` does not have the hash given");
            return Err(ApiError::invalid(detail));
        }
        uploads.insert(hash, source.clone());
    }
    Ok(uploads)
}

/// The snapshot a request makes of the active one. Versions of new contents are 0.
pub(super) fn snapshot(base: &Snapshot, request: &DeployRequest) -> ApiResult<Snapshot> {
    release::next(base, request).map_err(|error| {
        let code = match error {
            NextError::NoSource { .. } => code::INVALID_VALUE,
            NextError::NoRoute { .. } => code::INVALID_ROUTES,
        };
        ApiError::new(Kind::InvalidInput, code, error.to_string())
    })
}
