//! `pic scripts` and `pic versions`.

use clap::{Args, Subcommand};
use shared::api::{Page, Script, ScriptDetail, Version, VersionDetail};
use shared::error::code;
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
    /// Print the source of this version on standard output: its number, or the beginning of its hash
    #[arg(long, value_name = "N|HASH", value_parser = wanted)]
    show: Option<Wanted>,
    /// How many to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// A version, as people name it.
#[derive(Clone, Debug)]
struct Wanted {
    /// As it was written. Eight digits may be the beginning of a hash, too.
    text: String,
    number: Option<i64>,
}

/// Fewest digits of a hash.
const FEWEST: usize = 4;
/// Digits of a whole hash.
const DIGITS: usize = 64;

impl Wanted {
    fn is_hash(&self) -> bool {
        (FEWEST..=DIGITS).contains(&self.text.len())
    }
}

/// A version's number, or the beginning of its hash.
fn wanted(text: &str) -> Result<Wanted, String> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let text = text.to_ascii_lowercase();
    let wanted = Wanted {
        number: text.parse().ok().filter(|number| *number > 0),
        text,
    };
    if wanted.number.is_some() || (wanted.is_hash() && wanted.text.chars().all(hex)) {
        Ok(wanted)
    } else {
        Err(format!(
            "a version is a number, or the first {FEWEST} or more hexadecimal digits of its hash"
        ))
    }
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

/// The version of a script that is wanted. A number means that version, where there is one.
fn version(
    client: &Client,
    path: &str,
    script: &ScriptName,
    wanted: &Wanted,
) -> Outcome<VersionDetail> {
    let text = &wanted.text;
    let mut missing = Failure::new(format!(
        "no version of `{script}` has a hash that begins with {text}"
    ))
    .next(format!("`pic versions {script}` shows them"));
    if let Some(number) = wanted.number {
        match client.get(&format!("{path}/{number}")) {
            Err(failure) if wanted.is_hash() && failure.code() == Some(code::NOT_FOUND) => {
                missing = failure;
            }
            answer => return answer,
        }
    }
    let mut all = client.list::<Version>(path, usize::MAX)?.items;
    all.retain(|version| version.hash.to_string().starts_with(text));
    match all.as_slice() {
        [] => Err(missing),
        [one] => client.get(&format!("{path}/{}", one.version)),
        several => {
            let numbers: Vec<_> = several.iter().map(|v| v.version.to_string()).collect();
            let what = format!(
                "the hashes of several versions of `{script}` begin with {text}: {}",
                numbers.join(", ")
            );
            Err(Failure::new(what).next("write more digits, or the number"))
        }
    }
}

/// `pic versions`.
pub(crate) fn versions(context: &Context, args: &VersionsArgs) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let name = &args.of.script;
    let path = format!("/apps/{app}/scripts/{name}/versions");
    if let Some(wanted) = &args.show {
        let detail = version(&client, &path, name, wanted)
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
