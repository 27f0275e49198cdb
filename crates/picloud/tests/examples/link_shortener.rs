//! `examples/link-shortener`.

use serde_json::{Value, json};
use test_support::{Reply, Server};

use crate::support::serve;

fn post_json(server: &Server, body: &Value) -> Reply {
    let json = [("content-type", "application/json")];
    server.request("POST", "/links", &json, body.to_string())
}

fn post_form(server: &Server, body: &str) -> Reply {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    server.request("POST", "/links", &form, body)
}

fn hits(server: &Server, code: &str) -> Value {
    let link = server.get(&format!("/links/{code}")).expect(200).json();
    link["hits"].clone()
}

#[test]
fn a_link_is_made_followed_and_counted() {
    let server = serve("link-shortener");
    let url = "https://example.com/a/long/path?q=1&r=2#part";
    let made = post_json(&server, &json!({ "url": url }))
        .expect(201)
        .json();
    let code = made["code"].as_str().unwrap();
    assert_eq!(code.len(), 7);
    assert_eq!(made["short"], format!("{}/{code}", server.url()));
    assert_eq!(hits(&server, code), 0);
    for visit in 1..=3 {
        let reply = server.get(&format!("/{code}")).expect(302);
        assert_eq!(reply.header("location"), Some(url));
        assert_eq!(hits(&server, code), visit);
    }
    let head = server.request("HEAD", &format!("/{code}"), &[], "");
    assert_eq!(head.expect(302).header("location"), Some(url));
    assert_eq!(hits(&server, code), 3, "asking is not visiting");
}

#[test]
fn a_code_of_ones_own_belongs_to_the_first() {
    let server = serve("link-shortener");
    let wish = |url: &str| json!({ "url": url, "code": "mine" });
    post_json(&server, &wish("https://example.com/1")).expect(201);
    post_json(&server, &wish("https://example.com/2")).expect(409);
    let reply = server.get("/mine").expect(302);
    assert_eq!(reply.header("location"), Some("https://example.com/1"));
    for bad in [
        "ab",
        "links",
        "readyz",
        "a/b",
        "a b",
        "<b>",
        "ü-ü",
        &"x".repeat(33),
    ] {
        let wish = json!({ "url": "https://example.com", "code": bad });
        post_json(&server, &wish).expect(400);
    }
    post_json(&server, &json!({ "url": "https://example.com", "code": 7 })).expect(400);
}

#[test]
fn what_is_not_an_address_is_refused() {
    let server = serve("link-shortener");
    let long = format!("https://example.com/{}", "x".repeat(2_048));
    for bad in [
        "",
        "example.com",
        "//example.com",
        "/path",
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,hi",
        "ftp://example.com",
        "https://",
        "https:///path",
        "https://?q",
        "http://user@example.com",
        "https://good.example@evil.example/",
        "https://example.com/a b",
        "https://example.com\\@evil.example",
        "https://example.com/\r\nset-cookie: a=b",
        "https://example.com/\u{0}",
        &long,
    ] {
        post_json(&server, &json!({ "url": bad })).expect(400);
    }
    for bad in [
        json!({}),
        json!({ "url": 7 }),
        json!({ "url": null }),
        json!([]),
        json!("x"),
    ] {
        post_json(&server, &bad).expect(400);
    }
    let json = [("content-type", "application/json")];
    server.request("POST", "/links", &json, "{").expect(400);
    post_form(&server, "").expect(400);
    server.request("POST", "/links", &[], "url=x").expect(400);
    for missing in ["/nobody", "/links/nobody", "/%00%ff", "/ab"] {
        server.get(missing).expect(404);
    }
}

#[test]
fn the_page_shows_hostile_addresses_and_runs_nothing() {
    let server = serve("link-shortener");
    let hostile = "https://example.com/\"><script>alert('1')</script>&x=1";
    let form = "url=https://example.com/%22%3E%3Cscript%3Ealert('1')%3C/script%3E%26x=1&code=";
    let made = post_form(&server, form).expect(201);
    let home = server.get("/").expect(200);
    for page in [&made, &home] {
        let text = page.text();
        assert!(!text.contains("<script"), "{text}");
        let shown =
            "https://example.com/&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;x=1";
        assert!(text.contains(shown), "{text}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    assert!(
        home.text()
            .contains("<form method=\"post\" action=\"/links\">")
    );
    post_json(&server, &json!({ "url": hostile, "code": "hostile" })).expect(201);
    let to = server.get("/hostile").expect(302);
    let to = to.header("location").unwrap();
    assert!(to.starts_with("https://example.com/"), "{to}");
    assert!(!to.contains(['\r', '\n', ' ']), "{to}");
    let link = server.get("/links/hostile").expect(200).json();
    assert_eq!(link["url"], hostile);
}
