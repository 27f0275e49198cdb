//! One deploy: uploads what the server does not have, and says what became of it.

use std::collections::{BTreeMap, BTreeSet};

use shared::api::{
    DeployRequest, Deployed, MissingContents, MissingContentsRequest, ScriptUpload, SourceUpload,
};
use shared::error::code;
use shared::id::ContentHash;
use shared::name::AppSlug;
use shared::release::{PlanAction, PlanItem};
use ureq::http::Method;

use crate::client::Client;
use crate::diagnostics;
use crate::error::{Failure, Outcome};
use crate::plan;
use crate::project::Project;
use crate::sources::Source;
use crate::text::clean;
use crate::ui::{Colours, Paint, Ui};

/// Hashes in one question to the server.
const HASHES: usize = 500;

/// How to deploy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// What the release is about.
    pub(crate) message: String,
    /// Plan only.
    pub(crate) dry_run: bool,
    /// The release the deploy is based on.
    pub(crate) if_match: Option<i64>,
    /// `cli` or `dev`.
    pub(crate) source: &'static str,
}

impl Options {
    fn request(&self, replace: bool) -> DeployRequest {
        DeployRequest {
            message: self.message.clone(),
            dry_run: self.dry_run,
            replace,
            scripts: BTreeMap::new(),
            modules: BTreeMap::new(),
            routes: Vec::new(),
            triggers: Vec::new(),
            source: Some(self.source.to_owned()),
        }
    }

    fn send(&self, client: &Client, app: &AppSlug, request: &DeployRequest) -> Outcome<Deployed> {
        let tag = self.if_match.map(|number| format!("\"{number}\""));
        let headers: Vec<_> = tag
            .map(|tag| ("if-match".to_owned(), tag))
            .into_iter()
            .collect();
        let path = format!("/apps/{app}/releases");
        client.call(Method::POST, &path, &headers, Some(request))
    }
}

/// Deploys a folder: the app becomes exactly what it says.
pub(crate) fn folder(
    client: &Client,
    app: &AppSlug,
    project: &Project,
    options: &Options,
) -> Outcome<Deployed> {
    let missing = missing(client, app, project)?;
    let attempt = |needed: &dyn Fn(&ContentHash) -> bool| {
        options.send(client, app, &whole(project, options, needed))
    };
    let deployed = attempt(&|hash| missing.contains(hash));
    match deployed {
        // Another client removed contents in between.
        Err(failure) if failure.code() == Some(code::CONTENTS_MISSING) => attempt(&|_| true),
        other => other,
    }
}

/// What a deploy of a folder would make of an app that is not there yet.
pub(crate) fn new_app(client: &Client, project: &Project, options: &Options) -> Outcome<Deployed> {
    check_new(client, &whole(project, options, &|_| true))
}

fn check_new(client: &Client, release: &DeployRequest) -> Outcome<Deployed> {
    client.post("/app-checks", release)
}

fn missing(client: &Client, app: &AppSlug, project: &Project) -> Outcome<BTreeSet<ContentHash>> {
    let sources = project.scripts.values().chain(project.modules.values());
    let hashes: Vec<ContentHash> = sources
        .map(|source| source.hash)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut missing = BTreeSet::new();
    for hashes in hashes.chunks(HASHES) {
        let request = MissingContentsRequest {
            hashes: hashes.to_vec(),
        };
        let path = format!("/apps/{app}/contents/missing");
        let answer: MissingContents = client.post(&path, &request)?;
        missing.extend(answer.missing);
    }
    Ok(missing)
}

fn whole(
    project: &Project,
    options: &Options,
    needed: &dyn Fn(&ContentHash) -> bool,
) -> DeployRequest {
    let mut request = options.request(true);
    let text = |source: &Source| needed(&source.hash).then(|| source.text.clone());
    for (name, source) in &project.scripts {
        let entry = project.manifest.scripts.get(name);
        let upload = ScriptUpload {
            source: text(source),
            hash: Some(source.hash),
            // What the folder does not say is not there: a whole release says everything.
            description: Some(entry.map(|e| e.description.clone()).unwrap_or_default()),
            limits: Some(entry.map(|e| e.limits.clone()).unwrap_or_default()),
        };
        request.scripts.insert(name.clone(), upload);
    }
    for (name, source) in &project.modules {
        let upload = SourceUpload {
            source: text(source),
            hash: Some(source.hash),
        };
        request.modules.insert(name.clone(), upload);
    }
    request.routes.clone_from(&project.manifest.routes);
    request.triggers.clone_from(&project.manifest.triggers);
    request
}

/// What a single source is deployed as.
#[derive(Clone, Debug)]
pub(crate) enum Single {
    /// An endpoint script.
    Script(shared::name::ScriptName),
    /// A module.
    Module(shared::name::ModuleName),
}

impl Single {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Script(name) => name.as_str(),
            Self::Module(name) => name.as_str(),
        }
    }
}

/// Deploys one script or module and leaves the rest of the app.
pub(crate) fn single(
    client: &Client,
    app: &AppSlug,
    what: &Single,
    source: &Source,
    options: &Options,
) -> Outcome<Deployed> {
    options.send(client, app, &part(what, source, options))
}

/// What a deploy of one script or module would make of an app that is not there yet.
pub(crate) fn new_app_of(
    client: &Client,
    what: &Single,
    source: &Source,
    options: &Options,
) -> Outcome<Deployed> {
    check_new(client, &part(what, source, options))
}

fn part(what: &Single, source: &Source, options: &Options) -> DeployRequest {
    let mut request = options.request(false);
    let text = Some(source.text.clone());
    match what {
        Single::Script(name) => {
            let upload = ScriptUpload {
                source: text,
                hash: None,
                description: None,
                limits: None,
            };
            request.scripts.insert(name.clone(), upload);
        }
        Single::Module(name) => {
            let upload = SourceUpload {
                source: text,
                hash: None,
            };
            request.modules.insert(name.clone(), upload);
        }
    }
    request
}

/// Draws what a refused deploy says about sources.
pub(crate) fn explain<'a>(
    ui: Ui,
    failure: Failure,
    find: impl Fn(&str) -> Option<&'a Source>,
) -> Failure {
    let Failure::Refused { problem, next } = &failure else {
        return failure;
    };
    diagnostics::say_all(ui, &problem.diagnostics, find);
    match problem.code.as_str() {
        code::PRECONDITION_FAILED if next.is_none() => {
            failure.next("`pic releases ls` and `pic diff` show what changed; then deploy again")
        }
        _ => failure,
    }
}

/// What changed and where the app answers.
pub(crate) fn told(colours: Colours, app: &AppSlug, deployed: &Deployed, dry_run: bool) -> String {
    let changed: Vec<&PlanItem> = deployed
        .plan
        .iter()
        .filter(|item| item.action != PlanAction::Keep)
        .collect();
    let headline = match &deployed.release {
        Some(release) => format!("{app}: release {} is live", release.number),
        None if dry_run && changed.is_empty() => format!("{app}: nothing would change"),
        None if dry_run => format!("{app}: this would change (nothing was deployed)"),
        None => format!("{app}: nothing changed; no new release"),
    };
    let mut lines = vec![colours.paint(Paint::Bold, &headline)];
    lines.extend(changed.iter().map(|item| planned(colours, item)));
    let urls = deployed.urls.iter();
    lines.extend(urls.map(|url| format!("  {}", colours.paint(Paint::Note, &clean(url)))));
    lines.join("\n")
}

/// Lines of an item of a plan.
pub(crate) fn planned(colours: Colours, item: &PlanItem) -> String {
    plan::lines(item, |paint, text| colours.paint(paint, text)).join("\n")
}

/// The request that makes an app exactly what a folder says, without the sources.
pub(crate) fn of_folder(project: &Project) -> DeployRequest {
    whole(project, &Options::default(), &|_| false)
}

#[cfg(test)]
mod tests {
    use shared::manifest::Manifest;

    use super::*;

    #[test]
    fn only_missing_sources_are_uploaded_and_a_folder_says_everything() {
        let text = "manifest = 1\napp = \"shop\"\n[scripts.a]\nfile = \"a\"\n\
                    [scripts.b]\nfile = \"b\"\n[modules.m]\nfile = \"m\"\n";
        let source = |text: &str| Source::of(text, text.as_bytes().to_vec()).unwrap();
        let project = Project {
            manifest: Manifest::parse(text).unwrap(),
            scripts: ["a", "b"]
                .map(|name| (name.parse().unwrap(), source(name)))
                .into(),
            modules: [("m".parse().unwrap(), source("m"))].into(),
        };
        let missing = source("b").hash;
        let request = whole(&project, &Options::default(), &|hash| *hash == missing);
        assert!(request.replace);
        let sources: Vec<_> = request.scripts.values().map(|s| s.source.clone()).collect();
        assert_eq!(sources, [None, Some("b".to_owned())]);
        assert_eq!(request.modules["m"].source, None);
        assert!(
            request
                .scripts
                .values()
                .all(|s| s.hash.is_some() && s.description.is_some() && s.limits.is_some())
        );
    }
}
