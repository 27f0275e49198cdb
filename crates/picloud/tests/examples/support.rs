//! A server with one of the examples on it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use shared::manifest::Manifest;
use test_support::{Server, Setup};

/// The folder of an example.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name)
}

/// A new server that serves an example on every host.
pub(crate) fn serve(example: &str) -> Server {
    let server = Setup::new(env!("CARGO_BIN_EXE_picloud")).start();
    deploy(&server, example);
    server
}

fn deploy(server: &Server, example: &str) {
    let folder = folder(example);
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let manifest = Manifest::parse(&read("picloud.toml")).unwrap();
    let app = manifest.app.as_str();
    let scripts: Map<String, Value> = manifest
        .scripts
        .iter()
        .map(|(name, script)| (name.to_string(), json!({ "source": read(&script.file) })))
        .collect();
    let modules: Map<String, Value> = manifest
        .modules
        .iter()
        .map(|(name, module)| (name.to_string(), json!({ "source": read(&module.file) })))
        .collect();
    let release = json!({
        "replace": true,
        "scripts": scripts,
        "modules": modules,
        "routes": manifest.routes,
        "triggers": manifest.triggers,
    });
    server.default_app(app);
    server
        .api("POST", &format!("/apps/{app}/releases"), &release)
        .expect(201);
}
