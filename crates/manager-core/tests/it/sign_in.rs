//! Setup, sessions, cookies, cross-site requests, throttling.

use std::task::Poll;
use std::time::Duration;

use serde_json::json;

use crate::world::{ADMIN, Ask, EMAIL, PASSWORD, Reply, World};

fn sign_in(email: &str, password: &str) -> Ask {
    Ask::new("POST", "/sessions").json(&json!({"email": email, "password": password}))
}

/// `name=value` of the cookie an answer sets.
fn cookie(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn setup_makes_the_owner_once() {
    let world = World::new().await;
    assert_eq!(
        world.get("/setup").await.expect(200).json(),
        json!({"needed": true})
    );
    let token = world.manager.setup_token().unwrap();
    let wrong = json!({"token": "pic_set_x", "email": EMAIL, "password": PASSWORD});
    let ask = Ask::new("POST", "/setup").json(&wrong);
    world.send(ask).await.problem(401, "setup_token_wrong");
    let short = json!({"token": token.expose(), "email": EMAIL, "password": "short"});
    let ask = Ask::new("POST", "/setup").json(&short);
    world.send(ask).await.problem(400, "invalid_value");

    let owner = world.set_up().await.expect(201);
    assert_eq!(owner.json()["role"], "owner");
    assert!(world.manager.setup_token().is_none());
    assert_eq!(world.get("/setup").await.json(), json!({"needed": false}));
    let again = json!({"token": token.expose(), "email": "eve@example.com", "password": PASSWORD});
    let ask = Ask::new("POST", "/setup").json(&again);
    world.send(ask).await.problem(409, "already_set_up");

    let me = Ask::new("GET", "/me").header("cookie", &cookie(&owner));
    assert_eq!(world.send(me).await.expect(200).json()["email"], EMAIL);
}

#[tokio::test]
async fn an_owner_made_by_another_server_ends_the_setup() {
    let world = World::new().await;
    let now = shared::clock::Timestamp(1);
    let user = store::people::UserRow {
        id: shared::id::UserId::new(now),
        email: EMAIL.to_owned(),
        password_hash: String::new(),
        role: "owner".to_owned(),
        created_at: now,
    };
    let made = world
        .store
        .write(move |conn| store::people::insert_user(conn, &user));
    let made: Result<_, store::StoreError> = made.await;
    made.unwrap();
    let state = world.get("/setup").await.expect(200).json();
    assert_eq!(state, json!({"needed": false}));
    assert!(world.manager.setup_token().is_none());
}

#[tokio::test]
async fn two_setups_at_once_make_one_owner() {
    let world = World::new().await;
    let token = world.manager.setup_token().unwrap();
    let setup = |email: &str| {
        let body = json!({"token": token.expose(), "email": email, "password": PASSWORD});
        world.send(Ask::new("POST", "/setup").json(&body))
    };
    let (a, b) = tokio::join!(setup("a@example.com"), setup("b@example.com"));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn guessing_the_setup_token_is_slowed_down() {
    let world = World::new().await;
    let body = json!({"token": "wrong", "email": EMAIL, "password": PASSWORD});
    let ask = || world.send(Ask::new("POST", "/setup").json(&body));
    for _ in 0..6 {
        ask().await.problem(401, "setup_token_wrong");
    }
    let slowed = ask().await.problem(429, "too_many_attempts");
    assert_eq!(slowed.header("retry-after"), "1");
    world.clock.advance(Duration::from_secs(1));
    world.set_up().await.expect(201);
}

#[tokio::test]
async fn a_session_starts_and_ends() {
    let world = World::with_owner().await;
    let signed_in = world.send(sign_in(EMAIL, PASSWORD)).await.expect(201);
    let set = signed_in.header("set-cookie");
    assert!(set.starts_with("picloud_session=pic_ses_"), "{set}");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"));
    assert!(!set.contains("Secure"));
    let cookie = cookie(&signed_in);
    let me = || Ask::new("GET", "/me").header("cookie", &cookie);
    world.send(me()).await.expect(200);
    let out = Ask::new("DELETE", "/sessions/current")
        .header("cookie", &cookie)
        .header("origin", ADMIN);
    let out = world.send(out).await.expect(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    world.send(me()).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let world = World::with_owner().await;
    let cookie = cookie(&world.send(sign_in(EMAIL, PASSWORD)).await.expect(201));
    world.clock.advance(Duration::from_hours(14 * 24));
    let me = Ask::new("GET", "/me").header("cookie", &cookie);
    world.send(me).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let world = World::with_owner().await;
    let signed_in = world
        .send(sign_in(EMAIL, PASSWORD).https())
        .await
        .expect(201);
    let set = signed_in.header("set-cookie");
    assert!(
        set.starts_with("__Host-picloud_session=") && set.contains("; Secure"),
        "{set}"
    );
    let cookie = cookie(&signed_in);
    let over = |https: bool| {
        let ask = Ask::new("GET", "/me").header("cookie", &cookie);
        world.send(if https { ask.https() } else { ask })
    };
    over(true).await.expect(200);
    over(false).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_cookie_changes_something_from_a_page_of_this_origin_only() {
    let world = World::with_owner().await;
    let cookie = cookie(&world.send(sign_in(EMAIL, PASSWORD)).await.expect(201));
    let ask = |headers: &[(&str, &str)]| {
        let ask = Ask::new("POST", "/apps").header("cookie", &cookie);
        let ask = headers
            .iter()
            .fold(ask, |ask, (name, value)| ask.header(name, value));
        world.send(ask.json(&json!({"name": "evil"})))
    };
    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "null")],
        &[("origin", "http://evil.example")],
        &[("origin", "http://localhost:8081.evil.example")],
        // A page of an app: the same host and site, another port.
        &[("origin", "http://localhost:8080")],
        &[
            ("origin", "http://localhost:8080"),
            ("host", "localhost:8080"),
        ],
        &[("origin", "http://localhost")],
        &[("origin", "https://localhost:8081")],
        &[("origin", "http://shop.localhost:8081")],
        &[("origin", ADMIN), ("sec-fetch-site", "same-site")],
        &[("origin", ADMIN), ("sec-fetch-site", "cross-site")],
        &[("origin", ADMIN), ("origin", "http://evil.example")],
        &[
            ("origin", "http://a"),
            ("host", "a"),
            ("sec-fetch-site", "same-origin"),
        ],
    ] {
        ask(headers).await.problem(403, "cross_site");
    }
    ask(&[("origin", ADMIN)]).await.expect(201);
    let both = [("origin", ADMIN), ("sec-fetch-site", "same-origin")];
    ask(&both).await.problem(409, "already_exists");
}

#[tokio::test]
async fn a_cookie_reads_nothing_for_a_page_of_another_origin() {
    let world = World::with_owner().await;
    let cookie = cookie(&world.send(sign_in(EMAIL, PASSWORD)).await.expect(201));
    let get = |path: &str, headers: &[(&str, &str)]| {
        let ask = Ask::new("GET", path).header("cookie", &cookie);
        let ask = headers
            .iter()
            .fold(ask, |ask, (name, value)| ask.header(name, value));
        world.send(ask)
    };
    for own in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", ADMIN)],
    ] {
        get("/apps", own).await.expect(200);
    }
    for other in [
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "cross-site"),
        ("origin", "http://localhost:8080"),
        ("origin", "null"),
    ] {
        get("/apps", &[other]).await.problem(403, "cross_site");
    }
    // A direct call of a script has effects.
    let call = "/apps/shop/scripts/hello/invoke";
    for headers in [&[][..], &[("sec-fetch-site", "none")]] {
        get(call, headers).await.problem(403, "cross_site");
    }
    let own = [("sec-fetch-site", "same-origin")];
    get(call, &own).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_cookie_that_another_page_of_the_host_added_hides_nothing() {
    let world = World::with_owner().await;
    let own = cookie(&world.send(sign_in(EMAIL, PASSWORD)).await.expect(201));
    let old = cookie(&world.send(sign_in(EMAIL, PASSWORD)).await.expect(201));
    let out = Ask::new("DELETE", "/sessions/current").header("cookie", &old);
    world.send(out.header("origin", ADMIN)).await.expect(204);
    for cookies in [
        format!("{old}; {own}"),
        format!("picloud_session=rubbish; {own}"),
        format!("{own}; {own}; {old}"),
    ] {
        let me = Ask::new("GET", "/me").header("cookie", &cookies);
        world.send(me).await.expect(200);
    }
    let me = Ask::new("GET", "/me").header("cookie", &old);
    world.send(me).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn nobody_is_signed_in_from_another_site() {
    let world = World::with_owner().await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://localhost:8080"),
        ("origin", "null"),
    ] {
        let ask = sign_in(EMAIL, PASSWORD).header(name, value);
        world.send(ask).await.problem(403, "cross_site");
    }
    let form = Ask::new("POST", "/sessions").bytes(
        "text/plain",
        format!(r#"{{"email":"{EMAIL}","password":"{PASSWORD}"}}"#),
    );
    world
        .send(form)
        .await
        .problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn unknown_people_and_wrong_passwords_look_the_same() {
    let world = World::with_owner().await;
    let wrong = world.send(sign_in(EMAIL, "not the password")).await;
    let unknown = world.send(sign_in("eve@example.com", PASSWORD)).await;
    let (wrong, unknown) = (
        wrong.problem(401, "sign_in_failed").json(),
        unknown.problem(401, "sign_in_failed").json(),
    );
    assert_eq!(wrong["detail"], unknown["detail"]);
    world
        .send(sign_in("not an address", "x"))
        .await
        .problem(400, "invalid_value");
    world
        .send(sign_in(&EMAIL.to_uppercase(), PASSWORD))
        .await
        .expect(201);
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down_and_the_owner_still_gets_in() {
    let world = World::with_owner().await;
    let from = |last: u8| [198, 51, 100, last];
    let guess = || world.send(sign_in(EMAIL, "guess").with_address(from(1)));
    for _ in 0..6 {
        guess().await.problem(401, "sign_in_failed");
    }
    guess().await.problem(429, "too_many_attempts");
    // From there even the right password has to wait.
    let right = || sign_in(EMAIL, PASSWORD);
    let waits = world.send(right().with_address(from(1))).await;
    waits.problem(429, "too_many_attempts");
    world.send(right().with_address(from(2))).await.expect(201);
    world.clock.advance(Duration::from_secs(1));
    world.send(right().with_address(from(1))).await.expect(201);
}

/// Addresses that guess at the same time.
const FLOOD: u16 = 1_000;

/// Waits for all.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| Some(Box::pin(future))).collect();
    let mut done = Vec::new();
    std::future::poll_fn(move |cx| {
        for slot in &mut waiting {
            let polled = slot.as_mut().map(|future| future.as_mut().poll(cx));
            if let Some(Poll::Ready(output)) = polled {
                *slot = None;
                done.push(output);
            }
        }
        if waiting.iter().all(Option::is_none) {
            return Poll::Ready(std::mem::take(&mut done));
        }
        Poll::Pending
    })
    .await
}

#[tokio::test]
async fn the_owner_signs_in_from_anywhere_during_a_flood() {
    let world = World::with_owner().await;
    let home = || sign_in(EMAIL, PASSWORD).with_address([192, 0, 2, 7]);
    world.send(home()).await.expect(201);
    let guess = async |n: u16| {
        let [high, low] = n.to_be_bytes();
        let ask = sign_in(EMAIL, "a wrong password").with_address([10, 0, high, low]);
        world.send(ask).await.status.as_u16()
    };
    let flood = all((0..FLOOD).map(guess));
    let known = async { world.send(home()).await.status.as_u16() };
    let elsewhere = sign_in(EMAIL, PASSWORD).with_address([203, 0, 113, 9]);
    let fresh = async { world.send(elsewhere).await.status.as_u16() };
    tokio::select! {
        biased;
        _ = flood => panic!("the owner waited for all of it"),
        both = async { tokio::join!(known, fresh) } => assert_eq!(both, (201, 201)),
    }
    // Each of them has had its guess, and waits.
    let again = sign_in(EMAIL, "another").with_address([10, 0, 3, 1]);
    world.send(again).await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn what_everybody_may_send_is_small() {
    let world = World::new().await;
    let long = "x".repeat(5_000);
    let body = json!({"email": EMAIL, "password": long, "token": "x"});
    for path in ["/sessions", "/setup"] {
        let ask = Ask::new("POST", path).json(&body);
        world.send(ask).await.problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn the_local_credential_works_before_there_is_an_owner() {
    let world = World::new().await;
    let me = world.get("/me").await.expect(200).json();
    assert_eq!(
        (me["email"].as_str(), me["role"].as_str()),
        (Some("local"), Some("owner"))
    );
    world
        .post("/apps", &json!({"name": "shop"}))
        .await
        .expect(201);
    let token = json!({"name": "ci", "scopes": ["read"]});
    world.post("/tokens", &token).await.problem(409, "no_owner");
    world.set_up().await.expect(201);
    world.post("/tokens", &token).await.expect(201);
    world
        .delete("/sessions/current")
        .await
        .problem(404, "not_found");
    // A new one replaces it.
    let _newer = world.manager.issue_local_token();
    world.get("/me").await.problem(401, "unauthenticated");
}
