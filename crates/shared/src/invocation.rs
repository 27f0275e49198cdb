//! One run of a script: what goes in, what comes out.

mod image;
mod input;
mod kind;
mod log;
mod outcome;

pub use image::{AppContext, ModuleSet, ModuleSource, ScriptImage};
pub use input::{HttpInput, Input, Invocation, ScriptHeaders};
pub use kind::TriggerKind;
pub use log::{LogLevel, LogLine};
pub use outcome::{
    BodyStream, Completion, Farewell, Outcome, Pieces, ResponseBody, ScriptResponse, StreamItem,
    Usage,
};
