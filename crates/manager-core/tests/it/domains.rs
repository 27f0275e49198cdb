//! Who may claim which host.

use serde_json::{Value, json};

use crate::world::{Ask, Reply, World};

async fn claim(world: &World, bearer: &str, domain: &str) -> Reply {
    let ask = Ask::new("POST", "/apps/shop/domains").auth(bearer);
    world.send(ask.json(&json!({"domain": domain}))).await
}

#[tokio::test]
async fn nobody_claims_a_host_of_the_instance() {
    let world = World::with_owner().await;
    for domain in [
        "admin.example.net",
        "*.example.net",
        "cloud.example.net",
        "machine.local",
    ] {
        let refused = claim(&world, &world.local, domain).await;
        refused.problem(409, "domain_reserved");
    }
    for domain in ["shop.example.com", "*.shop.example.com", "shop.local"] {
        let claimed = claim(&world, &world.local, domain).await.expect(201);
        assert_eq!(claimed.json()["refused"], Value::Null);
    }
    world
        .post("/apps", &json!({"name": "dash"}))
        .await
        .problem(409, "domain_reserved");
    let renamed = Ask::new("PATCH", "/apps/shop").auth(&world.local);
    let renamed = world.send(renamed.json(&json!({"name": "dash"}))).await;
    renamed.problem(409, "domain_reserved");
}

#[tokio::test]
async fn only_the_owner_claims_without_a_proof() {
    let world = World::with_owner().await;
    let bound = world.token(&["admin"], Some("shop")).await;
    let deploy = world.token(&["deploy"], None).await;
    let whole = world.token(&["admin"], None).await;
    let refusal = |reply: Reply| {
        let problem = reply.problem(403, "domain_unproven").json();
        problem["detail"].as_str().unwrap().to_owned()
    };
    for bearer in [&bound, &deploy] {
        let told = refusal(claim(&world, bearer, "a.example.org").await);
        assert!(
            told.contains("http://a.example.org/.well-known/picloud-domain-proof/"),
            "{told}"
        );
        assert!(told.contains("nothing is there"), "{told}");
        refusal(claim(&world, bearer, "*.example.org").await);
        // What is reserved is not even asked for.
        claim(&world, bearer, "admin.example.net")
            .await
            .problem(409, "domain_reserved");
    }
    claim(&world, &whole, "a.example.org").await.expect(201);
    *world.proves.lock().unwrap() = true;
    claim(&world, &bound, "b.example.org").await.expect(201);
    refusal(claim(&world, &bound, "*.b.example.org").await);
    claim(&world, &deploy, "b.example.org")
        .await
        .problem(409, "already_exists");
}

#[tokio::test]
async fn a_claim_that_settings_have_overtaken_is_shown_with_the_reason() {
    let world = World::with_owner().await;
    let app = world.get("/apps/shop").await.expect(200).json();
    let id = app["id"].as_str().unwrap().parse().unwrap();
    let now = shared::clock::Timestamp(1);
    for domain in ["admin.example.net", "free.example.org"] {
        let domain = domain.parse().unwrap();
        let claimed = world.store.change::<_, store::StoreError>(move |change| {
            store::apps::claim_domain(change, id, &domain, now)
        });
        drop(claimed.await.unwrap());
    }
    let list = world.get("/apps/shop/domains").await.expect(200).json();
    let refused = list["items"][0]["refused"].as_str().unwrap();
    assert!(refused.contains("`admin_url`"), "{refused}");
    assert_eq!(list["items"][1]["refused"], Value::Null);
    let app = world.get("/apps/shop").await.json();
    assert_eq!(app["url"], "http://free.example.org:8080");
    world
        .delete("/apps/shop/domains/admin.example.net")
        .await
        .expect(204);
}
