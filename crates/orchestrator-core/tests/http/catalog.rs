//! What is served changes as a whole.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::server::{Server, all_to_main};

#[test]
fn every_answer_is_entirely_the_old_or_the_new_release() {
    let server = Server::start();
    let app = server.app("shop", false);
    let routes = json!([{"path": "/a", "script": "a"}, {"path": "/b", "script": "b"}]);
    let release = |n: u32| {
        let text = format!("text {n}");
        server.deploy(app, &[("a", &text), ("b", &text)], &routes);
    };
    release(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking: Vec<_> = ["/a", "/b"]
            .into_iter()
            .map(|path| {
                let (server, done) = (&server, &done);
                scope.spawn(move || {
                    let mut last = 0;
                    while !done.load(Ordering::Relaxed) {
                        let answer = server.get(path);
                        assert_eq!(answer.status, 200);
                        let now: u32 = answer.body.parse().unwrap();
                        assert!(now >= last, "{now} after {last}");
                        last = now;
                    }
                })
            })
            .collect();
        for n in 1..30 {
            release(n);
            assert_eq!(
                server.get("/a").body,
                n.to_string(),
                "live when refresh resolves"
            );
            assert_eq!(server.get("/b").body, n.to_string());
        }
        done.store(true, Ordering::Relaxed);
        for thread in asking {
            thread.join().unwrap();
        }
    });
}

#[test]
fn only_what_changed_is_compiled_again() {
    let server = Server::start();
    let app = server.app("shop", false);
    let routes = json!([{"path": "/a", "script": "a"}]);
    server.deploy(app, &[("a", "text 1"), ("b", "text 2")], &routes);
    server.deploy(app, &[("a", "text 1"), ("b", "text 3")], &routes);
    server.refresh(app).unwrap();
    assert_eq!(
        *server.fake.warmed.lock().unwrap(),
        ["text 1", "text 2", "text 3"]
    );
}

#[test]
fn a_release_that_cannot_be_loaded_leaves_the_old_one_serving() {
    let server = Server::start();
    let app = server.shop("text old");
    server.store_release(app, &[("main", "text new")], &all_to_main());
    server.write(move |conn| {
        conn.execute("UPDATE releases SET snapshot = '{' WHERE number = 2", &[])
    });
    let error = server.refresh(app).unwrap_err();
    assert_eq!(error.code, "deployment_unreadable");
    assert_eq!(server.get("/").body, "old");
}

#[test]
fn an_app_that_is_gone_is_not_served_and_a_restart_finds_the_others() {
    let server = Server::start();
    let app = server.shop("text here");
    let other = server.app("other", false);
    server.store_release(other, &[("main", "text other")], &all_to_main());
    assert_eq!(server.send("GET", "other.localhost", "/", "").status, 404);
    let catalog = server.orchestrator.catalog();
    server.runtime.block_on(catalog.load_all()).unwrap();
    assert_eq!(server.send("GET", "other.localhost", "/", "").body, "other");
    server.write(move |conn| store::apps::delete(conn, app));
    server.refresh(app).unwrap();
    assert_eq!(server.get("/").code(), "no_app");
    assert_eq!(server.send("GET", "other.localhost", "/", "").body, "other");
    assert!(catalog.script(other, "main").is_some());
    assert!(catalog.script(app, "main").is_none());
}
