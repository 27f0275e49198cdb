//! The OpenAPI 3.1 document, made from the handlers.

mod generators;
mod patterns;

use std::collections::BTreeMap;

use shared::error::Problem;
use shared::script_error::{Diagnostic, Severity};
use utoipa::PartialSchema as _;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem, Paths};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    ResponseBuilder,
};

use crate::auth::Decision;

/// The document as it is committed, which is what is served: making it anew takes megabytes. A test
/// says when it is stale.
pub(crate) const COMMITTED: &str = include_str!("../../../api/openapi.json");

/// The operations of a path with their methods.
pub(crate) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("Get", &mut item.get),
        ("Post", &mut item.post),
        ("Put", &mut item.put),
        ("Patch", &mut item.patch),
        ("Delete", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(name, operation)| Some((name, operation.as_mut()?)))
}

/// Adds what all operations have in common: the authorization its type demands, and problems.
/// `method` tells operations apart that one handler answers.
pub(crate) fn complete(operation: &mut Operation, decision: Decision, method: Option<&str>) {
    if let (Some(method), Some(id)) = (method, &mut operation.operation_id) {
        id.push_str(method);
    }
    let empty: [&str; 0] = [];
    match decision {
        Decision::Public => operation.security = Some(Vec::new()),
        Decision::Credential {
            scope,
            whole_instance,
        } => {
            operation.security = Some(vec![
                SecurityRequirement::new("token", empty),
                SecurityRequirement::new("session", empty),
            ]);
            let scope = scope.map(crate::auth::scope_name);
            // One extension: several would come in any order.
            let needs = serde_json::json!({"scope": scope, "whole_instance": whole_instance});
            let extensions = Extensions::builder().add("x-needs", needs).build();
            operation
                .extensions
                .get_or_insert_default()
                .merge(extensions);
        }
    }
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new()
        .description("What went wrong and what to do next.")
        .content(Problem::MEDIA_TYPE, problem)
        .build();
    let responses = &mut operation.responses.responses;
    responses.insert("default".to_owned(), RefOr::T(response));
}

/// The document of these operations, as text.
pub(crate) fn text(paths: Paths, schemas: BTreeMap<String, RefOr<Schema>>) -> String {
    let document = serde_json::to_value(document(paths, schemas));
    let mut document = document.expect("the document is made of texts and maps");
    generators::suit(&mut document);
    let text = serde_json::to_string_pretty(&document);
    text.expect("it is made of texts and maps") + "\n"
}

fn document(paths: Paths, schemas: BTreeMap<String, RefOr<Schema>>) -> OpenApi {
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .schema("Problem", Problem::schema())
        .schema("Diagnostic", Diagnostic::schema())
        .schema("Severity", Severity::schema())
        .security_scheme(
            "token",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        )
        .security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("picloud_session"))),
        )
        .build();
    let info = InfoBuilder::new()
        .title("PiCloud admin API")
        .version("1")
        .description(Some(
            "The control plane of a PiCloud instance. `x-needs` says what a token must have for \
             an operation: the scope, and whether it must be for the whole instance. Tokens of \
             one app see only their app. With HTTPS the session cookie is called \
             `__Host-picloud_session`.",
        ))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components))
        .build()
}
