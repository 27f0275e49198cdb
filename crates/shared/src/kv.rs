//! The key-value service's calls and answers, as they cross the host seam, and what they mean.

mod apply;
mod call;
mod entry;

pub use apply::{KvChange, KvWrite, Unfit, apply};
pub use call::{KvAsk, KvCall, KvOp, KvPage, KvRange, KvRead, KvReply};
pub use entry::{InvalidKey, KvCondition, KvEntry, KvUpdate, KvValue, check_key};
