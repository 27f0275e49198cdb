//! What apps keep is bounded, and so is what they leave of the disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use test_support::{Disk, Server};

use crate::support::{APP, deploy, setup, started};

const PUT: &str = r#"
    try { kv::collection("c").set(req.query.key, "x".repeat(req.query.size.parse_int())); }
    catch (e) { return response::text(`${e.kind}: ${e.message}`).status(507); }
    "written"
"#;
const GET: &str = r#"kv::collection("c").get(req.query.key).len"#;
const DELETE: &str = r#"kv::collection("c").delete(req.query.key)"#;
/// More than any disk has.
const ANY_DISK: &str = "1000000000GiB";

fn put(server: &Server, key: &str, size: usize) -> u16 {
    server.get(&format!("/put?key={key}&size={size}")).status
}

fn scripts() -> [(&'static str, &'static str); 3] {
    [("put", PUT), ("get", GET), ("delete", DELETE)]
}

fn storage(server: &Server) -> Value {
    let path = format!("/apps/{APP}/storage");
    server.api("GET", &path, &Value::Null).expect(200).json()
}

#[test]
fn an_app_that_keeps_as_much_as_it_may_reads_and_deletes() {
    let server = started(setup().set("storage.app", "1MiB"));
    deploy(&server, &scripts());
    assert_eq!(put(&server, "a", 500_000), 200);
    let refused = server.get("/put?key=b&size=600000").expect(507);
    assert!(refused.text().starts_with("full: "), "{}", refused.text());
    server.get("/get?key=a").expect(200);
    let seen = storage(&server);
    assert_eq!(
        (&seen["limit"], &seen["own_limit"]),
        (&json!(1 << 20), &json!(false))
    );
    assert!(seen["bytes"].as_i64().unwrap() > 500_000);
    let path = format!("/apps/{APP}/storage");
    server
        .api("PUT", &path, &json!({"limit": "2MiB"}))
        .expect(200);
    assert_eq!(put(&server, "b", 600_000), 200);
    server
        .api("PUT", &path, &json!({"limit": null}))
        .expect(200);
    assert_eq!(put(&server, "c", 1_000), 507);
    let large = json!({"scripts": {"x": {"source": format!("// {}\n1", "x".repeat(200_000))}}});
    let deploy = format!("/apps/{APP}/releases");
    let refused = server.api("POST", &deploy, &large).expect(507);
    assert_eq!(refused.json()["code"], "storage_full");
    server.get("/delete?key=a").expect(200);
    assert_eq!(put(&server, "c", 1_000), 200);
}

#[test]
fn below_the_floor_apps_only_delete_and_the_owner_gets_in() {
    let folder = tempfile::TempDir::new().unwrap();
    let data = folder.path().join("data");
    let before = started(setup().data(&data));
    deploy(&before, &scripts());
    assert_eq!(put(&before, "a", 1_000), 200);
    drop(before);
    let server = setup().data(&data).set("storage.floor", ANY_DISK).start();
    let refused = server.get("/put?key=b&size=10").expect(507);
    assert!(refused.text().starts_with("full: "), "{}", refused.text());
    server.get("/get?key=a").expect(200);
    server.get("/delete?key=a").expect(200);
    let release = json!({"scripts": {"x": {"source": "1"}}});
    let deploy = format!("/apps/{APP}/releases");
    let more = json!({"name": "more"});
    for (path, body) in [(deploy.as_str(), &release), ("/apps", &more)] {
        let refused = server.api("POST", path, body).expect(507);
        assert_eq!(refused.json()["code"], "disk_full", "{path}");
    }
    let ready = server.get("/readyz").expect(200);
    assert!(ready.text().contains("storage.floor"), "{}", ready.text());
    let mut owner = json!({"email": "owner@example.com", "password": "a long enough password"});
    owner["token"] = json!(server.setup_token().unwrap());
    let as_json = [("content-type", "application/json")];
    let made = server.admin("POST", "/api/v1/setup", &as_json, owner.to_string());
    made.expect(201);
    owner.as_object_mut().unwrap().remove("token");
    let signed_in = server.admin("POST", "/api/v1/sessions", &as_json, owner.to_string());
    signed_in.expect(201);
    assert!(
        server.log().contains("the disk is nearly full"),
        "{}",
        server.log()
    );
    server
        .api("DELETE", &format!("/apps/{APP}"), &Value::Null)
        .expect(204);
}

/// Takes all that is left of a disk.
fn fill(disk: &Path) -> std::path::PathBuf {
    let path = disk.join("filler");
    let mut file = File::create(&path).unwrap();
    for size in [1 << 20, 4 << 10, 1] {
        while file
            .write_all(&vec![0; size])
            .and_then(|()| file.sync_data())
            .is_ok()
        {}
    }
    path
}

#[test]
fn a_server_starts_and_serves_on_a_full_disk() {
    let disk = Disk::new(64);
    let data = disk.path().join("data");
    let mut before = started(setup().data(&data));
    deploy(&before, &scripts());
    assert_eq!(put(&before, "a", 1_000), 200);
    assert!(before.stop().success());
    drop(before);
    let filler = fill(&disk.path());
    let server = setup().data(&data).start();
    server.get("/get?key=a").expect(200);
    assert_eq!(put(&server, "b", 10), 507);
    let ready = server.get("/readyz").expect(200);
    assert!(ready.text().contains("storage.floor"), "{}", ready.text());
    fs::remove_file(filler).unwrap();
    assert_eq!(put(&server, "b", 10), 200);
    server.get("/get?key=a").expect(200);
    drop(server);
}

/// Until the disk is full, and then the rest of what was acknowledged is there.
#[test]
fn a_disk_that_fills_up_loses_nothing_that_was_acknowledged() {
    let disk = Disk::new(64);
    let mut server = started(setup().data(disk.path().join("data")));
    deploy(&server, &scripts());
    let mut written = Vec::new();
    for key in 0..200 {
        if put(&server, &key.to_string(), 1_000_000) == 200 {
            written.push(key);
        }
    }
    assert!(written.len() > 10 && written.len() < 64, "{written:?}");
    fill(&disk.path());
    assert_ne!(put(&server, "more", 1_000_000), 200);
    server.restart();
    for key in written {
        let found = server.get(&format!("/get?key={key}")).expect(200);
        assert_eq!(found.json(), json!(1_000_000), "{key}");
    }
}
