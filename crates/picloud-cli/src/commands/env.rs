//! `pic env`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use shared::api::{EnvVar, Page, SetEnvRequest};
use shared::name::EnvName;
use ureq::http::Method;

use crate::context::Context;
use crate::dotenv;
use crate::error::{Failure, Outcome};
use crate::{prompt, sources};

/// Bytes of a file of variables: more than all an app may have.
const FILE: u64 = 4 << 20;

/// Environment variables of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Env {
    /// List them; values only with --values
    #[command(visible_alias = "list")]
    Ls {
        /// Show the values too
        #[arg(long)]
        values: bool,
    },
    /// Set one; live at once
    Set(SetArgs),
    /// Set all of a file like `.env`; others stay
    Import {
        /// The file; `-`: standard input
        file: PathBuf,
    },
    /// Remove one; live at once
    #[command(visible_alias = "rm")]
    Unset {
        /// The variable
        name: EnvName,
    },
}

/// A variable and its value.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The variable
    name: EnvName,
    /// Its value; absent: from standard input, or asked for without echo
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
}

/// `pic env …`.
pub(crate) fn run(context: &Context, command: &Env) -> Outcome {
    match command {
        Env::Ls { values } => list(context, *values),
        Env::Set(args) => set(context, args),
        Env::Import { file } => import(context, file),
        Env::Unset { name } => {
            let client = context.client()?;
            let app = context.app(&client)?;
            let path = format!("/apps/{app}/env/{name}");
            client.delete(&path).map_err(|failure| {
                Context::did_you_mean(failure, name.as_str(), || {
                    let page: Outcome<Page<EnvVar>> = client.get(&format!("/apps/{app}/env"));
                    let items = page.map(|page| page.items).unwrap_or_default();
                    items.iter().map(|var| var.name.to_string()).collect()
                })
            })?;
            let value = serde_json::json!({ "removed": name });
            context.ui.done(&value, format!("{app}: {name} is removed"))
        }
    }
}

fn list(context: &Context, values: bool) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let page: Page<EnvVar> = client.get(&format!("/apps/{app}/env"))?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context
            .ui
            .say(format!("{app} has no environment variables"));
        return Ok(());
    }
    let row = |var: &EnvVar| {
        let value = if values { var.value.as_str() } else { "…" };
        vec![
            var.name.to_string(),
            value.to_owned(),
            super::logs::short_time(&var.updated_at),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    context.ui.table(&["NAME", "VALUE", "SET"], &rows)?;
    Ok(())
}

fn set(context: &Context, args: &SetArgs) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let value = match &args.value {
        Some(value) => value.clone(),
        None => prompt::secret("value")?,
    };
    let path = format!("/apps/{app}/env/{}", args.name);
    let request = SetEnvRequest { value };
    let var: EnvVar = client.call(Method::PUT, &path, &[], Some(&request))?;
    // The answer repeats the value; it is not shown.
    if context.ui.json {
        let shown = serde_json::json!({ "name": var.name, "updated_at": var.updated_at });
        return context.ui.answer(&shown);
    }
    context.ui.line(format!("{app}: {} is set", var.name))
}

fn import(context: &Context, file: &Path) -> Outcome {
    let bytes = if file == Path::new("-") {
        sources::stdin(FILE)?
    } else {
        sources::read(file, FILE)?
    };
    let text = String::from_utf8(bytes)
        .map_err(|_not_text| Failure::new(format!("{} is not UTF-8 text", file.display())))?;
    // All of it is read before anything is set.
    let all = dotenv::parse(&text).map_err(|wrong| {
        let place = format!("{}:{}", file.display(), wrong.line);
        Failure::new(format!("{place}: {}", wrong.why)).next("nothing was set")
    })?;
    let client = context.client()?;
    let app = context.app(&client)?;
    let mut names = Vec::new();
    for (name, value) in all {
        let path = format!("/apps/{app}/env/{name}");
        let request = SetEnvRequest { value };
        client.call::<EnvVar>(Method::PUT, &path, &[], Some(&request))?;
        context.ui.note(format!("{app}: {name} is set"));
        names.push(name);
    }
    let value = serde_json::json!({ "set": names });
    let plural = if names.len() == 1 { "" } else { "s" };
    let line = format!("{app}: {} variable{plural} set", names.len());
    context.ui.done(&value, line)
}
