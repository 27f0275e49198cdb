//! `pic deploy`: a folder, or one script.

use std::path::{Path, PathBuf};

use clap::Args;
use shared::api::{App, Deployed};
use shared::error::code;
use shared::name::{AppSlug, ModuleName, ScriptName};

use crate::client::Client;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::project::{self, MANIFEST, Project};
use crate::release::{self, Options, Single};
use crate::sources::Source;
use crate::ui::Paint;

/// What to deploy.
#[derive(Debug, Args)]
#[command(
    after_help = "  pic deploy                    the folder here, with its picloud.toml\n  \
                        pic deploy shop               the folder shop\n  \
                        pic deploy hello.rhai         one script, named after its file\n  \
                        pic deploy hello src/x.rhai   one script, with a name\n  \
                        pic deploy hello -            one script from standard input\n\n\
                        A folder makes the app exactly what it says; one script leaves the rest."
)]
pub(crate) struct DeployArgs {
    /// A folder with picloud.toml, a .rhai file, or the name of a script; else the nearest folder
    #[arg(value_name = "DIR|FILE|SCRIPT")]
    what: Option<String>,
    /// The script's source; `-` is standard input
    #[arg(value_name = "FILE|-")]
    source: Option<PathBuf>,
    /// What the release is about
    #[arg(long, short, default_value = "", hide_default_value = true)]
    message: String,
    /// Check and show the plan, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only if this release is live (0: none yet)
    #[arg(long, value_name = "N")]
    if_match: Option<i64>,
}

impl DeployArgs {
    fn options(&self) -> Options {
        Options {
            message: self.message.clone(),
            dry_run: self.dry_run,
            if_match: self.if_match,
            source: "cli",
        }
    }
}

/// Deploys.
pub(crate) fn run(context: &Context, args: &DeployArgs) -> Outcome {
    let Some(what) = args.what.as_deref() else {
        return folder_of(context, args, &project::folder(None));
    };
    if let Some(file) = &args.source {
        let what = Single::Script(script_name(what)?);
        let source = if file.as_os_str() == "-" {
            Source::stdin()?
        } else {
            Source::file(file)?
        };
        return one(context, args, &what, &source);
    }
    let path = Path::new(what);
    if path.is_file() && what.ends_with(MANIFEST) {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        return folder_of(context, args, folder.unwrap_or(Path::new(".")));
    }
    if path.is_file() {
        let what = named_after(path)?;
        return one(context, args, &what, &Source::file(path)?);
    }
    if what == "-" {
        return Err(
            Failure::usage("the script from standard input needs a name").next("pic deploy NAME -"),
        );
    }
    if !path.exists() {
        return Err(nothing_there(what));
    }
    folder_of(context, args, path)
}

fn nothing_there(what: &str) -> Failure {
    let failure = Failure::usage(format!("there is no folder and no file `{what}`"));
    match what.parse::<ScriptName>() {
        Ok(name) => failure.next(format!(
            "to deploy a script named {name}, say where its source is: `pic deploy {name} FILE`, or `-` for standard input"
        )),
        Err(_not_a_name) => failure.next("`pic deploy --help` shows the forms"),
    }
}

fn script_name(text: &str) -> Outcome<ScriptName> {
    text.parse()
        .map_err(|error: shared::name::NameError| Failure::usage(error.to_string()))
}

/// What a file is: as the nearest manifest says, else a script with the file's name.
fn named_after(path: &Path) -> Outcome<Single> {
    if let Some(folder) = project::nearest() {
        let manifest = project::manifest(&folder)?;
        let real = path.canonicalize().ok();
        let same = |file: &str| real.is_some() && folder.join(file).canonicalize().ok() == real;
        if let Some((name, _)) = manifest.scripts.iter().find(|(_, e)| same(&e.file)) {
            return Ok(Single::Script(name.clone()));
        }
        if let Some((name, _)) = manifest.modules.iter().find(|(_, e)| same(&e.file)) {
            let name: ModuleName = name.clone();
            return Ok(Single::Module(name));
        }
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    script_name(stem.unwrap_or_default())
        .map(Single::Script)
        .map_err(|failure| {
            failure.next(format!(
                "the file's name is not the name of a script; give one: `pic deploy NAME {}`",
                path.display()
            ))
        })
}

fn one(context: &Context, args: &DeployArgs, what: &Single, source: &Source) -> Outcome {
    let client = context.client()?;
    let app = context.app_for_script(&client)?;
    let find = |name: &str| (name == what.name()).then_some(source);
    let named = context.subject.app.is_some();
    let plan = || {
        let planned = release::new_app_of(&client, what, source, &args.options());
        planned.map_err(|failure| release::explain(context.ui, failure, find))
    };
    let Some(made) = ready(context, &client, &app, (args.dry_run, named), plan)? else {
        return new_app(context, &app, plan()?);
    };
    let deployed = release::single(&client, &app, what, source, &args.options());
    finish(
        context,
        args,
        &app,
        made,
        deployed.map_err(|failure| release::explain(context.ui, failure, find)),
        find,
    )
}

fn folder_of(context: &Context, args: &DeployArgs, folder: &Path) -> Outcome {
    let project = Project::load(folder)?;
    let client = context.client()?;
    let app = context.app_of(&project.manifest);
    let find = |name: &str| project.source(name);
    let plan = || {
        let planned = release::new_app(&client, &project, &args.options());
        planned.map_err(|failure| release::explain(context.ui, failure, find))
    };
    let Some(made) = ready(context, &client, &app, (args.dry_run, false), plan)? else {
        let planned = plan()?;
        crate::diagnostics::say_all(context.ui, &planned.diagnostics, find);
        return new_app(context, &app, planned);
    };
    let deployed = release::folder(&client, &app, &project, &args.options());
    finish(
        context,
        args,
        &app,
        made,
        deployed.map_err(|failure| release::explain(context.ui, failure, find)),
        find,
    )
}

/// Makes the app when it is new, and what is deployed is not refused: `true` then. `None` for a dry run
/// that would make it.
fn ready(
    context: &Context,
    client: &Client,
    app: &AppSlug,
    (dry_run, must_exist): (bool, bool),
    plan: impl Fn() -> Outcome<Deployed>,
) -> Outcome<Option<bool>> {
    if Context::find_app(client, app)?.is_some() {
        return Ok(Some(false));
    }
    if must_exist {
        let apps: Vec<App> = client.list("/apps", usize::MAX)?.items;
        let near = shared::suggest::closest(app.as_str(), apps.iter().map(|a| a.name.as_str()));
        let failure = Failure::new(format!("there is no app `{app}` on {}", client.address()));
        return Err(match near {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None => failure.next(format!("`pic apps create {app}` makes it")),
        });
    }
    if dry_run {
        return Ok(None);
    }
    match plan() {
        // Who may make an app may not look beyond those there are.
        Err(failure) if failure.code() != Some(code::SCOPE_REQUIRED) => return Err(failure),
        _ => {}
    }
    Context::create_app(client, app)?;
    context.ui.note(format!("{app}: the app is new"));
    Ok(Some(true))
}

fn new_app(context: &Context, app: &AppSlug, planned: Deployed) -> Outcome {
    let ui = context.ui;
    if ui.json {
        return ui.answer(&planned);
    }
    let headline = format!("{app}: the app would be made (nothing was deployed)");
    ui.line(ui.out.paint(Paint::Bold, &headline))?;
    for item in &planned.plan {
        ui.line(release::planned(ui.out, item))?;
    }
    Ok(())
}

fn finish<'a>(
    context: &Context,
    args: &DeployArgs,
    app: &AppSlug,
    made: bool,
    deployed: Outcome<Deployed>,
    find: impl Fn(&str) -> Option<&'a Source>,
) -> Outcome {
    let ui = context.ui;
    let deployed = deployed.map_err(|failure| match failure {
        failure @ Failure::Refused { .. } if made => failure.next(format!(
            "nothing was deployed; the app `{app}` was made and is empty"
        )),
        other => other,
    })?;
    crate::diagnostics::say_all(ui, &deployed.diagnostics, find);
    if ui.json {
        return ui.answer(&deployed);
    }
    ui.line(release::told(ui.out, app, &deployed, args.dry_run))
}
