//! The key-value store of an app, for people who look into it and mend it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use shared::api::{KvCollection, KvItem, KvSet, Page, SetKvRequest};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use shared::event::Cause;
use shared::id::{AppId, ExecutionId};
use shared::kv::{
    KvCall, KvCondition, KvEntry, KvOp, KvRange, KvRead, KvReply, KvValue, check_key,
};
use shared::limits::fixed;
use shared::name::{AppSlug, CollectionName};
use shared::units::parse_duration;
use store::effects::{self, EffectError};
use store::kv::KvError;
use store::outbox::Sent;
use store::{Room, StoreError};

use crate::auth::{CanDeploy, CanRead, InApp, audit};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Json, PathParams, Query};
use crate::model::{PageQuery, cursor, cursor_of, limit, next_page, time, value};

/// Bytes of the values on one page. A page with larger ones is shorter.
const PAGE_BYTES: u64 = 8 << 20;

/// Which entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KvQuery {
    /// Of keys that start with this.
    prefix: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items per page, 1 to 200; 50 when absent. A page has at most 8 MiB of values.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The parts of a path to an entry.
struct At {
    collection: CollectionName,
    key: String,
}

impl At {
    fn of(params: &PathParams) -> ApiResult<Self> {
        let key = params.text("key").to_owned();
        check_key(&key).map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(Self {
            collection: params.get("collection")?,
            key,
        })
    }

    /// What the audit log calls it.
    fn target(&self, app: &AppSlug) -> String {
        format!("{app} {}/{}", self.collection, self.key)
    }
}

fn item(key: String, entry: &KvEntry) -> KvItem {
    let (json, base64) = match &entry.value {
        KvValue::Json(text) => (Some(value(text)), None),
        KvValue::Blob(bytes) => (None, Some(STANDARD.encode(bytes))),
    };
    KvItem {
        key,
        value: json,
        base64,
        version: entry.version,
        expires_at: entry.expires_at.map(|at| time(Timestamp(at))),
    }
}

/// List the collections that hold something, by name.
#[utoipa::path(get, path = "/apps/{app}/kv", operation_id = "listKvCollections", tag = "kv",
    params(("app" = AppSlug, Path, description = "The app's name."), PageQuery),
    responses((status = 200, description = "A page of collections.", body = Page<KvCollection>)))]
pub(crate) async fn collections(
    caller: InApp<CanRead>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<KvCollection>>> {
    let limit = query.limit()?;
    let after: String = query.cursor()?.unwrap_or_default();
    let (app, now) = (caller.app.id, caller.manager.clock().now());
    let read = caller.manager.store().read::<_, ApiError>(move |conn| {
        Ok(store::kv::collections(conn, app, now, &after, limit + 1)?)
    });
    let mut names = read.await?;
    let next_cursor = next_page(&mut names, limit, Clone::clone);
    let items = names.into_iter().map(|name| KvCollection { name });
    Ok(Json(Page {
        items: items.collect(),
        next_cursor,
    }))
}

/// List the entries of a collection with their values, by key.
#[utoipa::path(get, path = "/apps/{app}/kv/{collection}", operation_id = "listKv", tag = "kv",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("collection" = CollectionName, Path, description = "The collection's name."), KvQuery),
    responses((status = 200, description = "A page of entries.", body = Page<KvItem>)))]
pub(crate) async fn list(
    caller: InApp<CanRead>,
    Query(query): Query<KvQuery>,
) -> ApiResult<Json<Page<KvItem>>> {
    let mut range = KvRange {
        prefix: query.prefix,
        limit: limit(query.limit)? as u32,
        cursor: cursor(query.cursor.as_deref())?,
        ..KvRange::default()
    };
    let collection: CollectionName = caller.params.get("collection")?;
    let (app, now) = (caller.app.id, caller.manager.clock().now());
    let page = loop {
        let (wanted, of) = (range.clone(), collection.clone());
        let read = caller.manager.store().read::<_, StoreError>(move |conn| {
            let wanted = (of.as_str(), KvRead::List(&wanted));
            store::kv::read(conn, app, now, wanted, &mut Room::of(PAGE_BYTES))
        });
        match read.await {
            Ok(KvReply::Page(page)) => break page,
            // One value always fits.
            Err(StoreError::NoRoom) if range.limit > 1 => range.limit = (range.limit / 4).max(1),
            Ok(_) => return Err(ApiError::internal()),
            Err(error) => return Err(error.into()),
        }
    };
    let items = page.items.into_iter();
    Ok(Json(Page {
        items: items.map(|(key, entry)| item(key, &entry)).collect(),
        next_cursor: page.cursor.as_deref().map(cursor_of),
    }))
}

/// Show the entry at a key.
#[utoipa::path(get, path = "/apps/{app}/kv/{collection}/{key}", operation_id = "getKv", tag = "kv",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("collection" = CollectionName, Path, description = "The collection's name."),
        ("key" = String, Path, description = "The key.")),
    responses((status = 200, description = "The entry.", body = KvItem)))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<KvItem>> {
    let at = At::of(&caller.params)?;
    let (app, now) = (caller.app.id, caller.manager.clock().now());
    let (collection, key) = (at.collection.clone(), at.key.clone());
    let read = caller.manager.store().read::<_, ApiError>(move |conn| {
        Ok(store::kv::get(conn, app, now, collection.as_str(), &key)?)
    });
    let entry = read.await?.ok_or_else(|| missing(&at))?;
    Ok(Json(item(at.key, &entry)))
}

/// Set a key, as a script would: triggers of the collection are told.
#[utoipa::path(put, path = "/apps/{app}/kv/{collection}/{key}", operation_id = "setKv", tag = "kv",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("collection" = CollectionName, Path, description = "The collection's name."),
        ("key" = String, Path, description = "The key.")),
    request_body = SetKvRequest,
    responses((status = 200, description = "The new version.", body = KvSet)))]
pub(crate) async fn set(
    caller: InApp<CanDeploy>,
    Json(body): Json<SetKvRequest>,
) -> ApiResult<Json<KvSet>> {
    let at = At::of(&caller.params)?;
    let op = write_of(&at.key, body)?;
    match change(caller, at, op, "kv.set").await? {
        KvReply::Written(version) => Ok(Json(KvSet { version })),
        KvReply::Refused(version) => {
            let now = version.map_or("is not there".to_owned(), |v| format!("has version {v}"));
            let detail = format!("the key {now}; look at it again and retry");
            let code = code::PRECONDITION_FAILED;
            Err(ApiError::new(Kind::PreconditionFailed, code, detail))
        }
        _ => Err(ApiError::internal()),
    }
}

/// Remove a key, as a script would: triggers of the collection are told.
#[utoipa::path(delete, path = "/apps/{app}/kv/{collection}/{key}", operation_id = "deleteKv",
    tag = "kv",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("collection" = CollectionName, Path, description = "The collection's name."),
        ("key" = String, Path, description = "The key.")),
    responses((status = 204, description = "Removed.")))]
pub(crate) async fn delete(caller: InApp<CanDeploy>) -> ApiResult<StatusCode> {
    let at = At::of(&caller.params)?;
    let (op, gone) = (KvOp::Delete(at.key.clone()), missing(&at));
    match change(caller, at, op, "kv.delete").await? {
        KvReply::Flag(true) => Ok(StatusCode::NO_CONTENT),
        KvReply::Flag(false) => Err(gone),
        _ => Err(ApiError::internal()),
    }
}

fn missing(at: &At) -> ApiError {
    let shown: String = at.key.chars().take(100).collect();
    ApiError::not_found(format!("`{}` has no key `{shown}`", at.collection))
}

/// What a request asks for, if its values keep their rules.
fn write_of(key: &str, body: SetKvRequest) -> ApiResult<KvOp> {
    let value = match (body.value, body.base64) {
        (Some(value), None) => KvValue::Json(Bytes::from(value.to_string())),
        (None, Some(text)) => {
            let bytes = STANDARD.decode(text);
            let bytes = bytes.map_err(|_wrong| ApiError::invalid("`base64` is not Base64"))?;
            KvValue::Blob(bytes.into())
        }
        _ => return Err(ApiError::invalid("give `value`, or `base64` for bytes")),
    };
    if value.len() > fixed::KV_VALUE_BYTES {
        let most = fixed::KV_VALUE_BYTES >> 20;
        return Err(ApiError::invalid(format!(
            "the value is larger than {most} MiB"
        )));
    }
    let ttl = body.ttl.map(|ttl| parse_duration(&ttl)).transpose();
    let ttl = ttl.map_err(|error| ApiError::invalid(format!("`ttl`: {error}")))?;
    if ttl.is_some_and(|ttl| ttl.as_millis() == 0) {
        return Err(ApiError::invalid("`ttl` is at least 1 ms"));
    }
    Ok(KvOp::Set {
        key: key.to_owned(),
        value,
        ttl_ms: ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        condition: match (body.if_version, body.if_absent) {
            (Some(_), true) => {
                let detail = "give `if_version` or `if_absent`, not both";
                return Err(ApiError::invalid(detail));
            }
            (Some(version), false) => KvCondition::IfVersion(version),
            (None, true) => KvCondition::IfAbsent,
            (None, false) => KvCondition::None,
        },
    })
}

async fn change(
    caller: InApp<CanDeploy>,
    at: At,
    op: KvOp,
    what: &'static str,
) -> ApiResult<KvReply> {
    let now = caller.manager.clock().now();
    let sent = from_outside(caller.app.id, now);
    let (target, person) = (at.target(&caller.app.slug), caller.principal);
    let call = KvCall {
        collection: at.collection,
        op,
    };
    let write = caller.manager.store().write::<_, EffectError>(move |conn| {
        let reply = effects::change(conn, sent, &call)?;
        if !matches!(reply, KvReply::Refused(_) | KvReply::Flag(false)) {
            audit(conn, &person, now, what, &target)?;
        }
        Ok(reply)
    });
    write.await.map_err(refused)
}

/// What begins here follows from nothing that ran.
fn from_outside(app: AppId, now: Timestamp) -> Sent {
    let execution = ExecutionId::new(now);
    Sent {
        app,
        cause: Cause::first(execution),
        execution,
        now,
    }
}

fn refused(error: EffectError) -> ApiError {
    match error {
        EffectError::Store(error) | EffectError::Kv(KvError::Store(error)) => error.into(),
        EffectError::Kv(error) => ApiError::invalid(error.to_string()),
        EffectError::Outbox(error) => {
            ApiError::new(Kind::Conflict, code::OUTBOX_FULL, error.to_string())
        }
    }
}
