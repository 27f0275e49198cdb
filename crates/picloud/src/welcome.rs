//! What a person sees when the server is ready.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use manager_core::Secret;

/// What is shown.
pub(crate) struct Welcome<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) took: Duration,
    /// Where people reach the instance.
    pub(crate) url: &'a str,
    /// Where the internal listener shows metrics.
    pub(crate) metrics: Option<String>,
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
        line("Address", self.url);
        if let Some(metrics) = &self.metrics {
            line("Metrics", metrics);
        }
        if let Some(token) = &self.setup {
            let token = token.expose();
            line("Setup", &format!("{}/admin/setup?token={token}", self.url));
            line(
                "",
                "(one time, makes the owner account; there is no default password)",
            );
        }
        line(
            "Try",
            r#"echo '"Hello " + req.query.name' | pic deploy hello -"#,
        );
        text
    }
}
