//! `pic scripts` and `pic versions`.

use clap::{Args, Subcommand};
use shared::api::{Page, Script, ScriptDetail, Version, VersionDetail};
use shared::name::{AppSlug, ScriptName};

use crate::client::Client;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::subject::OfScript;

/// Scripts of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Scripts {
    /// List them
    #[command(visible_alias = "list")]
    Ls,
    /// Print a script's source on standard output
    Show(OfScript),
}

/// Which script, and maybe which version.
#[derive(Debug, Args)]
pub(crate) struct VersionsArgs {
    #[command(flatten)]
    of: OfScript,
    /// Print the source of this version on standard output
    #[arg(long, value_name = "N")]
    show: Option<i64>,
    /// How many to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// `pic scripts …`.
pub(crate) fn run(context: &Context, command: &Scripts) -> Outcome {
    match command {
        Scripts::Ls => list(context),
        Scripts::Show(of) => show(context, of),
    }
}

/// A refusal with the name of a script that was probably meant.
pub(crate) fn known(
    client: &Client,
    app: &AppSlug,
    name: &ScriptName,
    failure: Failure,
) -> Failure {
    Context::did_you_mean(failure, name.as_str(), || {
        let page: Outcome<Page<Script>> = client.get(&format!("/apps/{app}/scripts"));
        let items = page.map(|page| page.items).unwrap_or_default();
        items.iter().map(|script| script.name.to_string()).collect()
    })
}

fn list(context: &Context) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let page: Page<Script> = client.get(&format!("/apps/{app}/scripts"))?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context.ui.note(format!(
            "{app} has no scripts yet; `pic deploy` brings some"
        ));
        return Ok(());
    }
    let row = |script: &Script| {
        vec![
            script.name.to_string(),
            script.version.to_string(),
            script.routes.join(", "),
            script.description.clone(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    context
        .ui
        .table(&["SCRIPT", "VERSION", "ROUTES", "DESCRIPTION"], &rows)?;
    Ok(())
}

fn show(context: &Context, of: &OfScript) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let name = &of.script;
    let detail: ScriptDetail = client
        .get(&format!("/apps/{app}/scripts/{name}"))
        .map_err(|failure| known(&client, &app, name, failure))?;
    if context.ui.json {
        return context.ui.answer(&detail);
    }
    context.ui.source(&detail.source)
}

/// `pic versions`.
pub(crate) fn versions(context: &Context, args: &VersionsArgs) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let name = &args.of.script;
    let path = format!("/apps/{app}/scripts/{name}/versions");
    if let Some(number) = args.show {
        let detail: VersionDetail = client
            .get(&format!("{path}/{number}"))
            .map_err(|failure| known(&client, &app, name, failure))?;
        return if context.ui.json {
            context.ui.answer(&detail)
        } else {
            context.ui.source(&detail.source)
        };
    }
    let page = client
        .list::<Version>(&path, args.limit as usize)
        .map_err(|failure| known(&client, &app, name, failure))?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    let row = |version: &Version| {
        vec![
            version.version.to_string(),
            if version.active { "live" } else { "" }.to_owned(),
            super::logs::short_time(&version.created_at),
            version.author.clone(),
            format!("{} B", version.size),
            version.hash.short(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    context
        .ui
        .table(&["VERSION", "", "MADE", "BY", "SIZE", "HASH"], &rows)?;
    Ok(())
}
