//! What people see who open the admin origin.

use crate::world::{Ask, Reply, World};

async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> Reply {
    let ask = Ask::new("GET", "").raw_path(path);
    let ask = headers
        .iter()
        .fold(ask, |ask, (name, value)| ask.header(name, value));
    world.send(ask).await
}

/// As a browser opens it.
async fn open(world: &World, path: &str) -> Reply {
    get(
        world,
        path,
        &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")],
    )
    .await
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

/// What follows `mark` in a page, up to the next `"`.
fn all<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let parts = text.split(mark).skip(1);
    parts.map(|part| part.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn the_documents_need_no_script_and_no_sign_in_and_all_links_lead_somewhere() {
    let world = World::new().await;
    let docs = open(&world, "/docs").await.expect(200);
    assert_eq!(docs.header("content-type"), "text/html; charset=utf-8");
    let policy = docs.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    let text = text(&docs);
    assert!(!text.contains("<script") && !text.contains("style="));
    let links = all(&text, "href=\"");
    assert!(links.len() > 40, "every error has its page");
    for link in links {
        assert!(link.starts_with('/'), "nothing from elsewhere: {link}");
        open(&world, link).await.expect(200);
    }
}

#[tokio::test]
async fn every_address_a_browser_opens_is_the_dashboards_page() {
    let world = World::new().await;
    let home = open(&world, "/").await.expect(200);
    assert_eq!(home.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(home.header("cache-control"), "no-cache");
    for path in [
        "/setup?token=pic_set_x%3Cscript%3E",
        "/login?next=//evil.example",
        "/apps/shop/queues/orders.new",
        "/%ff%00",
        "//evil.example/x",
        "/docsx",
        "/apiary",
    ] {
        let page = open(&world, path).await.expect(200);
        assert_eq!(
            page.body, home.body,
            "{path}: nothing of the request is in it"
        );
    }
    // What the start-up output names works for programs as well.
    for path in ["/", "/setup?token=x"] {
        assert_eq!(get(&world, path, &[]).await.expect(200).body, home.body);
    }
}

#[tokio::test]
async fn what_is_missing_is_an_error_where_it_is_no_page() {
    let world = World::new().await;
    for path in [
        "/_app/immutable/chunks/gone.js",
        "/_app/version.txt",
        "/api/v1/nowhere",
        "/api/",
        "/docs/nowhere",
        "/docs/errors/nothing",
        "/.well-known/security.txt",
    ] {
        open(&world, path).await.problem(404, "not_found");
    }
    // Programs ask for pages nowhere.
    for accept in ["*/*", "application/json", ""] {
        get(&world, "/ap/v1/apps", &[("accept", accept)])
            .await
            .problem(404, "not_found");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let to = |path: &str| Ask::new(method, "").raw_path(path);
        let known = world.send(to("/")).await.problem(405, "method_not_allowed");
        assert_eq!(known.header("allow"), "GET, HEAD");
        world.send(to("/nowhere")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_page_runs_its_own_script_only() {
    let world = World::new().await;
    let page = open(&world, "/").await.expect(200);
    let header = page.header("content-security-policy");
    let text = text(&page);
    let [inside] = all(&text, "http-equiv=\"content-security-policy\" content=\"")[..] else {
        panic!("the page has one policy: {text}");
    };
    assert_eq!(header, format!("{inside}; frame-ancestors 'none'"));
    assert!(header.contains("default-src 'none'"), "{header}");
    assert!(header.contains("connect-src 'self';"), "{header}");
    let scripts = header
        .split(';')
        .find(|part| part.contains("script-src"))
        .unwrap();
    let words: Vec<&str> = scripts.split_whitespace().skip(1).collect();
    assert_eq!(words[0], "'self'");
    assert!(
        words[1..].iter().all(|word| word.starts_with("'sha256-")),
        "{scripts}"
    );
    assert!(words.len() > 1, "{scripts}");
    // Nothing is loaded from elsewhere.
    for mark in ["src=\"", "href=\"", "import(\""] {
        for address in all(&text, mark) {
            assert!(
                address.starts_with('/') && !address.starts_with("//"),
                "{address}"
            );
            get(&world, address, &[]).await.expect(200);
        }
    }
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.header("permissions-policy").contains("camera=()"));
}

#[tokio::test]
async fn files_are_compressed_tagged_and_cached_by_their_names() {
    let world = World::new().await;
    let page = text(&open(&world, "/").await.expect(200));
    let hashed = all(&page, "href=\"")
        .into_iter()
        .find(|link| link.contains("/assets/"))
        .unwrap();
    assert!(hashed.starts_with("/_app/immutable/"), "{hashed}");
    for (path, keep) in [
        (hashed, "public, max-age=31536000, immutable"),
        ("/theme.js", "no-cache"),
        ("/setup", "no-cache"),
    ] {
        let mut tags = Vec::new();
        let plain = get(&world, path, &[]).await.expect(200);
        assert!(!plain.headers.contains_key("content-encoding"));
        for (accept, encoding) in [
            ("gzip", "gzip"),
            ("br, gzip", "br"),
            ("br;q=0, gzip", "gzip"),
        ] {
            let reply = get(&world, path, &[("accept-encoding", accept)])
                .await
                .expect(200);
            assert_eq!(reply.header("content-encoding"), encoding);
            assert_eq!(reply.header("vary"), "accept-encoding");
            assert_eq!(reply.header("cache-control"), keep);
            assert_eq!(reply.header("content-type"), plain.header("content-type"));
            assert!(reply.body.len() < plain.body.len());
            let tag = reply.header("etag").to_owned();
            let asked = [("accept-encoding", accept), ("if-none-match", &tag)];
            let same = get(&world, path, &asked).await.expect(304);
            assert!(same.body.is_empty());
            assert_eq!(same.header("cache-control"), keep);
            tags.push(tag);
        }
        assert_ne!(tags[0], tags[1], "each form has its tag");
        get(&world, path, &[("if-none-match", "\"other\"")])
            .await
            .expect(200);
    }
}
