//! Runs: the list and one of them.

use serde::Deserialize;
use shared::api::{Execution, ExecutionDetail, Page};
use shared::id::ExecutionId;
use shared::invocation::Completion;
use shared::name::AppSlug;
use store::executions::{self, ExecutionFilter, LogFilter};

use crate::auth::{CanRead, InApp};
use crate::error::{ApiError, ApiResult, invalid_query};
use crate::extract::{Json, Query};
use crate::model::{cursor, error_of, execution_view, limit, line_view, next_page, parse_time};

/// Most log lines shown with one run.
const LINES: i64 = 10_000;

/// Which runs to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExecutionQuery {
    /// Of this script.
    script: Option<String>,
    /// That ended this way: `ok`, `compile`, `runtime`, `thrown`, `limit`, `host`, `cancelled`,
    /// `overloaded`, `suspended` or `internal`.
    outcome: Option<String>,
    /// That answered with this HTTP status.
    status: Option<u16>,
    /// Started at or after this time, RFC 3339.
    since: Option<String>,
    /// Started before this time, RFC 3339.
    until: Option<String>,
    /// Only runs that handled this event.
    event: Option<String>,
    /// Only runs of the chain that began here.
    root: Option<String>,
    /// Only runs that belonged to this request.
    request: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items per page, 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// An id in a query.
fn parsed<T: std::str::FromStr<Err = shared::id::ParseIdError>>(
    name: &str,
    text: Option<String>,
) -> ApiResult<Option<T>> {
    text.map(|text| text.parse::<T>())
        .transpose()
        .map_err(|error| invalid_query(format!("`{name}`: {error}")))
}

impl ExecutionQuery {
    fn filter(self) -> ApiResult<(ExecutionFilter, usize)> {
        let limit = limit(self.limit)?;
        if let Some(outcome) = self
            .outcome
            .as_deref()
            .filter(|o| !Completion::OUTCOMES.contains(o))
        {
            let shown: String = outcome.chars().take(40).collect();
            let known = Completion::OUTCOMES.join(", ");
            return Err(invalid_query(format!(
                "`outcome` is {known}; not `{shown}`"
            )));
        }
        let at = |name, text: Option<String>| text.map(|t| parse_time(name, &t)).transpose();
        let filter = ExecutionFilter {
            script: self.script,
            outcome: self.outcome,
            status: self.status,
            since: at("since", self.since)?,
            until: at("until", self.until)?,
            before: cursor(self.cursor.as_deref())?,
            event: parsed("event", self.event)?,
            root: parsed("root", self.root)?,
            request: parsed("request", self.request)?,
            limit: limit as i64 + 1,
        };
        Ok((filter, limit))
    }
}

/// List the runs of an app's scripts, newest first.
#[utoipa::path(get, path = "/apps/{app}/executions", operation_id = "listExecutions",
    tag = "executions",
    params(("app" = AppSlug, Path, description = "The app's name."), ExecutionQuery),
    responses((status = 200, description = "A page of runs.", body = Page<Execution>)))]
pub(crate) async fn list(
    caller: InApp<CanRead>,
    Query(query): Query<ExecutionQuery>,
) -> ApiResult<Json<Page<Execution>>> {
    let (filter, limit) = query.filter()?;
    let id = caller.app.id;
    let mut rows = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(executions::list(conn, id, &filter)?))
        .await?;
    let next_cursor = next_page(&mut rows, limit, |row| row.id.to_string());
    let items = rows
        .into_iter()
        .map(execution_view)
        .collect::<ApiResult<_>>()?;
    Ok(Json(Page { items, next_cursor }))
}

/// Show a run with its error and its log.
#[utoipa::path(get, path = "/apps/{app}/executions/{id}", operation_id = "getExecution",
    tag = "executions",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("id" = ExecutionId, Path, description = "The run's id.")),
    responses((status = 200, description = "The run.", body = ExecutionDetail)))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<ExecutionDetail>> {
    let id: ExecutionId = caller.params.get("id")?;
    let app = caller.app.id;
    let (row, mut lines) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let row = executions::get(conn, app, id)?;
            let row = row.ok_or_else(|| ApiError::not_found("there is no such run"))?;
            let filter = LogFilter {
                execution: Some(id),
                limit: LINES,
                ..LogFilter::default()
            };
            Ok((row, executions::logs(conn, app, &filter)?))
        })
        .await?;
    lines.reverse();
    Ok(Json(ExecutionDetail {
        request_id: row.request,
        error: error_of(&row)?,
        execution: execution_view(row)?,
        logs: lines.into_iter().map(line_view).collect::<ApiResult<_>>()?,
    }))
}
