//! What every command needs: the outputs, the environment, the connection, and which app is meant.

use shared::api::{App, CreateAppRequest};
use shared::error::code;
use shared::manifest::Manifest;
use shared::name::AppSlug;
use shared::suggest::closest;

use crate::client::Client;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::error::{Failure, Outcome};
use crate::project;
use crate::session;
use crate::subject::OfApp;
use crate::ui::Ui;

/// The app's name when a script is deployed to a server without apps.
const FIRST_APP: &str = "default";

/// What every command needs.
pub(crate) struct Context {
    /// The outputs.
    pub(crate) ui: Ui,
    /// The environment.
    pub(crate) env: Environment,
    /// Flags that name a server.
    pub(crate) connection: Connection,
    /// The flag that names an app.
    pub(crate) subject: OfApp,
}

impl Context {
    /// The server, signed in.
    pub(crate) fn client(&self) -> Outcome<Client> {
        session::connect(&self.connection, &self.env)
    }

    /// The app a command is about: the flag, else the nearest manifest, else the default app, else
    /// the only one.
    pub(crate) fn app(&self, client: &Client) -> Outcome<AppSlug> {
        if let Some(app) = self.named_app()? {
            return Ok(app);
        }
        Self::default_app(client)?.ok_or_else(|| {
            Failure::new(format!("there is no app on {} yet", client.address()))
                .next("`pic deploy` makes one, and so does `pic apps create NAME`")
        })
    }

    /// The app of the flag or of the nearest manifest.
    pub(crate) fn named_app(&self) -> Outcome<Option<AppSlug>> {
        if self.subject.app.is_some() {
            return Ok(self.subject.app.clone());
        }
        match project::nearest() {
            Some(folder) => Ok(Some(project::manifest(&folder)?.app)),
            None => Ok(None),
        }
    }

    /// The app of a folder: the flag, else what its manifest says.
    pub(crate) fn app_of(&self, manifest: &Manifest) -> AppSlug {
        let named = self.subject.app.clone();
        named.unwrap_or_else(|| manifest.app.clone())
    }

    /// The default app, else the only one; none when there are none.
    fn default_app(client: &Client) -> Outcome<Option<AppSlug>> {
        let apps: Vec<App> = client.list("/apps", usize::MAX)?.items;
        if apps.is_empty() {
            return Ok(None);
        }
        let found = apps.iter().find(|app| app.default || apps.len() == 1);
        found.map(|app| Some(app.name.clone())).ok_or_else(|| {
            let names: Vec<&str> = apps.iter().map(|app| app.name.as_str()).collect();
            Failure::usage("there are several apps and none is the default").next(format!(
                "add --app with one of {}, or make one the default with `pic apps update APP --default`",
                names.join(", ")
            ))
        })
    }

    /// The app a script is deployed to; the first one is made when there is none.
    pub(crate) fn app_for_script(&self, client: &Client) -> Outcome<AppSlug> {
        let app = match self.named_app()? {
            Some(app) => Some(app),
            None => Self::default_app(client)?,
        };
        match app {
            Some(app) => Ok(app),
            None => FIRST_APP
                .parse()
                .map_err(|error: shared::name::NameError| Failure::new(error.to_string())),
        }
    }

    /// An app's state; `None` when the server has no such app.
    pub(crate) fn find_app(client: &Client, name: &AppSlug) -> Outcome<Option<App>> {
        match client.get(&format!("/apps/{name}")) {
            Ok(app) => Ok(Some(app)),
            Err(failure) if failure.code() == Some(code::NOT_FOUND) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Makes an app.
    pub(crate) fn create_app(client: &Client, name: &AppSlug) -> Outcome<App> {
        let request = CreateAppRequest {
            name: name.clone(),
            description: String::new(),
        };
        client.post("/apps", &request)
    }

    /// Adds the name somebody probably meant to a server's `not_found`.
    pub(crate) fn did_you_mean(
        failure: Failure,
        wrong: &str,
        known: impl FnOnce() -> Vec<String>,
    ) -> Failure {
        if failure.code() != Some(code::NOT_FOUND) {
            return failure;
        }
        let known = known();
        match closest(wrong, known.iter().map(String::as_str)) {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None => failure,
        }
    }
}
