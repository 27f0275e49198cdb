//! `pic find`: whatever has an id, in whichever app.

use clap::Args;
use shared::api::{App, Execution};
use shared::error::code;
use shared::id::{DeadLetterId, EventId, ExecutionId, RequestId, RootId};
use shared::name::AppSlug;

use super::{dead_letters, events, executions};
use crate::client::Client;
use crate::context::Context;
use crate::error::{Failure, Outcome};

/// Runs of a request or a chain that are listed.
const RUNS: usize = 200;

/// What to find.
#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    /// An id that was shown anywhere: req_…, exe_…, evt_…, ded_… or trc_…
    #[arg(value_parser = parsed)]
    id: Id,
}

/// An id of something that happened.
#[derive(Clone, Copy, Debug)]
enum Id {
    Run(ExecutionId),
    Request(RequestId),
    Event(EventId),
    DeadLetter(DeadLetterId),
    Chain(RootId),
}

fn parsed(text: &str) -> Result<Id, String> {
    let text = text.trim();
    let id = text
        .parse()
        .map(Id::Run)
        .or_else(|_| text.parse().map(Id::Request))
        .or_else(|_| text.parse().map(Id::Event))
        .or_else(|_| text.parse().map(Id::DeadLetter))
        .or_else(|_: shared::id::ParseIdError| text.parse().map(Id::Chain));
    id.map_err(|_none| {
        "an id of a request, a run, an event, a dead letter or a chain is like req_, exe_, evt_, ded_ \
         or trc_ followed by 32 hexadecimal digits"
            .to_owned()
    })
}

/// `pic find`.
pub(crate) fn run(context: &Context, args: &FindArgs) -> Outcome {
    let client = context.client()?;
    let apps = if let Some(app) = &context.subject.app {
        vec![app.clone()]
    } else {
        let apps = client.list::<App>("/apps", usize::MAX)?.items;
        apps.into_iter().map(|app| app.name).collect()
    };
    for app in &apps {
        if found(context, &client, app, args.id)? {
            return Ok(());
        }
    }
    Err(Failure::new("nothing that is kept has this id").next(
        "a run shows within a second; quiet runs may be counted only, and old ones are removed",
    ))
}

/// Shows what an app has of this id; whether there is something.
fn found(context: &Context, client: &Client, app: &AppSlug, id: Id) -> Outcome<bool> {
    let shown = match id {
        Id::Run(id) => executions::show(context, client, app, id),
        Id::Event(id) => events::show_event(context, client, app, id),
        Id::DeadLetter(id) => dead_letters::show(context, client, app, id, false),
        Id::Request(id) => return runs(context, client, app, &format!("request={id}")),
        Id::Chain(id) => return runs(context, client, app, &format!("root={id}")),
    };
    match shown {
        Ok(()) => Ok(true),
        Err(failure) if failure.code() == Some(code::NOT_FOUND) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Shows the run when it is one, and a list of several.
fn runs(context: &Context, client: &Client, app: &AppSlug, filter: &str) -> Outcome<bool> {
    let page = client.list::<Execution>(&format!("/apps/{app}/executions?{filter}"), RUNS)?;
    match page.items.as_slice() {
        [] => Ok(false),
        [one] => executions::show(context, client, app, one.id).map(|()| true),
        _ if context.ui.json => context.ui.answer(&page).map(|()| true),
        several => executions::table(context, several).map(|()| true),
    }
}
