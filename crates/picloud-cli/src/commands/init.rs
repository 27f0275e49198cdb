//! `pic init` and `pic new`: an app's folder, and one more script in it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use shared::manifest::Manifest;
use shared::name::{AppSlug, NameError, ScriptName};

use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::project::{self, MANIFEST};
use crate::ui::Paint;

/// Where, and what.
#[derive(Debug, Args)]
#[command(after_help = "The app is called like the folder, or as --app says.")]
pub(crate) struct InitArgs {
    /// The folder; made when it is not there
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// What to start with
    #[arg(long, value_enum, default_value_t = Template::Hello)]
    template: Template,
}

/// A script to add.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Its name
    #[arg(value_name = "SCRIPT")]
    name: ScriptName,
    /// The app's folder; else the nearest one with picloud.toml
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What an app can start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Template {
    /// One script, one route
    Hello,
    /// A JSON API over the key-value store, with a module
    Api,
    /// A page with a form
    Guestbook,
    /// A webhook that checks signatures
    Webhook,
}

macro_rules! template {
    ($name:literal: $($file:literal),+) => {
        &[$(($file, include_str!(concat!("../../templates/", $name, "/", $file)))),+]
    };
}

impl Template {
    /// Its files. `APP` in the manifest stands for the app's name.
    const fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Hello => template!("hello": "picloud.toml", "src/hello.rhai"),
            Self::Api => template!("api": "picloud.toml", "src/notes.rhai", "src/checks.rhai"),
            Self::Guestbook => template!("guestbook": "picloud.toml", "src/guestbook.rhai"),
            Self::Webhook => template!("webhook": "picloud.toml", "src/webhook.rhai"),
        }
    }
}

fn name_of(dir: &Path) -> Outcome<AppSlug> {
    let full = if dir.file_name().is_some() {
        dir.to_owned()
    } else {
        dir.canonicalize()
            .unwrap_or_else(|_not_there| dir.to_owned())
    };
    let folder = full
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase());
    let folder = folder.unwrap_or_default();
    let letters = folder
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let name: String = letters.collect();
    let name = name.trim_matches(|c: char| c == '-' || c.is_ascii_digit());
    let with_suffix = |_reserved| format!("{name}-app").parse();
    name.parse()
        .or_else(with_suffix)
        .map_err(|_not_a_name: NameError| {
            Failure::usage(format!(
                "the folder's name `{folder}` does not make an app's name"
            ))
            .next("give one with --app NAME")
        })
}

/// Makes a file that must not be there.
fn make(path: &Path, text: &str) -> Outcome {
    let failed = |error: &std::io::Error| Failure::file("write", path, error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    }
    let mut file = File::create_new(path).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes())
        .map_err(|error| failed(&error))
}

/// `pic init`.
pub(crate) fn run(context: &Context, args: &InitArgs) -> Outcome {
    let app = match &context.subject.app {
        Some(app) => app.clone(),
        None => name_of(&args.dir)?,
    };
    let files = args.template.files();
    // Look at all of them first: half an app is none.
    for (file, _) in files {
        let path = args.dir.join(file);
        if path.exists() {
            return Err(Failure::new(format!(
                "{} is there already; nothing was changed",
                path.display()
            ))
            .next("choose another folder; `pic new SCRIPT` adds a script to an app"));
        }
    }
    for (file, text) in files {
        let text = if *file == MANIFEST {
            text.replace("\"APP\"", &format!("\"{app}\""))
        } else {
            (*text).to_owned()
        };
        make(&args.dir.join(file), &text)?;
    }
    let ui = context.ui;
    if ui.json {
        let files: Vec<&str> = files.iter().map(|(file, _)| *file).collect();
        return ui.answer(&serde_json::json!({ "app": app, "files": files }));
    }
    let dir = args.dir.display();
    ui.line(
        ui.out
            .paint(Paint::Bold, &format!("{app}: a new app in {dir}")),
    )?;
    for (file, _) in files {
        ui.line(format!("  {}", args.dir.join(file).display()))?;
    }
    let argument = if args.dir == Path::new(".") {
        String::new()
    } else {
        format!(" {dir}")
    };
    ui.note(format!(
        "next: pic dev{argument}      runs it here, with reload on save"
    ));
    ui.note(format!("      pic deploy{argument}   deploys it"));
    Ok(())
}

/// `pic new`.
pub(crate) fn new(context: &Context, args: &NewArgs) -> Outcome {
    let (name, dir) = (&args.name, project::folder(args.dir.as_deref()));
    let manifest = project::manifest(&dir)?;
    if manifest.scripts.contains_key(name) {
        return Err(Failure::new(format!(
            "the app has a script `{name}` already"
        )));
    }
    let path = dir.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let file = format!("src/{name}.rhai");
    let gap = if text.ends_with('\n') { "" } else { "\n" };
    let mut new = format!("{text}{gap}\n[scripts.{name}]\nfile = \"{file}\"\n");
    if !manifest.routes.is_empty() || !text.contains("routes") {
        new.push_str(&format!(
            "\n[[routes]]\nmethod = \"GET\"\npath = \"/{name}\"\nscript = \"{name}\"\n"
        ));
    }
    let parsed = Manifest::parse(&new).map_err(|error| {
        Failure::new(format!("{} cannot be extended: {error}", path.display())).next(format!(
            "add [scripts.{name}] with file = \"{file}\" yourself"
        ))
    })?;
    let route = parsed.routes.iter().find(|route| route.script == *name);
    make(
        &dir.join(&file),
        &format!("// {name}\n`Hello from {name}`\n"),
    )?;
    fs::write(&path, new).map_err(|error| Failure::file("write", &path, &error))?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&serde_json::json!({ "script": name, "file": file }));
    }
    let route = route.map_or_else(
        || format!("ANY /{name}"),
        |r| format!("{} {}", r.method, r.path),
    );
    ui.line(format!("{} answers {route}", dir.join(&file).display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_has_a_manifest_that_names_its_files() {
        for template in Template::value_variants() {
            let files = template.files();
            let (_, text) = files.iter().find(|(file, _)| *file == MANIFEST).unwrap();
            let manifest = Manifest::parse(&text.replace("APP", "shop")).unwrap();
            let scripts = manifest.scripts.values().map(|s| s.file.as_str());
            let modules = manifest.modules.values().map(|m| m.file.as_str());
            for named in scripts.chain(modules) {
                assert!(files.iter().any(|(file, _)| *file == named), "{named}");
            }
        }
    }

    #[test]
    fn a_folder_names_the_app() {
        assert_eq!(
            name_of(Path::new("/x/My Shop 2")).unwrap().as_str(),
            "my-shop"
        );
        assert_eq!(name_of(Path::new("shop/")).unwrap().as_str(), "shop");
        let reserved = name_of(Path::new("api")).unwrap();
        assert_eq!(reserved.as_str(), "api-app");
        assert!(name_of(Path::new("/x/123")).is_err());
    }
}
