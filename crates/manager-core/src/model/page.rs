//! Lists in pages.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    let refused = || invalid_query("`cursor` is not one that a list gave out");
    let key = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        String::from_utf8(bytes).ok()?.parse().ok()
    };
    text.map(|text| key(text).ok_or_else(refused)).transpose()
}

/// The cursor of a key. What it looks like is nobody's business but ours.
pub(crate) fn cursor_of(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// Cuts the item too many that was asked for to learn whether there is a next page.
pub(crate) fn next_page<T>(
    items: &mut Vec<T>,
    limit: usize,
    key: impl FnOnce(&T) -> String,
) -> Option<String> {
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more)?;
    Some(cursor_of(&key(last)))
}

/// How a list is ordered by its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The smallest first.
    Rising,
    /// The largest first.
    Falling,
}

/// Cuts a page out of a list that is small enough to be read as a whole: what comes behind the
/// cursor, whether its own item is still there or not. `key` must be unique and in this order.
pub(crate) fn page<T, K>(
    mut items: Vec<T>,
    query: &PageQuery,
    order: Order,
    key: impl Fn(&T) -> K,
) -> ApiResult<Page<T>>
where
    K: Ord + Display + FromStr,
    K::Err: Display,
{
    let limit = query.limit()?;
    if let Some(cursor) = query.cursor::<K>()? {
        items.retain(|item| match order {
            Order::Rising => key(item) > cursor,
            Order::Falling => key(item) < cursor,
        });
    }
    let next_cursor = next_page(&mut items, limit, |item| key(item).to_string());
    Ok(Page { items, next_cursor })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(cursor: Option<String>) -> PageQuery {
        PageQuery {
            cursor,
            limit: Some(2),
        }
    }

    fn cut(items: &[u32], cursor: Option<String>, order: Order) -> Page<u32> {
        page(items.to_vec(), &asked(cursor), order, |item| *item).expect("a good cursor")
    }

    #[test]
    fn a_page_goes_on_where_the_last_one_ended_also_when_its_end_is_gone() {
        let first = cut(&[1, 2, 3, 4], None, Order::Rising);
        assert_eq!(first.items, [1, 2]);
        let next = || first.next_cursor.clone();
        assert_eq!(cut(&[1, 2, 3, 4], next(), Order::Rising).items, [3, 4]);
        assert_eq!(cut(&[1, 3, 4], next(), Order::Rising).items, [3, 4]);
        assert_eq!(cut(&[], next(), Order::Rising).items, [0; 0]);
        let first = cut(&[40, 30, 20, 9], None, Order::Falling);
        let rest = cut(&[40, 20, 9], first.next_cursor, Order::Falling);
        assert_eq!(rest.items, [20, 9]);
        assert_eq!(rest.next_cursor, None);
    }

    #[test]
    fn what_no_list_gave_out_is_refused() {
        for bad in ["", "2", "x", "%", "2\u{fc}", &URL_SAFE_NO_PAD.encode("two")] {
            let refused = asked(Some(bad.to_owned())).cursor::<u32>();
            assert!(refused.is_err(), "{bad}");
        }
    }
}
