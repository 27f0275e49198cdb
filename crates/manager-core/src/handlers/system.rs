//! The instance: what it is, what was done to it, what its API is.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use shared::api::{AuditEntry, Page, System, TimeZones};
use shared::clock::Timestamp;
use shared::id::AuditId;
use shared::limits::{LimitSettings, Limits};
use shared::zone::ZoneData;
use store::{Dialect, people};

use crate::auth::{Authorized, CanAdmin, CanRead, Public};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Json, Query};
use crate::model::{PageQuery, next_page, time};
use crate::openapi::COMMITTED;

fn settings(limits: &Limits) -> LimitSettings {
    LimitSettings {
        wall: Some(limits.wall),
        cpu: Some(limits.cpu),
        operations: Some(limits.operations),
        memory: Some(limits.memory),
        response: Some(limits.response),
        logs: Some(limits.logs),
        host_calls: Some(limits.host_calls),
        concurrency: Some(limits.concurrency),
    }
}

fn time_zones(now: Timestamp) -> TimeZones {
    let data = ZoneData::current();
    TimeZones {
        warning: data.warning(now),
        version: data.version,
        source: if data.directory.is_some() {
            "system".to_owned()
        } else {
            "bundled".to_owned()
        },
        directory: data
            .directory
            .map(|directory| directory.display().to_string()),
    }
}

/// Show the instance: version, database, time zone data, limits.
#[utoipa::path(get, path = "/system", operation_id = "getSystem", tag = "system",
    responses((status = 200, description = "The instance.", body = System)))]
pub(crate) async fn instance(caller: Authorized<CanRead>) -> Json<System> {
    let manager = caller.manager;
    let database = match manager.store().dialect() {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
    };
    let ceiling = &manager.config().ceiling;
    Json(System {
        version: manager.config().version.clone(),
        database: database.to_owned(),
        started_at: time(manager.started_at()),
        time_zones: time_zones(manager.clock().now()),
        limits: settings(&Limits::default().with(&LimitSettings::default(), ceiling)),
        ceiling: settings(ceiling),
    })
}

/// List the audit log, newest first.
#[utoipa::path(get, path = "/audit", operation_id = "listAudit", tag = "system",
    params(PageQuery),
    responses((status = 200, description = "A page of entries.", body = Page<AuditEntry>)))]
pub(crate) async fn audit(
    caller: Authorized<CanAdmin>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<AuditEntry>>> {
    let (limit, before) = (query.limit()?, query.cursor::<AuditId>()?);
    let mut rows = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(people::audit_log(conn, before, limit as i64 + 1)?))
        .await?;
    let next_cursor = next_page(&mut rows, limit, |row| row.id.to_string());
    let view = |row: people::AuditRow| AuditEntry {
        at: time(row.at),
        actor: row.actor,
        via: row.via,
        action: row.action,
        target: row.target,
    };
    Ok(Json(Page {
        items: rows.into_iter().map(view).collect(),
        next_cursor,
    }))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "system",
    responses((status = 200, description = "The OpenAPI 3.1 document.", body = Object)))]
pub(crate) async fn document(_caller: Public) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], COMMITTED).into_response()
}
