//! `picloud.toml`: one folder is one app.

mod model;
mod places;
mod reading;

pub use model::{MAX_BYTES, Manifest, ModuleEntry, ScriptEntry};
pub use places::{ManifestFinding, Places};
pub use reading::Reading;

/// A manifest that cannot be used: everything that is wrong with it, by place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("picloud.toml: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
pub struct ManifestError(pub Vec<ManifestFinding>);

impl Manifest {
    /// Reads and checks a manifest's text.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let read = Reading::of(text);
        if read.findings.is_empty() {
            Ok(read.manifest)
        } else {
            Err(ManifestError(read.findings))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
manifest = 1
app = "shop"
[scripts.orders]
file = "src/orders.rhai"
description = "Order intake"
limits = { wall = "5s", memory = "32MiB", concurrency = 8 }
[[routes]]
method = "POST"
path = "/orders/:id"
script = "orders"
handler = "on_order"
auth = "public"
[modules.money]
file = "src/money.rhai"
"#;

    #[test]
    fn the_documented_manifest_parses() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!(manifest.app.as_str(), "shop");
        assert_eq!(
            manifest.routes[0].handler.as_ref().unwrap().as_str(),
            "on_order"
        );
    }

    #[test]
    fn a_mistyped_key_gets_a_place_and_a_suggestion() {
        let text = GOOD.replace("path =", "pth =");
        let error = Manifest::parse(&text).unwrap_err().to_string();
        assert!(
            error.contains("line 10") && error.contains("did you mean `path`?"),
            "{error}"
        );
    }

    #[test]
    fn paths_outside_the_folder_and_other_versions_are_refused() {
        for bad in ["/etc/passwd", "../x.rhai", "a/../../b", ""] {
            let text = GOOD.replace("src/orders.rhai", bad);
            let error = Manifest::parse(&text).unwrap_err().to_string();
            assert!(
                error.contains("line 5, column 8: ") && error.contains("relative path"),
                "{error}"
            );
        }
        let text = GOOD.replace("manifest = 1", "manifest = 2");
        let error = Manifest::parse(&text).unwrap_err().to_string();
        assert!(
            error.contains("line 2, column 12: manifest = 2 is not supported"),
            "{error}"
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_place() {
        let text = "manifest = 1\napp = \"Shop!\"\nscrpts = 1\n[scripts.orders]\nfile = \"a.rhai\"\nlimit = 1\ndescribe = 2\n\
                    [scripts.\"a b\"]\nfile = \"b.rhai\"\n[[routes]]\nmethod = \"FETCH\"\npath = \"/a\"\nscript = \"orders\"\n\
                    [[routes]]\npath = \"nope\"\nscript = \"Orders\"\n[[triggers]]\nkind = \"kron\"\nscript = \"orders\"\n\
                    [[routes]]\npath = \"/b\"\nscript = 7\n";
        let found = Manifest::parse(text).unwrap_err().0;
        let on = |line: u32| {
            let one = found.iter().find(|one| one.line == line);
            one.unwrap_or_else(|| panic!("nothing on line {line}: {found:#?}"))
        };
        for line in [2, 3, 6, 7, 8, 11, 15, 16, 22] {
            assert!(on(line).column > 0, "{found:#?}");
        }
        assert_eq!(found.len(), 10, "{found:#?}");
        assert_eq!(on(3).hint.as_deref(), Some("did you mean `scripts`?"));
        assert_eq!(on(6).hint.as_deref(), Some("did you mean `limits`?"));
        assert!(found.is_sorted_by_key(|one| (one.line, one.column)));
    }

    #[test]
    fn what_is_no_toml_is_told_line_by_line() {
        let found = Manifest::parse("manifest = \napp = [\n").unwrap_err().0;
        assert_eq!(found[0].line, 1, "{found:#?}");
        let found = Manifest::parse("").unwrap_err().0;
        assert_eq!(found.len(), 2, "{found:#?}");
    }
}
