//! The dashboard is a part of the program, and of the admin origin.

use serde_json::Value;
use test_support::Server;

use super::support::{APP, deploy, setup, started};

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
/// What only its page has.
const MARK: &str = "/_app/immutable/entry/start.";

fn opened(server: &Server, admin: bool, path: &str, host: Option<&str>) -> (u16, String) {
    let mut headers = vec![("accept", BROWSER), ("accept-encoding", "identity")];
    headers.extend(host.map(|host| ("host", host)));
    let reply = if admin {
        server.admin("GET", path, &headers, "")
    } else {
        server.request("GET", path, &headers, "")
    };
    (reply.status, reply.text())
}

#[test]
fn the_dashboard_is_on_the_admin_origin_only() {
    let server = started(setup().set("admin_url", "http://admin.example.com"));
    let (status, page) = opened(&server, false, "/apps/shop", Some("admin.example.com"));
    assert_eq!(status, 200);
    assert!(
        page.contains(MARK),
        "the public listener has the admin host"
    );
    let start = page.split('"').find(|part| part.starts_with(MARK)).unwrap();

    // An app without routes, and one that answers everything itself.
    for release in ["", "`${req.path}`"] {
        if !release.is_empty() {
            deploy(&server, &[("main", release)]);
            let routes = serde_json::json!({
                "scripts": {"main": {}}, "routes": [{"path": "/*rest", "script": "main"}],
            });
            let path = format!("/apps/{APP}/releases");
            server.api("POST", &path, &routes).expect(201);
        }
        for path in [
            "/login",
            "/200.html",
            "/theme.js",
            "/_app/version.json",
            start,
        ] {
            for host in [None, Some("shop.localhost"), Some("elsewhere.example")] {
                let (status, text) = opened(&server, false, path, host);
                let own = if release.is_empty() {
                    !text.contains(MARK)
                } else {
                    text == path
                };
                let wanted = if release.is_empty() { 404 } else { 200 };
                assert_eq!(status, wanted, "{host:?}{path}");
                assert!(own, "{host:?}{path}: {text}");
            }
        }
    }
}

#[test]
fn the_printed_link_leads_to_the_dashboard_and_what_it_loads_is_there() {
    let server = started(setup());
    let link = format!("/setup?token={}", server.setup_token().unwrap());
    let (status, page) = opened(&server, true, &link, None);
    assert_eq!(status, 200);
    let loaded: Vec<&str> = page
        .split('"')
        .filter(|part| part.starts_with("/_app/"))
        .collect();
    assert!(loaded.len() > 5, "{page}");
    for path in loaded {
        let reply = server.admin("GET", path, &[("accept-encoding", "gzip, br")], "");
        let reply = reply.expect(200);
        let keep = "public, max-age=31536000, immutable";
        assert_eq!(reply.header("cache-control"), Some(keep), "{path}");
        let head = server.admin("HEAD", path, &[("accept-encoding", "gzip, br")], "");
        let length = reply.body.len().to_string();
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
    }
    // What is no page stays an error that programs can read.
    let reply = server.api("GET", "/nowhere", &Value::Null).expect(404);
    assert_eq!(reply.json()["code"], "not_found");
}
