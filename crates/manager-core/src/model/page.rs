//! Lists in pages.

use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use shared::api::Page;

use crate::error::{ApiResult, invalid_query};

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
    pub(crate) fn limit(&self) -> ApiResult<usize> {
        limit(self.limit)
    }

    /// The cursor as the key it was made from.
    pub(crate) fn cursor<T: FromStr>(&self) -> ApiResult<Option<T>>
    where
        T::Err: Display,
    {
        cursor(self.cursor.as_deref())
    }
}

/// Items wanted, within what a page may have.
pub(crate) fn limit(wanted: Option<u32>) -> ApiResult<usize> {
    match wanted.unwrap_or(PAGE) {
        limit @ 1..=MOST => Ok(limit as usize),
        _ => Err(invalid_query(format!("`limit` is 1 to {MOST}"))),
    }
}

/// A cursor as the key it was made from.
pub(crate) fn cursor<T: FromStr>(text: Option<&str>) -> ApiResult<Option<T>>
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
pub(crate) fn next_page<T>(
    items: &mut Vec<T>,
    limit: usize,
    key: impl FnOnce(&T) -> String,
) -> Option<String> {
    let more = items.len() > limit;
    items.truncate(limit);
    if more { items.last().map(key) } else { None }
}

/// Cuts a page out of a list that is small enough to be read as a whole. `key` must be unique.
pub(crate) fn page<T>(
    items: Vec<T>,
    query: &PageQuery,
    key: impl Fn(&T) -> String,
) -> ApiResult<Page<T>> {
    let limit = query.limit()?;
    let mut items = items;
    if let Some(cursor) = &query.cursor {
        let at = items.iter().position(|item| key(item) == *cursor);
        let at = at.ok_or_else(|| {
            invalid_query("`cursor` leads to nothing any more; start with the first page")
        })?;
        items = items.split_off(at + 1);
    }
    let next_cursor = next_page(&mut items, limit, key);
    Ok(Page { items, next_cursor })
}
