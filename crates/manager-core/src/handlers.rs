//! The operations, one file per resource. A handler reads its input, calls what does the work and
//! shapes the answer.

pub(crate) mod apps;
pub(crate) mod dead_letters;
pub(crate) mod domains;
pub(crate) mod env;
pub(crate) mod event_tail;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod logs;
pub(crate) mod modules;
mod payload;
pub(crate) mod releases;
pub(crate) mod routes;
pub(crate) mod runs;
pub(crate) mod scripts;
pub(crate) mod sessions;
pub(crate) mod setup;
pub(crate) mod system;
pub(crate) mod tokens;
pub(crate) mod triggers;

use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use shared::release::Snapshot;
use store::apps::AppRow;
use store::{Conn, releases as stored};

use crate::error::{ApiError, ApiResult};
use crate::view::invalid_query;

pub(crate) use apps::{DESCRIPTION, domains_of, limits_of};

/// Items of a page when the caller does not say.
const PAGE: u32 = 50;
/// Most items of a page.
const MOST: u32 = 200;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items per page, 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl PageQuery {
    /// Items wanted.
    fn limit(&self) -> ApiResult<usize> {
        limit(self.limit)
    }

    /// The cursor as the key it was made from.
    fn cursor<T: FromStr>(&self) -> ApiResult<Option<T>>
    where
        T::Err: Display,
    {
        cursor(self.cursor.as_deref())
    }
}

fn limit(wanted: Option<u32>) -> ApiResult<usize> {
    match wanted.unwrap_or(PAGE) {
        limit @ 1..=MOST => Ok(limit as usize),
        _ => Err(invalid_query(format!("`limit` is 1 to {MOST}"))),
    }
}

fn cursor<T: FromStr>(text: Option<&str>) -> ApiResult<Option<T>>
where
    T::Err: Display,
{
    text.map(|text| {
        text.parse()
            .map_err(|_error: T::Err| invalid_query("`cursor` is not one that a list gave out"))
    })
    .transpose()
}

/// Cuts the item too many that was asked for to learn whether there is a next page.
fn next_page<T>(
    items: &mut Vec<T>,
    limit: usize,
    key: impl FnOnce(&T) -> String,
) -> Option<String> {
    let more = items.len() > limit;
    items.truncate(limit);
    if more { items.last().map(key) } else { None }
}

/// What an app serves now; an empty snapshot before its first release.
pub(crate) fn active_snapshot(conn: &mut dyn Conn, app: &AppRow) -> ApiResult<Snapshot> {
    let Some(number) = app.active_release else {
        return Ok(Snapshot::default());
    };
    let release = stored::get(conn, app.id, number)?;
    let release = release.ok_or_else(|| {
        tracing::error!(app = %app.slug, number, "the active release is missing");
        ApiError::internal()
    })?;
    Ok(release.snapshot)
}
