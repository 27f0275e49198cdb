//! `pic dev`: an app's folder on a server of its own, deployed again on every save.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Args;
use shared::api::{App, Deployed, UpdateAppRequest};
use shared::id::ContentHash;
use shared::name::AppSlug;
use ureq::http::Method;

use super::logs::{Line, Tail, line_text};
use crate::client::Client;
use crate::connection::Connection;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::project::{self, Project};
use crate::release::{self, Options};
use crate::ui::{Paint, Ui};
use crate::{report, session};

mod event;
mod server;
mod stop;
mod watch;

use event::Event;
use server::Server;
use watch::Watch;

/// How long saves must rest before they count as one: editors write a file in several steps.
const REST: Duration = Duration::from_millis(20);
/// How long a flood of saves is waited for at most.
const FLOOD: Duration = Duration::from_millis(300);

/// Which folder.
#[derive(Debug, Args)]
#[command(
    after_help = "The server's data is kept in DIR/.picloud/dev, or in --data. Other commands \
                        reach this server with --data too."
)]
pub(crate) struct DevArgs {
    /// The app's folder; else the nearest one with picloud.toml
    dir: Option<PathBuf>,
    /// The port to answer on; else a free one
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
}

/// `pic dev`.
pub(crate) fn run(context: &Context, args: &DevArgs) -> Outcome {
    let ui = context.ui;
    if ui.json {
        return Err(Failure::usage("pic dev talks to people; it has no --json"));
    }
    if context.connection.url.is_some() || context.connection.profile.is_some() {
        return Err(Failure::usage(
            "pic dev starts a server of its own, so --url and --profile mean nothing",
        )
        .next("`pic deploy` deploys to another server"));
    }
    let dir = project::folder(args.dir.as_deref());
    // A folder that is none is a mistake; a broken source is work in progress.
    let manifest = project::manifest(&dir)?;
    let folder = dir
        .canonicalize()
        .map_err(|error| Failure::file("read", &dir, &error))?;
    let data = data_of(context, &folder)?;
    let (send, events) = channel();
    stop::on_signals(send.clone())?;
    let mut server = Server::start(context, &data, args.port, send.clone())?;
    if !ready(&events)? {
        return server.stop();
    }
    let connection = Connection {
        data: Some(data.clone()),
        ..Connection::default()
    };
    let client = session::connect(&connection, &context.env)?;
    let mut watch = Watch::new(&folder, send)?;
    watch.follow(&manifest);
    let mut session = Session {
        ui,
        dir: dir.clone(),
        client,
        live: None,
        tried: None,
        tailed: None,
    };
    session.deploy(&mut watch);
    ui.say(ui.err.paint(
        Paint::Dim,
        &format!(
            "watching {}; Ctrl-C ends it. Other commands reach it with --data {}",
            dir.display(),
            data.display()
        ),
    ));
    let ended = session.serve(&events, &mut watch);
    if ended {
        return Err(Failure::new("the server has ended; its messages are above"));
    }
    ui.say("stopping");
    server.stop()
}

/// Where the server keeps its data, out of version control.
fn data_of(context: &Context, folder: &Path) -> Outcome<PathBuf> {
    let (own, data) = match &context.connection.data {
        Some(data) => (None, data.clone()),
        None => (Some(folder.join(".picloud")), folder.join(".picloud/dev")),
    };
    std::fs::create_dir_all(&data).map_err(|error| Failure::file("make", &data, &error))?;
    if let Some(own) = own {
        let ignore = own.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(&ignore, "*\n")
                .map_err(|error| Failure::file("write", &ignore, &error))?;
        }
    }
    Ok(data)
}

/// Waits until the server is ready: `false` when somebody wants an end before.
fn ready(events: &Receiver<Event>) -> Outcome<bool> {
    loop {
        match events.recv() {
            Ok(Event::Printed(line)) if line.starts_with("Try") => return Ok(true),
            Ok(Event::Printed(_) | Event::Saved) => {}
            Ok(Event::Stop) => return Ok(false),
            Ok(Event::Ended) | Err(_) => {
                return Err(
                    Failure::new("the server did not start; its messages are above")
                        .next("another `pic dev` over the same folder may be running"),
                );
            }
        }
    }
}

/// A folder being served.
struct Session {
    ui: Ui,
    dir: PathBuf,
    client: Client,
    /// The release being served.
    live: Option<i64>,
    /// The contents of the last attempt.
    tried: Option<ContentHash>,
    /// The app whose log is shown.
    tailed: Option<AppSlug>,
}

impl Session {
    /// Until an end: `true` when the server ended by itself.
    fn serve(&mut self, events: &Receiver<Event>, watch: &mut Watch) -> bool {
        loop {
            match events.recv() {
                Ok(Event::Saved) => match rest(events) {
                    None => self.deploy(watch),
                    Some(Event::Ended) => return true,
                    Some(_) => return false,
                },
                Ok(Event::Printed(_)) => {}
                Ok(Event::Ended) => return true,
                Ok(Event::Stop) | Err(_) => return false,
            }
        }
    }

    /// Deploys what is in the folder now, and says what became of it.
    fn deploy(&mut self, watch: &mut Watch) {
        let started = Instant::now();
        let project = match Project::load(&self.dir) {
            Ok(project) => project,
            Err(failure) => {
                self.tried = None;
                return self.failed(&failure);
            }
        };
        watch.follow(&project.manifest);
        let contents = fingerprint(&project);
        if self.tried == Some(contents) {
            return;
        }
        self.tried = Some(contents);
        let app = project.manifest.app.clone();
        match self.attempt(&app, &project) {
            Ok(deployed) => self.succeeded(&app, &project, &deployed, started.elapsed()),
            Err(failure) => {
                let find = |name: &str| project.source(name);
                let failure = release::explain(self.ui, failure, find);
                self.failed(&failure);
            }
        }
    }

    fn attempt(&mut self, app: &AppSlug, project: &Project) -> Outcome<Deployed> {
        let client = self.client.clone();
        let known = match Context::find_app(&client, app)? {
            Some(known) => known,
            None => Context::create_app(&client, app)?,
        };
        if !known.default {
            // The folder's app answers on the addresses that are shown.
            let request = UpdateAppRequest {
                name: None,
                description: None,
                default: Some(true),
                limits: None,
            };
            let path = format!("/apps/{app}");
            let _changed: App = client.call(Method::PATCH, &path, &[], Some(&request))?;
        }
        self.live = self.live.or(known.active_release);
        if self.tailed.as_ref() != Some(app) {
            tail(self.ui, &client, app.clone());
            self.tailed = Some(app.clone());
        }
        let options = Options {
            source: "dev",
            ..Options::default()
        };
        release::folder(&client, app, project, &options)
    }

    fn succeeded(&mut self, app: &AppSlug, project: &Project, deployed: &Deployed, took: Duration) {
        let find = |name: &str| project.source(name);
        crate::diagnostics::say_all(self.ui, &deployed.diagnostics, find);
        if let Some(release) = &deployed.release {
            self.live = Some(release.number);
        }
        let told = release::told(self.ui.err, app, deployed, false);
        self.ui.say(told);
        let took = format!("  {} ms", took.as_millis());
        self.ui.say(self.ui.err.paint(Paint::Dim, &took));
    }

    fn failed(&self, failure: &Failure) {
        // Only the text counts; the session goes on.
        report::in_words(self.ui, failure);
        let stays = match self.live {
            Some(number) => format!("release {number} stays live; save again when it is mended"),
            None => "nothing is live yet; save again when it is mended".to_owned(),
        };
        self.ui.say(self.ui.err.paint(Paint::Warning, &stays));
    }
}

/// Waits until saves rest; an end that came meanwhile is given back.
fn rest(events: &Receiver<Event>) -> Option<Event> {
    let started = Instant::now();
    while started.elapsed() < FLOOD {
        match events.recv_timeout(REST) {
            Ok(Event::Saved | Event::Printed(_)) => {}
            Ok(end) => return Some(end),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}

/// The same for the same folder.
fn fingerprint(project: &Project) -> ContentHash {
    let manifest = serde_json::to_vec(&project.manifest).unwrap_or_default();
    let scripts = project
        .scripts
        .iter()
        .map(|(name, s)| format!("s {name} {}", s.hash));
    let modules = project
        .modules
        .iter()
        .map(|(name, s)| format!("m {name} {}", s.hash));
    let mut all = manifest;
    for line in scripts.chain(modules) {
        all.push(b'\n');
        all.extend_from_slice(line.as_bytes());
    }
    ContentHash::of(&all)
}

/// Shows an app's log as it comes, until the server ends.
fn tail(ui: Ui, client: &Client, app: AppSlug) {
    let client = client.clone();
    std::thread::spawn(move || {
        let path = format!("/apps/{app}/logs/tail");
        let shown = Tail::open(client, &path, None).and_then(|mut tail| {
            while let Some(line) = tail.next()? {
                match line {
                    Line::Entry(line) => {
                        ui.say(line_text(&line, ui.err));
                    }
                    Line::Missed(count) => ui.warn(format!("{count} log lines came too fast")),
                }
            }
            Ok(())
        });
        if let Err(failure) = shown {
            ui.warn("the log is not shown:");
            report::in_words(ui, &failure);
        }
    });
}
