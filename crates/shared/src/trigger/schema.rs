//! The OpenAPI schema of a trigger: one object for each kind, with the settings it has.

use std::sync::LazyLock;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::TriggerSpec;
use super::wire::{Flat, Kind};
use crate::name::ScriptName;

/// Every operation that names a trigger asks for it while the program starts.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let kinds = KINDS.into_iter().map(of_kind);
    let all = kinds.fold(OneOfBuilder::new(), OneOfBuilder::item);
    let text = "One trigger of a release. `kind` says which settings it has.";
    all.description(Some(text)).into()
});

impl PartialSchema for TriggerSpec {
    fn schema() -> RefOr<Schema> {
        RefOr::T(SCHEMA.clone())
    }
}

impl ToSchema for TriggerSpec {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Flat::schemas(schemas);
    }
}

const KINDS: [Kind; 7] = [
    Kind::Kv,
    Kind::Queue,
    Kind::Pubsub,
    Kind::Cron,
    Kind::DeadLetter,
    Kind::Webhook,
    Kind::Deploy,
];

/// The settings without which there is no trigger of a kind.
const fn needs(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Kv | Kind::DeadLetter | Kind::Deploy => &[],
        Kind::Queue => &["queue"],
        Kind::Pubsub => &["topic"],
        Kind::Cron => &["schedule"],
        Kind::Webhook => &["path", "secret"],
    }
}

fn of_kind(kind: Kind) -> Schema {
    let RefOr::T(Schema::Object(mut object)) = Flat::schema() else {
        unreachable!("the schema of a struct with fields is an object");
    };
    let any: ScriptName = "any".parse().expect("it is a name");
    for setting in Flat::of(kind, any).settings() {
        if !setting.kinds.contains(&kind) {
            object.properties.remove(setting.name);
        }
    }
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([kind.as_str()]));
    object.properties.insert("kind".to_owned(), name.into());
    object.required = ["kind", "script"].map(str::to_owned).to_vec();
    let needed = needs(kind).iter().map(|&name| name.to_owned());
    object.required.extend(needed);
    object.title = Some(format!("{} trigger", kind.as_str()));
    object.description = None;
    Schema::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_schema_requires_is_what_is_refused_when_missing() {
        for kind in KINDS {
            let mut trigger = serde_json::json!({"kind": kind.as_str(), "script": "a"});
            let mut missing = Vec::new();
            while let Err(error) = serde_json::from_value::<TriggerSpec>(trigger.clone()) {
                let error = error.to_string();
                let name = error.rsplit('`').nth(1).unwrap().to_owned();
                let value = if name == "path" { "/x" } else { "A" };
                trigger[&name] = value.into();
                missing.push(name);
            }
            assert_eq!(missing, needs(kind));
        }
    }
}
