//! Hosts, routes, methods, tokens.

use serde_json::json;
use shared::clock::Timestamp;

use crate::server::Server;

fn shop() -> Server {
    let server = Server::start();
    let app = server.app("shop", false);
    let routes = json!([
        {"method": "GET", "path": "/", "script": "root"},
        {"method": "GET", "path": "/orders/:id", "script": "echo"},
        {"method": "POST", "path": "/orders", "script": "echo"},
        {"path": "/files/*path", "script": "echo"},
        {"method": "OPTIONS", "path": "/own", "script": "root"},
    ]);
    server.deploy(app, &[("root", "text hello"), ("echo", "echo")], &routes);
    server
}

#[test]
fn a_request_reaches_the_script_of_its_route() {
    let server = shop();
    let answer = server.get("/");
    assert_eq!((answer.status, &*answer.body), (200, "hello"));
    assert!(answer.header("x-request-id").unwrap().starts_with("req_"));
    let echo = server.get("/orders/7%20a?x=1").json();
    assert_eq!(echo["params"], json!([["id", "7 a"]]));
    assert_eq!(echo["uri"], "/orders/7%20a?x=1");
    assert_eq!(echo["host"], "shop.localhost");
    let rest = server.send("DELETE", "SHOP.localhost:8080", "/files/a/b", "");
    assert_eq!(rest.json()["params"], json!([["path", "a/b"]]));
    assert_eq!(rest.json()["method"], "DELETE");
}

#[test]
fn what_no_route_answers_is_a_clear_error() {
    let server = shop();
    assert_eq!(server.get("/nothing").status, 404);
    assert_eq!(server.get("/nothing").code(), "no_route");
    let wrong = server.send("DELETE", "shop.localhost", "/orders/1", "");
    assert_eq!((wrong.status, &*wrong.code()), (405, "method_not_allowed"));
    assert_eq!(wrong.header("allow"), Some("get, head, options"));
    for method in ["get", "TRACE", "BREW"] {
        let answer = server.send(method, "shop.localhost", "/orders/1", "");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("get, head, options"));
    }
    assert_eq!(
        server.send("BREW", "shop.localhost", "/nothing", "").status,
        404
    );
    let nobody = server.send("GET", "elsewhere.example", "/", "");
    assert_eq!((nobody.status, &*nobody.code()), (404, "no_app"));
}

#[test]
fn head_is_get_without_the_body() {
    let server = shop();
    let answer = server.send("HEAD", "shop.localhost", "/", "");
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert_eq!(answer.header("content-length"), Some("5"));
    assert_eq!(
        server.send("HEAD", "shop.localhost", "/nothing", "").body,
        ""
    );
}

#[test]
fn options_lists_the_methods_unless_a_route_answers_itself() {
    let server = shop();
    let answer = server.send("OPTIONS", "shop.localhost", "/orders/1", "");
    assert_eq!((answer.status, &*answer.body), (204, ""));
    assert_eq!(answer.header("allow"), Some("get, head, options"));
    assert_eq!(
        server.send("OPTIONS", "shop.localhost", "/own", "").body,
        "hello"
    );
    assert_eq!(
        server
            .send("OPTIONS", "shop.localhost", "/nothing", "")
            .status,
        404
    );
}

#[test]
fn domains_and_old_names_lead_to_the_app_and_the_default_takes_the_rest() {
    let server = shop();
    let other = server.app("other", true);
    server.deploy(
        other,
        &[("main", "text other")],
        &crate::server::all_to_main(),
    );
    server.change(move |change| {
        let domain = "*.example.com".parse().unwrap();
        store::apps::claim_domain(change, other, &domain, Timestamp(1))?;
        let old = store::apps::get(change.conn(), other)?.unwrap();
        let mut new = old.clone();
        new.slug = "renamed".parse().unwrap();
        store::apps::update(change, &old, &new)
    });
    server.refresh(other).unwrap();
    for host in [
        "a.example.com",
        "renamed.localhost",
        "other.localhost",
        "127.0.0.1",
        "[::1]:80",
    ] {
        assert_eq!(server.send("GET", host, "/", "").body, "other", "{host}");
    }
    assert_eq!(server.get("/").body, "hello");
}

#[test]
fn routes_for_tokens_ask_for_a_fitting_one() {
    let server = Server::start();
    let (app, other) = (server.app("shop", false), server.app("other", false));
    let routes = json!([{"path": "/", "script": "main", "auth": "token"}]);
    server.deploy(app, &[("main", "text in")], &routes);
    let ask = |secret: &str| {
        let header = format!("Authorization: {secret}\r\n");
        server.send("GET", "shop.localhost", "/", &header)
    };
    let good = server.token(Some(app), r#"["invoke"]"#, None);
    let admin = server.token(None, r#"["admin"]"#, Some(Timestamp(i64::MAX)));
    for (header, status) in [
        (format!("Bearer {good}"), 200),
        (format!("bearer {good}"), 200),
        (format!("Bearer {admin}"), 200),
        (format!("Basic {good}"), 401),
        ("Bearer ".to_owned(), 401),
        ("Bearer pic_guess".to_owned(), 401),
        (
            format!(
                "Bearer {}",
                server.token(Some(other), r#"["invoke"]"#, None)
            ),
            403,
        ),
        (
            format!(
                "Bearer {}",
                server.token(None, r#"["read","deploy"]"#, None)
            ),
            403,
        ),
        (
            format!(
                "Bearer {}",
                server.token(None, r#"["invoke"]"#, Some(Timestamp(9)))
            ),
            401,
        ),
    ] {
        let answer = ask(&header);
        assert_eq!(answer.status, status, "{header}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
    }
    let none = server.get("/");
    assert_eq!((none.status, &*none.code()), (401, "token_required"));
}

#[test]
fn a_revoked_token_ends_with_the_next_change_of_the_catalog() {
    let server = Server::start();
    let app = server.app("shop", false);
    let routes = json!([{"path": "/", "script": "main", "auth": "token"}]);
    server.deploy(app, &[("main", "text in")], &routes);
    let secret = server.token(None, r#"["invoke"]"#, None);
    let ask = || {
        let header = format!("Authorization: Bearer {secret}\r\n");
        server.send("GET", "shop.localhost", "/", &header).status
    };
    assert_eq!(ask(), 200);
    server.write(|conn| {
        let id = store::people::tokens(conn)?[0].id;
        store::people::delete_token(conn, id)
    });
    server.store_release(app, &[("main", "text in")], &routes);
    server.refresh(app).unwrap();
    assert_eq!(ask(), 401);
}

#[test]
fn forwarded_headers_count_only_from_trusted_proxies() {
    let forwarded =
        "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.7\r\nX-Forwarded-Proto: https\r\n";
    for (trusted, ip, scheme) in [
        (vec![], "127.0.0.1", "http"),
        (vec!["127.0.0.1"], "10.0.0.7", "https"),
        (vec!["127.0.0.0/8", "10.0.0.0/8"], "203.0.113.9", "https"),
    ] {
        let mut setup = crate::server::Setup::default();
        setup.ingress.trusted_proxies = trusted.iter().map(|n| n.parse().unwrap()).collect();
        let server = Server::with(setup);
        server.shop("echo");
        let echo = server.send("GET", "shop.localhost", "/", forwarded).json();
        assert_eq!((&echo["ip"], &echo["scheme"]), (&json!(ip), &json!(scheme)));
    }
}

#[test]
fn the_clients_port_in_a_forwarded_address_does_not_hide_the_address() {
    let mut setup = crate::server::Setup::default();
    setup.ingress.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let server = Server::with(setup);
    server.shop("echo");
    for (forwarded, ip) in [
        ("203.0.113.9:51234", "203.0.113.9"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("6.6.6.6, 203.0.113.9:1, 127.0.0.7:2", "203.0.113.9"),
        ("6.6.6.6, unknown", "127.0.0.1"),
        ("203.0.113.9:99999", "127.0.0.1"),
    ] {
        let headers = format!("X-Forwarded-For: {forwarded}\r\n");
        let echo = server.send("GET", "shop.localhost", "/", &headers).json();
        assert_eq!(echo["ip"], json!(ip), "{forwarded}");
    }
}
