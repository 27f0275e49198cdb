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
    server.refresh(app).unwrap();
    let routes = json!([{"path": "/a", "script": "a"}]);
    server.deploy(app, &[("a", "text 1"), ("b", "text 2")], &routes);
    server.deploy(app, &[("a", "text 1"), ("b", "text 3")], &routes);
    server.refresh(app).unwrap();
    assert_eq!(
        *server.fake.warmed.lock().unwrap(),
        ["text 1", "text 2", "text 3"]
    );
}

/// A start with a thousand scripts takes no longer than one with none.
#[test]
fn what_was_deployed_before_the_start_is_compiled_when_it_is_called() {
    let server = Server::start();
    let app = server.app("shop", false);
    server.store_release(app, &[("main", "text one")], &all_to_main());
    server.refresh(app).unwrap();
    assert!(server.fake.warmed.lock().unwrap().is_empty());
    assert_eq!(server.get("/").body, "one");
}

/// Waits until a `slow` source is being compiled.
fn compiles(server: &Server) {
    let permit = server.runtime.block_on(server.fake.compiling.acquire());
    permit.unwrap().forget();
}

#[test]
fn what_compiles_slowly_holds_up_no_other_app() {
    let server = Server::start();
    let (slow, other) = (server.shop("text one"), server.app("other", false));
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| server.deploy(slow, &[("main", "slow two")], &all_to_main()));
        compiles(&server);
        for text in ["text 1", "text 2"] {
            server.deploy(other, &[("main", text)], &all_to_main());
            let answer = server.send("GET", "other.localhost", "/", "").body;
            assert_eq!(format!("text {answer}"), text);
        }
        assert!(!deploy.is_finished());
        assert_eq!(server.get("/").body, "one", "nothing is served in parts");
        server.fake.compile.add_permits(1);
        deploy.join().unwrap();
    });
    assert_eq!(server.get("/").body, "two");
}

#[test]
fn an_older_load_never_replaces_a_newer_one() {
    let server = Server::start();
    let app = server.shop("text one");
    std::thread::scope(|scope| {
        let older = scope.spawn(|| server.deploy(app, &[("main", "slow two")], &all_to_main()));
        compiles(&server);
        server.deploy(app, &[("main", "text three")], &all_to_main());
        assert_eq!(server.get("/").body, "three");
        server.fake.compile.add_permits(1);
        older.join().unwrap();
    });
    assert_eq!(server.get("/").body, "three");
}

#[test]
fn what_is_being_loaded_does_not_bring_a_deleted_app_back() {
    let server = Server::start();
    let app = server.shop("text one");
    std::thread::scope(|scope| {
        let load = scope.spawn(|| server.deploy(app, &[("main", "slow two")], &all_to_main()));
        compiles(&server);
        server.change(move |change| store::apps::delete(change, app));
        server.refresh(app).unwrap();
        assert_eq!(server.get("/").code(), "no_app");
        server.fake.compile.add_permits(1);
        load.join().unwrap();
    });
    assert_eq!(server.get("/").code(), "no_app");
}

#[test]
fn who_waits_for_the_same_change_waits_for_one_load() {
    let server = Server::start();
    let app = server.shop("text one");
    server.store_release(app, &[("main", "slow two")], &all_to_main());
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| server.refresh(app)))
            .collect();
        compiles(&server);
        server.fake.compile.add_permits(4);
        for waiting in waiting {
            waiting.join().unwrap().unwrap();
        }
    });
    assert_eq!(*server.fake.warmed.lock().unwrap(), ["slow two"]);
    assert_eq!(server.get("/").body, "two");
}

#[test]
fn the_catalog_follows_by_itself() {
    let server = Server::start();
    let (app, gone) = (server.shop("text one"), server.app("gone", false));
    let following = server
        .runtime
        .spawn(server.orchestrator.catalog().follow(true));
    server.store_release(app, &[("main", "text two")], &all_to_main());
    server.store_release(gone, &[("main", "text gone")], &all_to_main());
    while server.get("/").body != "two" {}
    while server.send("GET", "gone.localhost", "/", "").body != "gone" {}
    server.change(move |change| store::apps::delete(change, gone));
    while server.send("GET", "gone.localhost", "/", "").status != 404 {}
    following.abort();
}

#[test]
fn the_default_app_stays_until_the_next_one_is_there() {
    let server = Server::start();
    let old = server.app("old", true);
    server.deploy(old, &[("main", "text old")], &all_to_main());
    let next = server.app("next", false);
    server.store_release(next, &[("main", "text next")], &all_to_main());
    server.change(move |change| {
        let before = store::apps::get(change.conn(), next)?.unwrap();
        let mut after = before.clone();
        after.is_default = true;
        store::apps::update(change, &before, &after)
    });
    let unclaimed = || server.send("GET", "nobody.example.org", "/", "").body;
    server.refresh(old).unwrap();
    assert_eq!(unclaimed(), "old");
    server.refresh(next).unwrap();
    assert_eq!(unclaimed(), "next");
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
    server.change(move |change| store::apps::delete(change, app));
    server.refresh(app).unwrap();
    assert_eq!(server.get("/").code(), "no_app");
    assert_eq!(server.send("GET", "other.localhost", "/", "").body, "other");
}

#[test]
fn loads_that_hang_keep_no_other_app_waiting() {
    let server = Server::start();
    let stuck: Vec<_> = (0..9)
        .map(|at| server.app(&format!("stuck-{at}"), false))
        .collect();
    let other = server.shop("text one");
    let following = server
        .runtime
        .spawn(server.orchestrator.catalog().follow(true));
    for app in stuck {
        server.refresh(app).unwrap();
        server.store_release(app, &[("main", "slow never")], &all_to_main());
        compiles(&server);
    }
    server.store_release(other, &[("main", "text two")], &all_to_main());
    while server.get("/").body != "two" {}
    following.abort();
}
