//! Writes a table of the dashboard's built files, `dashboard/dist`, so that they become part of the program. It builds
//! nothing: the files are in the repository, and `make dashboard` makes them.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by the environment where things are"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What comes before the page's own policy.
const POLICY_START: &str = "http-equiv=\"content-security-policy\" content=\"";

fn main() {
    let own = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let dist = Path::new(&own).join("../../dashboard/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let dist = dist
        .canonicalize()
        .expect("dashboard/dist is there: `make dashboard` builds it");
    let page = fs::read_to_string(dist.join("200.html"))
        .expect("dashboard/dist/200.html is there: `make dashboard` builds it");
    let mut table = String::from("const FILES: &[File] = &[\n");
    for path in files_of(&dist) {
        add(&mut table, &dist, &path);
    }
    let policy = policy_of(&page);
    // Frames are what a policy inside a page cannot speak of.
    let policy = format!("{policy}; frame-ancestors 'none'");
    write!(table, "];\nconst PAGE_POLICY: &str = {policy:?};\n").expect("writing to a string");
    fs::write(Path::new(&out).join("dashboard.rs"), table).expect("OUT_DIR can be written");
}

/// All files below a folder, sorted.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    found.sort();
    let inside = |path: PathBuf| {
        if path.is_dir() {
            files_of(&path)
        } else {
            vec![path]
        }
    };
    found.into_iter().flat_map(inside).collect()
}

/// The line of a file; a compressed one belongs to that of its original.
fn add(table: &mut String, dist: &Path, file: &Path) {
    if matches!(file.extension().and_then(|e| e.to_str()), Some("br" | "gz")) {
        return;
    }
    let relative = file.strip_prefix(dist).expect("it was found below it");
    let path = relative.to_str().expect("names are ASCII");
    let include = |ending: &str| {
        let file = format!("{}{ending}", file.display());
        if Path::new(&file).exists() {
            format!("include_bytes!({file:?})")
        } else {
            "b\"\"".to_owned()
        }
    };
    let (plain, brotli, gzip) = (include(""), include(".br"), include(".gz"));
    writeln!(
        table,
        "    File {{ path: \"/{path}\", plain: {plain}, brotli: {brotli}, gzip: {gzip} }},"
    )
    .expect("writing to a string");
}

/// The policy that the page has in itself, with the hash of its script.
fn policy_of(page: &str) -> &str {
    let start = page.find(POLICY_START).expect("the page has a policy") + POLICY_START.len();
    let rest = &page[start..];
    &rest[..rest.find('"').expect("an attribute ends")]
}
