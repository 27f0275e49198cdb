//! The one list of operations: router and OpenAPI document are made from it together.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn, Paths};
use utoipa::openapi::schema::Schema;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::auth::{Decided, Decision};
use crate::error::invalid_query;
use crate::handlers::{
    apps, by_hand, dead_letters, deliveries, domains, env, event_tail, events, executions, kv,
    logs, modules, queues, releases, routes as route_list, runs, scripts, sessions, setup, storage,
    system, tokens, triggers,
};
use crate::manager::Manager;
use crate::openapi;

/// Where the API lives.
pub(crate) const PREFIX: &str = "/api/v1";

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// Whether the document is wanted. A router needs none, and each start makes one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Described {
    Yes,
    No,
}

/// Operations on their way into a router.
struct Operations {
    described: Described,
    router: Router<Arc<Manager>>,
    paths: Paths,
    schemas: Schemas,
}

/// What a handler's first extractor decides. Handlers without one do not fit here.
fn decision<H, T>(_: H) -> Decision
where
    H: Handler<T, Arc<Manager>>,
    T: Decided,
{
    T::DECISION
}

macro_rules! operations {
    ($all:expr; $($handler:path),+ $(,)?) => {
        $($all.add(decision($handler), routes!($handler));)+
    };
}

fn all(described: Described) -> Operations {
    let mut all = Operations::new(described);
    of_apps(&mut all);
    of_events(&mut all);
    all
}

fn of_apps(all: &mut Operations) {
    operations![all;
        setup::state,
        setup::create_owner,
        sessions::sign_in,
        sessions::sign_out,
        sessions::me,
        tokens::list,
        tokens::create,
        tokens::get,
        tokens::delete,
        apps::list,
        apps::create,
        apps::get,
        apps::update,
        apps::delete,
        storage::get, storage::set,
        domains::list,
        domains::claim,
        domains::get,
        domains::give_up,
        releases::check_new_app,
        releases::missing_contents,
        releases::list,
        releases::deploy,
        releases::get,
        releases::rollback,
        scripts::list,
        scripts::get,
        scripts::versions,
        scripts::version,
        runs::validate,
        runs::run,
        runs::invoke,
        modules::list,
        modules::get,
        route_list::list,
        route_list::preview,
        env::list,
        env::set,
        env::delete,
        kv::collections, kv::list, kv::get, kv::set, kv::delete,
        executions::list,
        executions::get,
        logs::list,
        logs::tail,
        system::instance,
        system::audit,
        system::document,
    ];
}

fn of_events(all: &mut Operations) {
    operations![all;
        triggers::list,
        triggers::preview,
        triggers::pause,
        triggers::resume,
        by_hand::fire,
        deliveries::list,
        deliveries::get,
        deliveries::run,
        deliveries::delay,
        deliveries::cancel,
        deliveries::purge,
        queues::list,
        queues::get,
        queues::send,
        events::get,
        event_tail::tail,
        dead_letters::list,
        dead_letters::get,
        dead_letters::replay,
        dead_letters::replay_many,
        dead_letters::delete,
        dead_letters::purge,
    ];
}

impl Operations {
    fn new(described: Described) -> Self {
        Self {
            described,
            router: Router::new(),
            paths: Paths::new(),
            schemas: Schemas::new(),
        }
    }

    fn add(
        &mut self,
        decision: Decision,
        (schemas, paths, mut methods): UtoipaMethodRouter<Arc<Manager>>,
    ) {
        let described = self.described == Described::Yes;
        if described {
            self.schemas.extend(schemas);
        }
        for (path, mut item) in paths.paths {
            let several = openapi::operations(&mut item).count() > 1;
            let mut known = None;
            for (method, operation) in openapi::operations(&mut item) {
                openapi::complete(operation, decision, several.then_some(method));
                known = query_parameters(operation);
            }
            // Direct calls hand their query to the script.
            if !path.ends_with("/invoke") {
                let known = known.unwrap_or_default();
                methods = methods.layer(from_fn(move |request: Request, next: Next| {
                    let known = Arc::clone(&known);
                    async move { only_known(&known, request, next).await }
                }));
            }
            self.router = std::mem::take(&mut self.router)
                .route(&router_path(&path), std::mem::take(&mut methods));
            if !described {
                continue;
            }
            let path = format!("{PREFIX}{path}");
            match self.paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                None => drop(self.paths.paths.insert(path, item)),
            }
        }
    }
}

/// A module's name has slashes; OpenAPI knows no parameters that do.
fn router_path(path: &str) -> String {
    path.replace("/{module}", "/{*module}")
}

fn query_parameters(operation: &Operation) -> Option<Arc<[String]>> {
    let parameters = operation.parameters.as_ref()?;
    let query = parameters
        .iter()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
        .filter(|parameter| parameter.parameter_in == ParameterIn::Query)
        .map(|parameter| parameter.name.clone());
    Some(query.collect())
}

/// Refuses query parameters an operation does not have: one that is ignored is a lie.
async fn only_known(known: &[String], request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let unknown = query
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .find(|name| !name.is_empty() && !known.iter().any(|known| known == name));
    match unknown {
        Some(name) => {
            let shown: String = name.chars().take(60).collect();
            let list = match known {
                [] => "it has none".to_owned(),
                known => format!("it has {}", known.join(", ")),
            };
            let detail = format!("the operation has no query parameter `{shown}`; {list}");
            invalid_query(detail).into_response()
        }
        None => next.run(request).await,
    }
}

/// Everything on the admin origin: operations below `/api/v1`, documents, the dashboard. Answers every path
/// with a response; it does not panic.
pub fn router(manager: &Arc<Manager>) -> Router {
    let inner = Router::new()
        .nest(PREFIX, all(Described::No).router)
        .layer(from_fn_with_state(
            Arc::clone(manager),
            crate::once_layer::once,
        ))
        .merge(crate::pages::router())
        .with_state(Arc::clone(manager));
    // Around it as a whole: a router adds `Allow` to an answer last.
    Router::new()
        .fallback_service(inner)
        .layer(from_fn_with_state(Arc::clone(manager), crate::layer::outer))
}

/// The OpenAPI document, made anew; as `api/openapi.json` it is committed and served.
pub fn openapi_json() -> String {
    let all = all(Described::Yes);
    openapi::text(all.paths, all.schemas)
}
