//! `pic apps` and `pic open`.

use std::process::{Command, Stdio};

use clap::{Args, Subcommand};
use shared::api::{
    App, AppStorage, CreateAppRequest, ServiceStorage, SetStorageRequest, UpdateAppRequest,
};
use shared::name::AppSlug;
use shared::units::{format_size, parse_size};
use ureq::http::Method;

use crate::client::Client;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::prompt;
use crate::text::clean;
use crate::ui::Paint;

/// Apps.
#[derive(Debug, Subcommand)]
pub(crate) enum Apps {
    /// List them
    #[command(visible_alias = "list")]
    Ls,
    /// Make one
    Create {
        /// Its name
        name: AppSlug,
        /// What it is for
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
    },
    /// Show one
    Show {
        /// Its name
        name: AppSlug,
    },
    /// Rename it, describe it, or make it the default
    Update(UpdateArgs),
    /// Show what one keeps in the database, or set how much it may keep
    Storage {
        /// Its name
        name: AppSlug,
        /// How much it may keep, like 8GiB; `default`: what the server says
        #[arg(long, value_name = "SIZE")]
        limit: Option<String>,
    },
    /// Delete one with its scripts, releases, data and logs
    #[command(visible_alias = "rm")]
    Delete {
        /// Its name
        name: AppSlug,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What to change.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct UpdateArgs {
    /// Its name
    name: AppSlug,
    /// A new name
    #[arg(long, value_name = "NAME", group = "change")]
    rename: Option<AppSlug>,
    /// What it is for
    #[arg(long, group = "change")]
    description: Option<String>,
    /// Let it answer on hosts nobody claimed
    #[arg(long, group = "change")]
    default: bool,
}

/// What to open.
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Print the address only
    #[arg(long)]
    print: bool,
}

/// `pic apps …`.
pub(crate) fn run(context: &Context, command: &Apps) -> Outcome {
    let client = context.client()?;
    let ui = context.ui;
    match command {
        Apps::Ls => list(context, &client),
        Apps::Create { name, description } => {
            let request = CreateAppRequest {
                name: name.clone(),
                description: description.clone(),
            };
            let app: App = client.post("/apps", &request)?;
            show(context, &app)
        }
        Apps::Show { name } => show(context, &get(&client, name)?),
        Apps::Update(args) => update(context, &client, args),
        Apps::Storage { name, limit } => storage(context, &client, name, limit.as_deref()),
        Apps::Delete { name, yes } => {
            get(&client, name)?;
            prompt::confirm(
                &format!("this deletes {name} with all its data"),
                name.as_str(),
                *yes,
            )?;
            client.delete(&format!("/apps/{name}"))?;
            let value = serde_json::json!({ "deleted": name });
            ui.done(&value, format!("{name} is deleted"))
        }
    }
}

fn get(client: &Client, name: &AppSlug) -> Outcome<App> {
    client.get(&format!("/apps/{name}")).map_err(|failure| {
        Context::did_you_mean(failure, name.as_str(), || {
            let page = client.list::<App>("/apps", usize::MAX);
            let apps = page.map(|page| page.items).unwrap_or_default();
            apps.iter().map(|app| app.name.to_string()).collect()
        })
    })
}

fn list(context: &Context, client: &Client) -> Outcome {
    let page = client.list::<App>("/apps", usize::MAX)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context
            .ui
            .say("there are no apps yet; `pic deploy` and `pic apps create` make one");
        return Ok(());
    }
    let row = |app: &App| {
        let release = app.active_release.map(|number| number.to_string());
        vec![
            app.name.to_string(),
            if app.default { "default" } else { "" }.to_owned(),
            release.unwrap_or_else(|| "none".to_owned()),
            app.url.clone(),
            app.description.clone(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    context
        .ui
        .table(&["APP", "", "RELEASE", "URL", "DESCRIPTION"], &rows)?;
    Ok(())
}

fn show(context: &Context, app: &App) -> Outcome {
    let ui = context.ui;
    if ui.json {
        return ui.answer(app);
    }
    let default = if app.default { " (default)" } else { "" };
    ui.line(ui.out.paint(Paint::Bold, &format!("{}{default}", app.name)))?;
    if !app.description.is_empty() {
        ui.note(format!("  {}", clean(&app.description)));
    }
    ui.line(format!("  url      {}", clean(&app.url)))?;
    let release = app.active_release.map(|number| number.to_string());
    ui.line(format!(
        "  release  {}",
        release.unwrap_or_else(|| "none yet".to_owned())
    ))?;
    ui.line(format!("  made     {}", clean(&app.created_at)))?;
    Ok(())
}

fn update(context: &Context, client: &Client, args: &UpdateArgs) -> Outcome {
    get(client, &args.name)?;
    let request = UpdateAppRequest {
        name: args.rename.clone(),
        description: args.description.clone(),
        default: args.default.then_some(true),
        limits: None,
    };
    let path = format!("/apps/{}", args.name);
    let app: App = client.call(Method::PATCH, &path, &[], Some(&request))?;
    show(context, &app)
}

fn storage(context: &Context, client: &Client, name: &AppSlug, limit: Option<&str>) -> Outcome {
    get(client, name)?;
    let path = format!("/apps/{name}/storage");
    let kept: AppStorage = match limit {
        None => client.get(&path)?,
        Some(limit) => {
            let limit = match limit {
                "default" => None,
                size => Some(parse_size(size).map_err(|error| Failure::new(error.to_string()))?),
            };
            client.call(Method::PUT, &path, &[], Some(&SetStorageRequest { limit }))?
        }
    };
    let ui = context.ui;
    if ui.json {
        return ui.answer(&kept);
    }
    let size = |bytes: i64| format_size(u64::try_from(bytes).unwrap_or(0));
    let row =
        |of: &ServiceStorage| vec![clean(&of.service), of.entries.to_string(), size(of.bytes)];
    let rows: Vec<_> = kept.services.iter().map(row).collect();
    ui.table(&["SERVICE", "ENTRIES", "BYTES"], &rows)?;
    let limit = match kept.limit {
        Some(limit) if kept.own_limit => format!("of {}, its own limit", size(limit)),
        Some(limit) => format!("of {}, the server's limit for an app", size(limit)),
        None => "without a limit".to_owned(),
    };
    ui.note(format!(
        "{} {limit}; records of runs do not count",
        size(kept.bytes)
    ));
    Ok(())
}

/// `pic open`.
pub(crate) fn open(context: &Context, args: &OpenArgs) -> Outcome {
    let client = context.client()?;
    let name = context.app(&client)?;
    let app = get(&client, &name)?;
    if context.ui.json {
        return context.ui.answer(&serde_json::json!({ "url": app.url }));
    }
    if args.print {
        return context.ui.line(clean(&app.url));
    }
    if !app.url.starts_with("http://") && !app.url.starts_with("https://") {
        return Err(Failure::new(
            "the server gave an address that is not of the web",
        ));
    }
    let opener = Command::new("xdg-open")
        .arg(&app.url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match opener {
        Ok(status) if status.success() => context.ui.line(clean(&app.url)),
        _ => {
            Err(Failure::new("no browser could be started")
                .next(format!("open {}", clean(&app.url))))
        }
    }
}
