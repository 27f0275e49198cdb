//! Apps and the control plane share no origin, and no script sees or sets the platform's cookie.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use orchestrator_core::{AdminPlace, AdminReach, BoxBody, ControlHandler};
use serde_json::json;
use shared::clock::Timestamp;
use shared::event::request::StoredRequest;
use shared::invocation::HttpInput;
use shared::origin::OwnHosts;
use store::{Conn, apps};

use crate::server::{Answer, Server, Setup, all_to_main};

/// A control plane that tells what it was asked.
fn telling() -> ControlHandler {
    Arc::new(|request, peer| {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            assert!(!path.ends_with("/panic"));
            let body = request.into_body().collect().await;
            let size = body.map_or_else(|e| e.to_string(), |b| b.to_bytes().len().to_string());
            let text = format!("{path} {size} {} {}", peer.ip, peer.origin);
            let text = Full::from(text).map_err(|never| match never {});
            http::Response::new(BoxBody::new(text))
        })
    })
}

fn server(admin: &str, host: Option<&str>, reach: AdminReach) -> Server {
    let mut setup = Setup {
        control: Some(telling()),
        ..Setup::default()
    };
    setup.ingress.admin = AdminPlace {
        origin: admin.parse().unwrap(),
        named: host.is_some(),
        reach,
        host: host.map(Into::into),
    };
    let server = Server::with(setup);
    let app = server.app("shop", true);
    server.deploy(app, &[("main", "echo")], &all_to_main());
    server
}

#[test]
fn every_path_of_the_public_listener_is_the_apps_but_a_few() {
    let server = server("http://localhost:8081", None, AdminReach::AnyHost);
    for host in ["localhost", "shop.localhost", "10.0.0.7:8080"] {
        for path in [
            "/",
            "/admin",
            "/admin/setup",
            "/api/v1",
            "/api/v1/apps",
            "/docs",
            "/docs/errors/x",
            "/metrics",
            "/files/a",
            "/realtime/topics/a",
            "/.well-known/picloud/deep",
        ] {
            let echo = server.send("GET", host, path, "").json();
            assert_eq!(echo["uri"], path, "{host}");
        }
    }
    for (host, admin) in [
        ("localhost:8080", "http://localhost:8081"),
        ("10.0.0.7", "http://10.0.0.7:8081"),
        ("[::1]:8080", "http://[::1]:8081"),
        // The admin origin has no port on an app's own host.
        ("shop.localhost", "http://localhost:8081"),
    ] {
        let found = server.send("GET", host, "/.well-known/picloud", "");
        assert_eq!(found.json()["admin_url"], admin);
        assert_eq!(found.header("cache-control"), Some("no-store"));
    }
    let loops = self::server("http://localhost:8081", None, AdminReach::Loopback);
    for (host, admin) in [("127.0.0.1", "127.0.0.1"), ("pi.local", "localhost")] {
        let found = loops.send("GET", host, "/.well-known/picloud", "");
        assert_eq!(found.json()["admin_url"], format!("http://{admin}:8081"));
    }
    let wrong = server.send("POST", "localhost", "/.well-known/picloud", "");
    assert_eq!(wrong.status, 405);
    let head = server.send("HEAD", "localhost", "/.well-known/picloud", "");
    assert_eq!((head.status, &*head.body), (200, ""));
}

#[test]
fn who_looks_for_the_control_plane_where_no_app_has_the_path_is_led_there() {
    let server = server("https://admin.example.com", None, AdminReach::Named);
    let other = server.app("other", false);
    let routes = json!([{"path": "/only", "script": "main"}]);
    server.deploy(other, &[("main", "text only")], &routes);
    for path in ["/admin", "/admin/"] {
        let led = server.send("GET", "other.localhost", path, "");
        assert_eq!(led.status, 307);
        assert_eq!(led.header("location"), Some("https://admin.example.com/"));
        let posted = server.send("POST", "other.localhost", path, "");
        assert_eq!((posted.status, &*posted.code()), (404, "no_route"));
    }
    let api = server
        .send("GET", "other.localhost", "/api/v1/apps", "")
        .json();
    let detail = api["detail"].as_str().unwrap();
    assert!(
        detail.contains("https://admin.example.com/api/v1"),
        "{detail}"
    );
}

#[test]
fn the_admin_listener_is_the_control_planes_alone() {
    let server = server("http://localhost:8081", None, AdminReach::AnyHost);
    for path in ["/", "/admin", "/api/v1/apps", "/only", "/docs"] {
        for host in ["localhost:8081", "shop.localhost:8081"] {
            let told = server.admin_get(host, path, "");
            assert_eq!(told.body, format!("{path} 0 127.0.0.1 http://{host}"));
        }
    }
    let forwarded = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n";
    let told = server.admin_get("Admin.Example.com:443", "/x", forwarded);
    assert_eq!(told.body, "/x 0 192.0.2.1 https://admin.example.com");
    let found = server.admin_get("pi.local:8081", "/.well-known/picloud", "");
    assert_eq!(found.json()["admin_url"], "http://pi.local:8081");
    assert_eq!(server.admin_get("localhost", "/livez", "").body, "ok\n");
    assert_eq!(server.admin_get("a b", "/", "").code(), "bad_host");
    let failed = server.admin_get("localhost", "/panic", "");
    assert_eq!((failed.status, &*failed.code()), (500, "internal"));
}

#[test]
fn a_host_of_its_own_leads_to_the_control_plane_on_the_public_listener_too() {
    let server = server(
        "https://admin.example.com",
        Some("admin.example.com"),
        AdminReach::Named,
    );
    for (host, origin) in [
        // As its operator says, whatever the proxy in between tells.
        ("admin.example.com", "https://admin.example.com"),
        ("ADMIN.example.com.:443", "https://admin.example.com"),
        ("admin.example.com:8080", "http://admin.example.com:8080"),
    ] {
        let told = server.send("GET", host, "/api/v1/apps", "");
        assert_eq!(told.body, format!("/api/v1/apps 0 127.0.0.1 {origin}"));
    }
    assert_eq!(
        server.send("GET", "localhost", "/api/v1", "").json()["uri"],
        "/api/v1"
    );
    let mut request =
        b"POST /api/v1/x HTTP/1.1\r\nHost: admin.example.com\r\nConnection: close\r\n\
        Content-Length: 9437184\r\n\r\n"
            .to_vec();
    request.extend(vec![b'x'; 9 << 20]);
    let answer = Answer::parse(&server.raw(&request));
    assert!(answer.body.contains("larger than 8 MiB"), "{answer:?}");
}

#[test]
fn the_type_of_a_problem_leads_to_the_admin_origin() {
    let server = server("http://localhost:8081", None, AdminReach::AnyHost);
    let app = server.app("other", false);
    let routes = json!([{"path": "/bad", "script": "bad"}, {"path": "/token", "script": "bad", "auth": "token"}]);
    server.deploy(app, &[("bad", "fail")], &routes);
    let long = format!("/{}", "x".repeat(9_000));
    for (host, path, code, admin) in [
        (
            "other.localhost",
            "/bad",
            "script_failed",
            "http://localhost:8081",
        ),
        (
            "other.localhost",
            "/nothing",
            "no_route",
            "http://localhost:8081",
        ),
        (
            "other.localhost",
            "/token",
            "token_required",
            "http://localhost:8081",
        ),
        (
            "pi.local:8080",
            &long,
            "url_too_long",
            "http://localhost:8081",
        ),
        ("a b", "/", "bad_host", "http://localhost:8081"),
    ] {
        let problem = server.send("GET", host, path, "");
        assert_eq!(problem.code(), code);
        let wanted = format!("{admin}/docs/errors/{code}");
        assert_eq!(problem.json()["type"], wanted, "{host} {path}");
    }
    let wrong = server.send("BREW", "other.localhost", "/bad", "");
    let wanted = "http://localhost:8081/docs/errors/method_not_allowed";
    assert_eq!(wrong.json()["type"], wanted);
    let head = server.send("HEAD", "other.localhost", "/nothing", "");
    let get = server.send("GET", "other.localhost", "/nothing", "");
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.body, "");
}

/// Cookies as clients send them: headers, and what a script may see of them.
const FORMS: &[(&[&str], &[&str])] = &[
    (&["picloud_session=SECRET"], &[]),
    (&["__Host-picloud_session=SECRET"], &[]),
    (&["a=1; picloud_session=SECRET; b=2"], &["a=1; b=2"]),
    (&["a=1", "picloud_session=SECRET", "b=2"], &["a=1", "b=2"]),
    (&["a=1;PICLOUD_SESSION=SECRET"], &["a=1"]),
    (&["  picloud_session  =  \"SECRET\" ;a=1"], &["a=1"]),
    (
        &["picloud_session=SECRET; __Host-picloud_session=SECRET"],
        &[],
    ),
    (&["a=\"1; picloud_session=SECRET\""], &["a=\"1"]),
    (&["=picloud_session=SECRET; a=1"], &["a=1"]),
    (&["a=1,picloud_session=SECRET"], &[]),
    (
        &["a=1; session=2; picloud=3"],
        &["a=1; session=2; picloud=3"],
    ),
];

/// These as headers, one each.
fn cookie_headers(cookies: &[&str]) -> String {
    let lines: Vec<String> = cookies.iter().map(|c| format!("Cookie: {c}\r\n")).collect();
    lines.concat()
}

const HOSTS: [&str; 5] = [
    "localhost:8080",
    "shop.localhost",
    "127.0.0.1",
    "[::1]:8080",
    "shop.example.com",
];

#[test]
fn no_script_sees_the_session_cookie_whatever_form_it_has() {
    let server = server("http://localhost:8081", None, AdminReach::AnyHost);
    for host in HOSTS {
        for (sent, seen) in FORMS {
            let headers = cookie_headers(sent);
            let echo = server.send("GET", host, "/", &headers).json();
            assert_eq!(echo["cookies"], json!(seen), "{host} {sent:?}");
        }
    }
}

#[test]
fn no_script_sees_the_session_cookie_over_http2() {
    let server = server("http://localhost:8081", None, AdminReach::AnyHost);
    let address = server.address;
    for (sent, seen) in FORMS {
        let echo = server.runtime.block_on(async move {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let io = TokioIo::new(stream);
            let (mut client, connection) =
                hyper::client::conn::http2::handshake(crate::platform::OnRuntime, io)
                    .await
                    .unwrap();
            drop(tokio::runtime::Handle::current().spawn(connection));
            let mut request = http::Request::get("http://localhost:8080/x");
            for cookie in *sent {
                request = request.header("cookie", cookie.trim());
            }
            let request = request.body(Full::new(bytes::Bytes::new())).unwrap();
            let response = client.send_request(request).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes()
        });
        let echo: serde_json::Value = serde_json::from_slice(&echo).unwrap();
        assert_eq!(echo["cookies"], json!(seen), "{sent:?}");
    }
}

fn payloads(conn: &mut dyn Conn) -> Result<Vec<Vec<u8>>, store::StoreError> {
    let rows = conn.query("SELECT payload FROM deliveries", &[])?;
    rows.iter()
        .map(|row| Ok(row.blob("payload")?.to_vec()))
        .collect()
}

#[test]
fn no_stored_request_holds_the_session_cookie() {
    let server = server("http://localhost:8081", None, AdminReach::AnyHost);
    let app = server.app("later", false);
    let routes = json!([{"path": "/later", "script": "main", "mode": "async"}]);
    server.deploy(app, &[("main", "text ok")], &routes);
    for (sent, _) in FORMS {
        let headers = cookie_headers(sent);
        let headers = format!("{headers}Content-Length: 0\r\n");
        assert_eq!(
            server
                .send("POST", "later.localhost", "/later", &headers)
                .status,
            202
        );
    }
    let stored = server.write(payloads);
    assert_eq!(stored.len(), FORMS.len());
    for (payload, (sent, seen)) in stored.iter().zip(FORMS) {
        let http = StoredRequest::decode(payload).unwrap();
        let cookies: Vec<&str> = cookies(&http);
        assert_eq!(cookies, *seen, "{sent:?}");
    }
}

fn cookies(http: &HttpInput) -> Vec<&str> {
    let all = http.headers.get_all("cookie").iter();
    all.map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn pages_are_ordinary_pages_and_set_no_cookie_of_the_platform() {
    let server = Server::start();
    let app = server.app("shop", true);
    for host in ["localhost", "shop.localhost"] {
        server.deploy(app, &[("main", "html <p>")], &all_to_main());
        let page = server.send("GET", host, "/", "");
        assert_eq!(page.header("content-security-policy"), None);
        server.deploy(app, &[("main", "headers")], &all_to_main());
        let answer = server.send("GET", host, "/", "");
        assert_eq!(answer.headers("set-cookie"), ["sid=1"], "{host}");
    }
}

#[test]
fn a_claim_that_settings_have_overtaken_is_not_served() {
    let admin = "https://admin.example.com".parse().unwrap();
    let server = Server::with(Setup {
        own_hosts: OwnHosts::new(Some(&admin), None, ["pi.local".to_owned()]),
        ..Setup::default()
    });
    let app = server.shop("text mine");
    for domain in [
        "admin.example.com",
        "*.example.com",
        "pi.local",
        "shop.example.org",
    ] {
        let domain = domain.parse().unwrap();
        let claimed = server.store.change::<_, store::StoreError>(move |change| {
            apps::claim_domain(change, app, &domain, Timestamp(1))
        });
        drop(server.runtime.block_on(claimed).unwrap());
    }
    server.refresh(app).unwrap();
    for (host, status) in [
        ("admin.example.com", 404),
        ("other.example.com", 404),
        ("pi.local", 404),
        ("shop.example.org", 200),
    ] {
        assert_eq!(server.send("GET", host, "/", "").status, status, "{host}");
    }
}
