//! Every service has all its parts: a line of `shared::service` is the beginning of one.
//!
//! A part lies where its name says, or where the head of the service's host file says:
//! ``//! Store: `outbox.rs`.``, ``//! API: `events::queues`.``, ``//! pic: `queues.rs`.`` A service
//! that has no such part says why: `//! API: none, because …`.

use crate::Finding;
use crate::repository::Repository;

/// Where the parts are that no service may lack.
const HOST: &str = "crates/services-core/src";
const SDK: &str = "crates/executor-core/src/sdk";
const GUIDE: &str = "docs/guide/scripts.md";
const HOSTILE: &str = "tests/hostile";
const ISOLATION: &str = "crates/picloud/tests/e2e/isolation.rs";
const NO_REASON: &str = "none";
const REASON: &str = "none, because ";

/// A part that may lie elsewhere, or be left out for a reason.
struct Part {
    /// What the host file's head calls it.
    name: &'static str,
    /// What it is.
    what: &'static str,
    is_there: fn(&Repository, &str) -> bool,
    /// What it is called when nothing else is said.
    default: fn(&str) -> String,
}

const PARTS: [Part; 3] = [
    Part {
        name: "Store",
        what: "a file in crates/store/src",
        is_there: |repository, file| has(repository, &format!("crates/store/src/{file}")),
        default: |service| format!("{service}.rs"),
    },
    Part {
        name: "API",
        what: "an operation in crates/manager-core/src/operations.rs",
        is_there: |repository, operation| {
            let operations = repository.text("crates/manager-core/src/operations.rs");
            operations.contains(&format!(" {operation}"))
        },
        default: |service| format!("{service}::"),
    },
    Part {
        name: "pic",
        what: "a file in crates/picloud-cli/src/commands",
        is_there: |repository, file| {
            has(
                repository,
                &format!("crates/picloud-cli/src/commands/{file}"),
            )
        },
        default: |service| format!("{service}.rs"),
    },
];

fn has(repository: &Repository, path: &str) -> bool {
    repository.0.contains_key(path)
}

/// What the services lack.
pub(crate) fn check<'s>(
    repository: &Repository,
    services: impl Iterator<Item = &'s str>,
) -> Vec<Finding> {
    services
        .flat_map(|service| lacks_of(repository, service))
        .collect()
}

fn lacks_of(repository: &Repository, service: &str) -> Vec<Finding> {
    let mut lacks = Vec::new();
    let mut lacking = |what: String| {
        lacks.push(Finding::new(
            format!("service `{service}`"),
            format!("lacks {what}"),
        ));
    };
    let host = format!("{HOST}/{service}.rs");
    if !has(repository, &host) {
        lacking(format!("a host file: {host}"));
    }
    let sdk = format!("{SDK}/{service}.rs");
    if !has(repository, &sdk)
        || !repository
            .text(&format!("{SDK}.rs"))
            .contains(&format!("(\"{service}\","))
    {
        lacking(format!("an SDK file: {sdk}, with its namespace in sdk.rs"));
    }
    let heading = |line: &str| line.starts_with("## ") && line.contains(&format!("`{service}`"));
    if !repository.text(GUIDE).lines().any(heading) {
        lacking(format!("a section of the guide: ## `{service}` in {GUIDE}"));
    }
    let table = format!("{HOSTILE}/{service}_wrong.rhai");
    if !has(repository, &table) {
        lacking(format!(
            "a hostile script: {table}, with a wrong call of each function"
        ));
    }
    if !repository
        .text(ISOLATION)
        .contains(&format!("service: \"{service}\","))
    {
        lacking(format!(
            "a row in {ISOLATION}: what it keeps is not reached from another app"
        ));
    }
    for part in PARTS {
        let said = said_of(repository.text(&host), part.name);
        let place = said.map_or_else(|| (part.default)(service), str::to_owned);
        if place.starts_with(REASON) || (part.is_there)(repository, &place) {
            continue;
        }
        let what = if place.starts_with(NO_REASON) {
            format!("a reason: `//! {}: {REASON}…` in {host}", part.name)
        } else {
            let name = part.name;
            format!(
                "{}: `{place}`; or say `//! {name}: {REASON}…` in {host}",
                part.what
            )
        };
        lacking(what);
    }
    lacks
}

/// What the head of a host file says of a part: a name, or why there is none.
fn said_of<'t>(text: &'t str, part: &str) -> Option<&'t str> {
    let mut head = text.lines().map_while(|line| line.strip_prefix("//!"));
    let said = head.find_map(|line| line.trim_start().strip_prefix(part)?.strip_prefix(": "))?;
    let name = said
        .strip_prefix('`')
        .and_then(|rest| rest.split('`').next());
    Some(name.unwrap_or(said))
}

#[cfg(test)]
mod tests {
    use shared::service::ServiceKind;

    use super::*;

    #[test]
    fn every_service_is_complete() {
        let services = ServiceKind::ALL.iter().map(|kind| kind.as_str());
        assert_eq!(check(&Repository::read(), services), []);
    }

    /// A repository with one service that has everything where its name says.
    fn complete() -> Repository {
        let files = [
            (
                "crates/services-core/src/fax.rs",
                "//! `fax`: letters by wire.",
            ),
            ("crates/store/src/fax.rs", ""),
            (
                "crates/manager-core/src/operations.rs",
                "        fax::list,",
            ),
            ("crates/picloud-cli/src/commands/fax.rs", ""),
            ("crates/executor-core/src/sdk/fax.rs", ""),
            (
                "crates/executor-core/src/sdk.rs",
                "(\"fax\", exported_module!(fax::functions)),",
            ),
            (GUIDE, "## `fax`, `telex`"),
            ("tests/hostile/fax_wrong.rhai", ""),
            (ISOLATION, "        service: \"fax\","),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Repository(files.into_iter().collect())
    }

    fn lacks(repository: &Repository) -> Vec<String> {
        let found = check(repository, ["fax"].into_iter());
        found.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn every_part_that_is_missing_is_found() {
        assert_eq!(lacks(&complete()), [""; 0]);
        for (path, what) in [
            ("crates/services-core/src/fax.rs", "a host file"),
            ("crates/store/src/fax.rs", "a file in crates/store"),
            ("crates/manager-core/src/operations.rs", "an operation"),
            ("crates/picloud-cli/src/commands/fax.rs", "commands"),
            ("crates/executor-core/src/sdk/fax.rs", "an SDK file"),
            ("crates/executor-core/src/sdk.rs", "an SDK file"),
            (GUIDE, "a section of the guide"),
            ("tests/hostile/fax_wrong.rhai", "a hostile script"),
            (ISOLATION, "a row in"),
        ] {
            let mut repository = complete();
            repository.0.remove(path);
            let found = lacks(&repository);
            assert_eq!(found.len(), 1, "{path}: {found:?}");
            assert!(found[0].contains(what), "{path}: {found:?}");
        }
    }

    #[test]
    fn the_host_file_says_where_a_part_is_or_why_there_is_none() {
        let with = |head: &str| {
            let mut repository = complete();
            for path in [
                "crates/store/src/fax.rs",
                "crates/picloud-cli/src/commands/fax.rs",
            ] {
                repository.0.remove(path);
            }
            repository
                .0
                .insert("crates/store/src/wires.rs".to_owned(), String::new());
            let host = format!("//! `fax`: letters by wire.\n//!\n{head}\n\nuse store::wires;\n");
            repository
                .0
                .insert("crates/services-core/src/fax.rs".to_owned(), host);
            lacks(&repository).len()
        };
        assert_eq!(with(""), 2);
        assert_eq!(
            with("//! Store: `wires.rs`.\n//! pic: none, because it has no use there."),
            0
        );
        assert_eq!(
            with("//! Store: `wire.rs`.\n//! pic: none."),
            2,
            "a file that is none, no reason"
        );
        assert_eq!(with("//! Store: none, because a wire keeps nothing."), 1);
    }
}
