//! Dead letters: looking, delivering again, removing.
//!
//! Looking needs what looking at runs needs. To deliver again is to run code of the app with any
//! input, and to remove is to lose data: whoever may deploy the app can do both anyway. The scope
//! `invoke` does not suffice: the callers of the app's routes hold it.

use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::api::{
    DeadLetter, DeadLetterDetail, Page, Purged, ReplayManyRequest, ReplayRequest, Replayed,
    ReplayedMany,
};
use shared::event::edited::edited;
use shared::event::limits::MESSAGE_BYTES;
use shared::id::DeadLetterId;
use shared::name::AppSlug;
use store::dead_letters::{self, DeadLetter as Row};
use store::executions::ExecutionFilter;

use super::payload;
use crate::auth::{CanDeploy, CanRead, InApp, audit};
use crate::error::{ApiError, ApiResult, invalid_query};
use crate::extract::{Json, OptionalJson, Query};
use crate::model::{PageQuery, dead_letter_view, next_page, run_views, runs, value};

/// Ids in one request.
const IDS: usize = 1_000;
/// Delivered again in one transaction: others write as well.
const BATCH: usize = 50;
/// Delivered again by one request.
const MOST: u64 = 10_000;
/// Removed in one transaction.
const PURGE: i64 = 1_000;

fn missing() -> ApiError {
    ApiError::not_found("there is no such dead letter; it was replayed or removed")
}

/// List the dead letters of an app, newest first.
#[utoipa::path(get, path = "/apps/{app}/dead-letters", operation_id = "listDeadLetters",
    tag = "dead-letters",
    params(("app" = AppSlug, Path, description = "The app's name."), PageQuery),
    responses((status = 200, description = "A page of dead letters.", body = Page<DeadLetter>,
        example = json!({"items": [{"id": "ded_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5",
            "event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "kind": "queue",
            "subject": "emails", "trigger": "queue/emails", "script": "send", "handler": null,
            "order_key": null, "error": "no such customer", "attempts": 5,
            "root": "trc_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "parent": null,
            "created_at": "2026-01-31T12:00:00.000000Z",
            "died_at": "2026-01-31T12:01:02.000000Z"}], "next_cursor": null}))))]
pub(crate) async fn list(
    caller: InApp<CanRead>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<DeadLetter>>> {
    let (limit, before) = (query.limit()?, query.cursor::<DeadLetterId>()?);
    let app = caller.app.id;
    let mut rows = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            Ok(dead_letters::page(conn, app, before, limit as i64 + 1)?)
        })
        .await?;
    let next_cursor = next_page(&mut rows, limit, |row| row.id.to_string());
    let items = rows.iter().map(dead_letter_view).collect();
    Ok(Json(Page { items, next_cursor }))
}

/// Show a dead letter with its payload, its error and its attempts.
#[utoipa::path(get, path = "/apps/{app}/dead-letters/{dead_letter}",
    operation_id = "getDeadLetter", tag = "dead-letters",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("dead_letter" = DeadLetterId, Path, description = "The dead letter's id.")),
    responses((status = 200, description = "The dead letter.", body = DeadLetterDetail,
        example = json!({"dead_letter": {"id": "ded_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5",
            "event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "kind": "queue",
            "subject": "emails", "trigger": "queue/emails", "script": "send", "handler": null,
            "order_key": null, "error": "no such customer", "attempts": 5,
            "root": "trc_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "parent": null,
            "created_at": "2026-01-31T12:00:00.000000Z",
            "died_at": "2026-01-31T12:01:02.000000Z"},
            "payload": {"name": "emails", "message": {"to": "a@example.com"}, "key": null},
            "error": {"kind": "runtime", "message": "no such customer"},
            "history": [], "executions": []}))))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<DeadLetterDetail>> {
    let id: DeadLetterId = caller.params.get("dead_letter")?;
    let app = caller.app.id;
    let (row, attempts) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let row = dead_letters::get(conn, app, id)?.ok_or_else(missing)?;
            let filter = ExecutionFilter {
                event: Some(row.event),
                script: row.script.clone(),
                ..ExecutionFilter::default()
            };
            let attempts = runs(conn, app, filter)?;
            Ok((row, attempts))
        })
        .await?;
    Ok(Json(DeadLetterDetail {
        dead_letter: dead_letter_view(&row),
        payload: payload::shown(row.kind, &row.payload),
        error: value(row.error.as_bytes()),
        history: serde_json::from_str(&row.history).unwrap_or_default(),
        executions: run_views(attempts)?,
    }))
}

/// Another payload for a dead letter. Of a request it is a part; the whole may be as large as the
/// request was.
fn given(dead: &Row, fields: Map<String, Value>) -> ApiResult<Vec<u8>> {
    let size = Value::Object(fields.clone()).to_string().len();
    if size > MESSAGE_BYTES {
        let most = MESSAGE_BYTES >> 10;
        return Err(ApiError::invalid(format!(
            "`payload` is larger than {most} KiB"
        )));
    }
    edited(dead.kind, &dead.payload, &fields)
        .map_err(|why| ApiError::invalid(format!("`payload`: {why}")))
}

/// Deliver a dead letter again, as the same event; with another payload, if one is given.
#[utoipa::path(post, path = "/apps/{app}/dead-letters/{dead_letter}/replay",
    operation_id = "replayDeadLetter", tag = "dead-letters",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("dead_letter" = DeadLetterId, Path, description = "The dead letter's id.")),
    request_body(content = Option<ReplayRequest>, example = json!({"payload": {"name": "emails",
        "message": {"to": "ada@example.com"}, "key": null}})),
    responses((status = 200, description = "It is on its way again, and no dead letter any more.",
        body = Replayed, example = json!({"event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5"}))))]
pub(crate) async fn replay(
    caller: InApp<CanDeploy>,
    OptionalJson(body): OptionalJson<ReplayRequest>,
) -> ApiResult<Json<Replayed>> {
    let id: DeadLetterId = caller.params.get("dead_letter")?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let (app, slug) = (caller.app.id, caller.app.slug);
    let event = caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            let dead = dead_letters::get(conn, app, id)?.ok_or_else(missing)?;
            let payload = body
                .payload
                .map(|fields| given(&dead, fields))
                .transpose()?;
            let how = if payload.is_some() {
                " with another payload"
            } else {
                ""
            };
            if !dead_letters::replay(conn, app, id, payload.as_deref(), now)? {
                return Err(missing());
            }
            let (event, target) = (dead.event, format!("{slug} {id}{how}"));
            audit(conn, &person, now, "dead_letters.replay", &target)?;
            Ok(event)
        })
        .await?;
    Ok(Json(Replayed { event }))
}

/// Which dead letters to deliver again in one transaction.
enum Wanted {
    These(Vec<DeadLetterId>),
    OldestUpTo(DeadLetterId),
}

/// A request for many, under way.
struct Many {
    caller: InApp<CanDeploy>,
    /// What the audit log will say, until it has.
    note: Option<String>,
    replayed: u64,
}

impl Many {
    fn new(caller: InApp<CanDeploy>, what: &str) -> Self {
        Self {
            note: Some(format!("{} {what}", caller.app.slug)),
            caller,
            replayed: 0,
        }
    }

    /// One transaction; how many it found.
    async fn batch(&mut self, wanted: Wanted) -> ApiResult<usize> {
        let (app, person) = (self.caller.app.id, self.caller.principal.clone());
        let now = self.caller.manager.clock().now();
        let note = self.note.clone();
        let (found, replayed) = self
            .caller
            .manager
            .store()
            .write::<_, ApiError>(move |conn| {
                let ids = match wanted {
                    Wanted::These(ids) => ids,
                    Wanted::OldestUpTo(last) => {
                        dead_letters::oldest(conn, app, last, BATCH as i64)?
                    }
                };
                let mut replayed = 0;
                for id in &ids {
                    replayed += u64::from(dead_letters::replay(conn, app, *id, None, now)?);
                }
                if let Some(note) = note.filter(|_| replayed > 0) {
                    audit(conn, &person, now, "dead_letters.replay", &note)?;
                }
                Ok((ids.len(), replayed))
            })
            .await?;
        if replayed > 0 {
            self.note = None;
        }
        self.replayed += replayed;
        Ok(found)
    }

    async fn these(mut self, mut ids: Vec<DeadLetterId>) -> ApiResult<ReplayedMany> {
        // As they came.
        ids.sort_unstable();
        for ids in ids.chunks(BATCH) {
            self.batch(Wanted::These(ids.to_vec())).await?;
        }
        Ok(ReplayedMany {
            replayed: self.replayed,
            more: false,
        })
    }

    /// Those that die again meanwhile are newer than the newest: this ends.
    async fn all(mut self) -> ApiResult<ReplayedMany> {
        let app = self.caller.app.id;
        let store = self.caller.manager.store().clone();
        let newest = store
            .read::<_, ApiError>(move |conn| Ok(dead_letters::page(conn, app, None, 1)?))
            .await?;
        let mut more = false;
        if let Some(last) = newest.first().map(|row| row.id) {
            more = true;
            while more && self.replayed < MOST {
                more = self.batch(Wanted::OldestUpTo(last)).await? == BATCH;
            }
        }
        Ok(ReplayedMany {
            replayed: self.replayed,
            more,
        })
    }
}

/// Deliver many dead letters again, in the order in which they died.
#[utoipa::path(post, path = "/apps/{app}/dead-letters/replay",
    operation_id = "replayDeadLetters", tag = "dead-letters",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body(content = ReplayManyRequest, example = json!({"all": true})),
    responses((status = 200, description = "How many are on their way again.",
        body = ReplayedMany, example = json!({"replayed": 37, "more": false}))))]
pub(crate) async fn replay_many(
    caller: InApp<CanDeploy>,
    Json(body): Json<ReplayManyRequest>,
) -> ApiResult<Json<ReplayedMany>> {
    let replayed = match (body.ids, body.all) {
        (Some(ids), false) if (1..=IDS).contains(&ids.len()) => {
            let what = format!("{} dead letters", ids.len());
            Many::new(caller, &what).these(ids).await?
        }
        (Some(_), false) => {
            return Err(ApiError::invalid(format!("`ids` has 1 to {IDS} items")));
        }
        (None, true) => Many::new(caller, "all dead letters").all().await?,
        _ => {
            return Err(ApiError::invalid(
                "say either which, as `ids`, or `\"all\": true`",
            ));
        }
    };
    Ok(Json(replayed))
}

/// Remove a dead letter.
#[utoipa::path(delete, path = "/apps/{app}/dead-letters/{dead_letter}",
    operation_id = "deleteDeadLetter", tag = "dead-letters",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("dead_letter" = DeadLetterId, Path, description = "The dead letter's id.")),
    responses((status = 204, description = "Removed.")))]
pub(crate) async fn delete(caller: InApp<CanDeploy>) -> ApiResult<StatusCode> {
    let id: DeadLetterId = caller.params.get("dead_letter")?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let (app, slug) = (caller.app.id, caller.app.slug);
    caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            if !dead_letters::discard(conn, app, id)? {
                return Err(missing());
            }
            let target = format!("{slug} {id}");
            audit(conn, &person, now, "dead_letters.delete", &target)?;
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}

/// What to remove.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PurgeQuery {
    /// The newest to remove: what came while somebody looked at the list stays.
    up_to: String,
}

/// Remove all dead letters up to and including one.
#[utoipa::path(delete, path = "/apps/{app}/dead-letters", operation_id = "purgeDeadLetters",
    tag = "dead-letters",
    params(("app" = AppSlug, Path, description = "The app's name."), PurgeQuery),
    responses((status = 200, description = "How many were removed.", body = Purged,
        example = json!({"removed": 37}))))]
pub(crate) async fn purge(
    caller: InApp<CanDeploy>,
    Query(query): Query<PurgeQuery>,
) -> ApiResult<Json<Purged>> {
    let last: Result<DeadLetterId, _> = query.up_to.parse();
    let last = last.map_err(|error| invalid_query(format!("`up_to`: {error}")))?;
    let app = caller.app.id;
    let target = Arc::<str>::from(format!("{} up to {last}", caller.app.slug));
    let mut removed = 0;
    loop {
        let (person, now) = (caller.principal.clone(), caller.manager.clock().now());
        let note = (removed == 0).then(|| Arc::clone(&target));
        let gone = caller
            .manager
            .store()
            .write::<_, ApiError>(move |conn| {
                let gone = dead_letters::purge(conn, app, Some(last), PURGE)?;
                if let Some(target) = note.filter(|_| gone > 0) {
                    audit(conn, &person, now, "dead_letters.purge", &target)?;
                }
                Ok(gone)
            })
            .await?;
        removed += gone;
        if gone < PURGE as u64 {
            return Ok(Json(Purged { removed }));
        }
    }
}
