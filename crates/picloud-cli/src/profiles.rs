//! What `pic login` keeps: servers and their tokens, one chosen, in a file only its owner reads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared::suggest::closest;

use crate::address::Address;
use crate::client::Token;
use crate::environment::Environment;
use crate::error::{Failure, Outcome};
use crate::private;

/// One server. It has no `Debug`: it holds a token.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    /// The control plane.
    url: String,
    /// What `pic login` was given. Without it, `url` may be an address of apps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
    token: String,
}

/// The file's content.
#[derive(Default, Serialize, Deserialize)]
struct Document {
    #[serde(default)]
    current: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Stored>,
}

/// A server with the token it issued.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// Its name.
    pub(crate) name: String,
    /// Where its control plane is.
    pub(crate) address: Address,
    /// The address it was found by; absent in profiles of earlier versions, which kept no other.
    pub(crate) asked: Option<Address>,
    /// What it issued.
    pub(crate) token: Token,
}

/// All profiles.
pub(crate) struct Profiles {
    path: PathBuf,
    document: Document,
}

impl Profiles {
    /// Reads them; none when `pic login` was never used.
    pub(crate) fn load(env: &Environment) -> Outcome<Self> {
        let folder = env.config().ok_or_else(|| {
            Failure::new("there is no folder for credentials: HOME is not set")
                .next("set HOME, or PICLOUD_URL and PICLOUD_TOKEN")
        })?;
        let path = folder.join("credentials.json");
        let document = match private::read(&path)? {
            Some(text) => serde_json::from_str(&text).map_err(|error| {
                Failure::new(format!("{} cannot be read: {error}", path.display()))
                    .next("remove it and sign in again with `pic login`")
            })?,
            None => Document::default(),
        };
        Ok(Self { path, document })
    }

    fn save(&self) -> Outcome {
        let text = serde_json::to_string_pretty(&self.document)
            .map_err(|error| Failure::new(format!("the profiles cannot be written: {error}")))?;
        private::write(&self.path, &format!("{text}\n"))
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.document.profiles.keys().map(String::as_str).collect()
    }

    /// The name of the chosen one.
    pub(crate) fn current(&self) -> Option<&str> {
        self.document.current.as_deref()
    }

    /// The profile with a name.
    pub(crate) fn get(&self, name: &str) -> Outcome<Profile> {
        let stored = self.document.profiles.get(name).ok_or_else(|| {
            let failure = Failure::new(format!("there is no profile `{name}`"));
            match closest(name, self.names()) {
                Some(near) => failure.next(format!("did you mean `{near}`?")),
                None => failure.next("`pic profile ls` shows them, `pic login URL` makes one"),
            }
        })?;
        Ok(Profile {
            name: name.to_owned(),
            address: stored.url.parse().map_err(Failure::new)?,
            asked: match &stored.asked {
                Some(asked) => Some(asked.parse().map_err(Failure::new)?),
                None => None,
            },
            token: Token::parse(&stored.token)?,
        })
    }

    /// The chosen profile.
    pub(crate) fn chosen(&self) -> Outcome<Option<Profile>> {
        self.current().map(|name| self.get(name)).transpose()
    }

    /// The profile of a server, the chosen one first.
    pub(crate) fn of_server(&self, address: &Address) -> Option<Profile> {
        let current = self.current().into_iter();
        current
            .chain(self.names())
            .filter_map(|name| self.get(name).ok())
            .find(|profile| profile.address == *address || profile.asked.as_ref() == Some(address))
    }

    /// Keeps a profile and chooses it.
    pub(crate) fn keep(&mut self, profile: &Profile) -> Outcome {
        let stored = Stored {
            url: profile.address.to_string(),
            asked: profile.asked.as_ref().map(Address::to_string),
            token: profile.token.expose().to_owned(),
        };
        self.document.profiles.insert(profile.name.clone(), stored);
        self.document.current = Some(profile.name.clone());
        self.save()
    }

    /// Chooses a profile.
    pub(crate) fn choose(&mut self, name: &str) -> Outcome {
        self.get(name)?;
        self.document.current = Some(name.to_owned());
        self.save()
    }

    /// Forgets a profile.
    pub(crate) fn forget(&mut self, name: &str) -> Outcome {
        self.get(name)?;
        self.document.profiles.remove(name);
        if self.current() == Some(name) {
            self.document.current = None;
        }
        self.save()
    }
}
