//! The guide's page about differences says what is so.

use std::path::Path;

use crate::differential::{judge, ours, theirs};
use crate::support::on_worker;

const PAGE: &str = "../../docs/guide/differences.md";

/// A snippet of the page, and what it says that Rhai and PiCloud make of it.
struct Told {
    script: String,
    rhai: String,
    picloud: String,
}

fn page() -> Vec<Told> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let text = std::fs::read_to_string(file).unwrap();
    let snippets = text.split("```rhai\n").skip(1);
    snippets
        .map(|rest| {
            let (snippet, _) = rest.split_once("\n```").unwrap();
            let (script, told) = snippet.split_once("\n// Rhai: ").unwrap();
            let (rhai, picloud) = told.split_once("\n// PiCloud: ").unwrap();
            let [script, rhai, picloud] = [script, rhai, picloud].map(str::to_owned);
            Told {
                script,
                rhai,
                picloud,
            }
        })
        .collect()
}

#[test]
fn every_difference_of_the_page_is_one() {
    let plain = judge();
    let told = page();
    assert!(told.len() >= 12, "{} snippets", told.len());
    on_worker(1, async |rig| {
        for Told {
            script,
            rhai,
            picloud,
        } in told
        {
            let shown = format!("let shown = {{ {script} }};\n[shown.to_debug()]");
            let plainly = theirs(&plain, &shown);
            let here = ours(rig, &shown).await.ok();
            for (who, said, told) in [("Rhai", plainly, rhai), ("PiCloud", here, picloud)] {
                let said = said.map_or_else(|| "error".to_owned(), |said| first(&said));
                assert_eq!(said, told, "{who}: {script}");
            }
        }
    });
}

/// The one text in an array of JSON.
fn first(json: &str) -> String {
    let [text]: [String; 1] = serde_json::from_str(json).unwrap();
    text
}
