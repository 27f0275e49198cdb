//! Every operation of the document, for every kind of caller who may not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Ask, World};

/// An operation as the document describes it.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    /// Below `/api/v1`, with parameters in braces.
    pub(crate) path: String,
    pub(crate) public: bool,
    pub(crate) scope: Option<String>,
    pub(crate) whole_instance: bool,
    pub(crate) query: Vec<String>,
}

/// All operations.
pub(crate) fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&manager_core::openapi_json()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let query = parameters.iter().filter(|p| p["in"] == "query");
            all.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.strip_prefix("/api/v1").unwrap().to_owned(),
                public: operation["security"].as_array().unwrap().is_empty(),
                scope: operation["x-needs"]["scope"].as_str().map(str::to_owned),
                whole_instance: operation["x-needs"]["whole_instance"] == true,
                query: query
                    .map(|p| p["name"].as_str().unwrap().to_owned())
                    .collect(),
            });
        }
    }
    all
}

/// A path with something good for every parameter.
pub(crate) fn filled(path: &str) -> String {
    [
        ("app", "shop"),
        ("script", "hello"),
        ("module", "lib"),
        ("collection", "orders"),
        ("key", "a"),
        ("name", "KEY"),
        ("number", "1"),
        ("version", "1"),
        ("id", "exe_00000000000000000000000000000000"),
        ("token", "tok_00000000000000000000000000000000"),
        ("domain", "shop.example.com"),
        ("dead_letter", "ded_00000000000000000000000000000000"),
        ("delivery", "1"),
        ("queue", "emails"),
        ("event", "evt_00000000000000000000000000000000"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), value)
    })
}

fn ask(operation: &Operation, bearer: &str) -> Ask {
    Ask::new(&operation.method, &filled(&operation.path))
        .auth(bearer)
        .json(&json!({}))
}

/// A scope that does not include another.
fn other_than(scope: &str) -> &'static str {
    match scope {
        "invoke" => "deploy",
        _ => "invoke",
    }
}

#[tokio::test]
async fn nobody_gets_where_they_may_not() {
    let world = World::with_owner().await;
    world
        .post("/apps", &json!({"name": "blog"}))
        .await
        .expect(201);
    let expired = world.token(&["admin"], None).await;
    world.clock.advance(Duration::from_hours(25));
    let elsewhere = world.token(&["admin"], Some("blog")).await;
    let (mut credentials, mut apps, mut scopes) = (0, 0, 0);
    for operation in operations() {
        if operation.public {
            continue;
        }
        credentials += 1;
        world
            .send(ask(&operation, ""))
            .await
            .problem(401, "unauthenticated");
        world
            .send(ask(&operation, &expired))
            .await
            .problem(401, "unauthenticated");
        if operation.path.contains("{app}") {
            apps += 1;
            world
                .send(ask(&operation, &elsewhere))
                .await
                .problem(404, "not_found");
        }
        if operation.whole_instance {
            world
                .send(ask(&operation, &elsewhere))
                .await
                .problem(403, "scope_required");
        }
        if let Some(scope) = &operation.scope {
            scopes += 1;
            let wrong = world.token(&[other_than(scope)], None).await;
            world
                .send(ask(&operation, &wrong))
                .await
                .problem(403, "scope_required");
        }
    }
    assert!(
        credentials >= 51 && apps >= 41 && scopes >= 49,
        "{credentials} {apps} {scopes}"
    );
    // None of that has changed anything.
    assert_eq!(
        world.get("/apps").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(world.active().await, None);
}

#[tokio::test]
async fn only_the_documented_operations_are_public() {
    let public: Vec<String> = operations()
        .into_iter()
        .filter(|o| o.public)
        .map(|o| o.id)
        .collect();
    assert_eq!(public, ["getOpenApi", "signIn", "getSetup", "createOwner"]);
}
