//! Cross-origin rules, as data.

use serde_json::json;

use crate::server::Server;

fn server(rules: serde_json::Value) -> Server {
    let server = Server::start();
    let app = server.app("shop", false);
    let routes = json!([
        {"method": "POST", "path": "/", "script": "main", "cors": rules},
        {"method": "GET", "path": "/", "script": "main"},
    ]);
    server.deploy(app, &[("main", "headers")], &routes);
    server
}

#[test]
fn answers_carry_the_origin_only_when_it_may_read_them() {
    for (rules, origin, allowed, credentials) in [
        (
            json!({"origins": ["https://a.example"]}),
            "https://a.example",
            Some("https://a.example"),
            false,
        ),
        (
            json!({"origins": ["https://a.example"]}),
            "https://b.example",
            None,
            false,
        ),
        (
            json!({"origins": ["https://a.example"]}),
            "null",
            None,
            false,
        ),
        (
            json!({"origins": ["*"]}),
            "https://b.example",
            Some("*"),
            false,
        ),
        (
            json!({"origins": ["*"], "credentials": true}),
            "https://b.example",
            None,
            false,
        ),
        (
            json!({"origins": ["https://a.example"], "credentials": true}),
            "https://a.example",
            Some("https://a.example"),
            true,
        ),
    ] {
        let server = server(rules.clone());
        let header = format!("Origin: {origin}\r\nContent-Length: 0\r\n");
        let answer = server.send("POST", "shop.localhost", "/", &header);
        assert_eq!(answer.status, 200);
        let got = answer.header("access-control-allow-origin");
        assert_eq!(got, allowed, "{rules} {origin}");
        let with = answer.header("access-control-allow-credentials");
        assert_eq!(with.is_some(), credentials, "{rules} {origin}");
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}

#[test]
fn a_preflight_is_answered_for_the_route_it_asks_about() {
    let server = server(json!({
        "origins": ["https://a.example"], "headers": ["X-One", "X-Two"], "expose": ["X-Total"],
        "credentials": true, "max_age": "10m",
    }));
    let ask = |origin: &str, method: &str| {
        let headers = format!(
            "Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n\
             Access-Control-Request-Headers: x-one\r\n"
        );
        server.send("OPTIONS", "shop.localhost", "/", &headers)
    };
    let yes = ask("https://a.example", "POST");
    assert_eq!(yes.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://a.example"),
        ("access-control-allow-methods", "post"),
        ("access-control-allow-headers", "x-one, x-two"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "600"),
    ] {
        assert_eq!(yes.header(name), Some(value), "{name}");
    }
    assert!(yes.header("vary").unwrap().starts_with("origin"));
    for (origin, method) in [
        ("https://b.example", "POST"),
        ("https://a.example", "GET"),
        ("https://a.example", "PUT"),
        ("https://a.example", "brew"),
    ] {
        let no = ask(origin, method);
        assert_eq!(no.status, 204);
        assert_eq!(
            no.header("access-control-allow-origin"),
            None,
            "{origin} {method}"
        );
    }
    let post = "Origin: https://a.example\r\nContent-Length: 0\r\n";
    let answer = server.send("POST", "shop.localhost", "/", post);
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some("x-total")
    );
}

#[test]
fn answers_of_the_platform_can_be_read_too() {
    let server = server(json!({"origins": ["https://a.example"]}));
    for (method, more, status) in [
        ("PUT", "Content-Length: 0\r\n", 405),
        ("DELETE", "", 405),
        ("OPTIONS", "", 204),
        ("POST", "Content-Length: 99999999\r\n", 413),
    ] {
        let header = format!("Origin: https://a.example\r\n{more}");
        let answer = server.send(method, "shop.localhost", "/", &header);
        assert_eq!(answer.status, status, "{method}");
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://a.example"), "{method}");
        assert!(
            answer.headers("vary").join(",").contains("origin"),
            "{method}"
        );
        let other = format!("Origin: https://b.example\r\n{more}");
        let answer = server.send(method, "shop.localhost", "/", &other);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{method}"
        );
    }
}
