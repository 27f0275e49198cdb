//! What handlers share: how stored things look on the wire, and how they are found.

mod lookup;
mod page;
mod text;
mod views;

pub(crate) use lookup::{active_snapshot, domains_of, source_of};
pub(crate) use page::{Order, PageQuery, cursor, cursor_of, limit, next_page, page};
pub(crate) use text::{parse_time, tag, time};
pub(crate) use views::{
    SHOWN, dead_letter_view, error_of, execution_view, line_view, release_view, run_views, runs,
    some, value,
};
