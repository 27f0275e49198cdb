//! What a person sees when the server is ready.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use manager_core::Secret;

use crate::listeners::Places;

/// What is shown.
pub(crate) struct Welcome<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) took: Duration,
    /// Where people reach it.
    pub(crate) places: &'a Places,
    /// As long as there is no owner.
    pub(crate) setup: Option<Secret>,
}

impl Welcome<'_> {
    /// The start-up output. The last line starts with `Try`.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "PiCloud {}  data {}  ready in {} ms\n",
            env!("CARGO_PKG_VERSION"),
            self.data_dir.display(),
            self.took.as_millis()
        );
        let mut line = |name: &str, value: &str| {
            writeln!(text, "{name:<12} {value}").expect("writing to a string does not fail");
        };
        let Places { admin, apps, .. } = self.places;
        let admin = &admin.origin;
        match &self.setup {
            Some(token) => {
                let token = token.expose();
                let note = "(one time; no default password)";
                line("Dashboard", &format!("{admin}/setup?token={token}  {note}"));
            }
            None => line("Dashboard", &admin.to_string()),
        }
        line("Apps", &apps.to_string());
        if let Some(metrics) = &self.places.metrics {
            line("Metrics", metrics);
        }
        line(
            "Try",
            r#"echo '"Hello " + req.query.name' | pic deploy hello -"#,
        );
        text
    }
}
