//! `dead_letters`: events whose handlers failed for good.

use rhai::Map;
use rhai::plugin::{ImmutableString, RhaiResult, export_module};
use shared::id::DeadLetterId;
use shared::service::DeadLetters;
use shared::service::dead_letters::{DeadLettersCall, DeadLettersReply};

use super::ask::ask_for;
use super::transaction;
use super::{invoke, messages};
use crate::language::error::{Result, wrong};

/// Dead letters a list gives unless it is told otherwise; each may hold a whole message.
const PAGE: u32 = 20;
/// Most dead letters of one list.
const MOST: i64 = 100;

fn refuse() -> Result<()> {
    transaction::refuse_inside("dead_letters", "use it before or after")
}

fn newest(limit: u32) -> RhaiResult {
    refuse()?;
    ask_for::<DeadLetters, _>(
        || DeadLettersCall::List { limit },
        |reply| match reply {
            DeadLettersReply::List(text) => Some(invoke::returned(text)),
            DeadLettersReply::Done(_) => None,
        },
    )
}

fn id_of(text: &str) -> Result<DeadLetterId> {
    text.parse()
        .map_err(|error: shared::id::ParseIdError| wrong(error.to_string()))
}

fn done(call: impl FnOnce() -> DeadLettersCall) -> Result<bool> {
    ask_for::<DeadLetters, _>(call, |reply| match reply {
        DeadLettersReply::Done(there) => Some(Ok(*there)),
        DeadLettersReply::List(_) => None,
    })
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The newest 20 dead letters of the app: `[#{id, event, kind, subject, script, fields,
    /// error, attempts, died_at}]`.
    #[rhai_fn(return_raw, volatile)]
    pub fn list() -> RhaiResult {
        newest(PAGE)
    }

    /// The newest dead letters of the app with `#{limit}`, from 1 to 100.
    #[rhai_fn(name = "list", return_raw, volatile)]
    pub fn list_with(options: Map) -> RhaiResult {
        let mut limit = PAGE;
        for (name, value) in &options {
            if name.as_str() != "limit" {
                return Err(wrong(format!(
                    "dead_letters::list has no option `{name}`; there is limit"
                )));
            }
            let given = value.as_int().ok().filter(|n| (1..=MOST).contains(n));
            limit = given.ok_or_else(|| wrong(format!("limit is from 1 to {MOST}")))? as u32;
        }
        newest(limit)
    }

    /// Delivers a dead letter again, as the same event; whether it was there.
    #[rhai_fn(return_raw, volatile)]
    pub fn replay(id: ImmutableString) -> Result<bool> {
        refuse()?;
        let id = id_of(&id)?;
        done(|| DeadLettersCall::Replay { id, payload: None })
    }

    /// Delivers a dead letter again with other fields; whether it was there.
    #[rhai_fn(name = "replay", return_raw, volatile)]
    pub fn replay_with(id: ImmutableString, fields: Map) -> Result<bool> {
        refuse()?;
        let id = id_of(&id)?;
        let fields = messages::json_of_map(&fields, "the event's fields")?;
        done(|| DeadLettersCall::Replay {
            id,
            payload: Some(fields.into_inner()),
        })
    }

    /// Removes a dead letter; whether it was there.
    #[rhai_fn(return_raw, volatile)]
    pub fn discard(id: ImmutableString) -> Result<bool> {
        refuse()?;
        let id = id_of(&id)?;
        done(|| DeadLettersCall::Discard(id))
    }
}
