//! A disk that fails: nothing is acknowledged any more, the server ends, and the next one has what
//! was.

use serde_json::json;
use test_support::{Disk, Server};

use crate::support::{deploy, setup, started};

const PUT: &str = r#"kv::collection("c").set(req.query.key, true); "written""#;
const GET: &str = r#"kv::collection("c").get(req.query.key) ?? "lost""#;
/// Writes before the disk fails, and tries after it.
const WRITES: u32 = 50;

/// Whether a write was acknowledged; `None` when the server has ended.
fn put(server: &Server, key: u32) -> Option<bool> {
    let reply = server
        .try_request("GET", &format!("/put?key={key}"), &[], b"")
        .ok()?;
    Some(reply.status == 200)
}

#[test]
fn after_the_first_error_nothing_is_acknowledged_and_the_server_ends() {
    let mut disk = Disk::new(64);
    let mut server = started(setup().data(disk.path().join("data")));
    deploy(&server, &[("put", PUT), ("get", GET)]);
    assert!((0..WRITES).all(|key| put(&server, key) == Some(true)));
    disk.cut();
    // The kernel takes what it can still take; what counts is the first error.
    let after: Vec<bool> = (WRITES..2 * WRITES)
        .map_while(|key| put(&server, key))
        .skip_while(|acknowledged| *acknowledged)
        .collect();
    assert!(after.iter().all(|acknowledged| !acknowledged), "{after:?}");
    let status = server.ends();
    assert_eq!(status.code(), Some(1), "{}", server.log());
    assert!(server.log().contains("the disk failed"), "{}", server.log());
    disk.restore();
    server.restart();
    for key in 0..WRITES {
        let value = server.get(&format!("/get?key={key}")).expect(200);
        assert_eq!(value.json(), json!(true), "{key}");
    }
    drop(server);
}
