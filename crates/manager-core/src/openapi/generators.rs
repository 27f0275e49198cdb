//! What generators of clients need of the document, and what would mislead them.
//!
//! The document is made from Rust types, which know less than it should say, and say some things in a
//! form that generators take for something else.

use serde_json::{Map, Value, json};

use super::patterns::{FORMATS, PATTERNS, closed_sets};

/// Rewrites the document.
pub(super) fn suit(document: &mut Value) {
    document["servers"] = json!([{"url": "/", "description": "The admin origin."}]);
    document["tags"] = tags(document);
    each(&mut document["components"]["schemas"], &mut |schema| {
        say_default_in_words(schema);
        format_times(schema);
    });
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        name_items_of_pages(schemas);
        flatten(schemas, "ScriptError");
        for (name, pattern) in PATTERNS {
            if let Some(schema) = schemas.get_mut(*name) {
                schema["pattern"] = json!(pattern);
            }
        }
        for (name, field, values) in closed_sets() {
            let field = schemas
                .get_mut(name)
                .and_then(|schema| schema.get_mut("properties")?.get_mut(field));
            if let Some(field) = field {
                field["enum"] = json!(values);
            }
        }
    }
    describe_calls(&mut document["paths"]);
    each(&mut document["paths"], &mut |value| {
        if value.get("operationId").is_some() {
            name_statuses(value);
        }
    });
}

/// Calls `work` with every object below a value, the value included; those inside first.
fn each(value: &mut Value, work: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| each(field, work));
            work(value);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, work)),
        _ => {}
    }
}

/// The tags operations have.
fn tags(document: &Value) -> Value {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let tags = operations.filter_map(|(_, operation)| operation["tags"].as_array());
    let mut names: Vec<&Value> = tags.flatten().collect();
    names.sort_by_key(|name| name.as_str());
    names.dedup();
    names.iter().map(|name| json!({ "name": name })).collect()
}

/// A field with a default counts as one that is always there. Here it may be left out.
fn say_default_in_words(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    let is_schema = ["type", "$ref", "oneOf"]
        .iter()
        .any(|key| fields.contains_key(*key));
    let default = if is_schema {
        fields.remove("default")
    } else {
        None
    };
    let Some(default) = default.filter(|default| default.is_number() || default.is_string()) else {
        return;
    };
    let text = fields.get("description").and_then(Value::as_str);
    let text = format!("{} When absent: {default}.", text.unwrap_or_default());
    fields.insert("description".to_owned(), json!(text.trim_start()));
}

/// Times are texts in RFC 3339.
fn format_times(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties {
        let is_text = property["type"] == "string" || property["type"] == json!(["string", "null"]);
        if is_text && FORMATS.contains(&name.as_str()) {
            property["format"] = json!("date-time");
        }
    }
}

/// `Page_App` is a page of `App`, not of something that looks the same.
fn name_items_of_pages(schemas: &mut Map<String, Value>) {
    let names: Vec<String> = schemas.keys().cloned().collect();
    for (page, schema) in schemas {
        let Some(item) = page.strip_prefix("Page_") else {
            continue;
        };
        if names.iter().any(|name| name == item) {
            let link = json!({"$ref": format!("#/components/schemas/{item}")});
            schema["properties"]["items"]["items"] = link;
        }
    }
}

/// A struct with an enum among its fields: one object with the fields of all, instead of two schemas
/// that hold together.
fn flatten(schemas: &mut Map<String, Value>, name: &str) {
    let Some(parts) = schemas
        .get(name)
        .and_then(|s| s["allOf"].as_array())
        .cloned()
    else {
        return;
    };
    let mut whole = json!({"type": "object", "properties": {}, "required": []});
    for part in parts {
        let link = part["$ref"]
            .as_str()
            .and_then(|link| link.rsplit('/').next());
        let known = link.and_then(|link| schemas.get(link)).unwrap_or(&part);
        match known["oneOf"].as_array() {
            Some(variants) => add_variants(&mut whole, variants),
            None => add(&mut whole, known),
        }
    }
    whole["description"] = schemas[name]["description"].clone();
    schemas.insert(name.to_owned(), whole);
}

/// Adds the fields of a schema.
fn add(whole: &mut Value, part: &Value) {
    for (name, property) in part["properties"].as_object().into_iter().flatten() {
        whole["properties"][name] = property.clone();
    }
    require(whole, part["required"].as_array().into_iter().flatten());
}

/// Adds what one of several has: the field that tells which, with all its values, and the others as
/// fields that may be absent.
fn add_variants(whole: &mut Value, variants: &[Value]) {
    for (name, property) in variants
        .iter()
        .flat_map(|variant| variant["properties"].as_object().into_iter().flatten())
    {
        let known = &mut whole["properties"][name];
        match (known["enum"].as_array_mut(), property["enum"].as_array()) {
            (Some(known), Some(more)) => known.extend(more.iter().cloned()),
            _ => *known = property.clone(),
        }
    }
    let required = |variant: &Value, name: &Value| {
        let names = variant["required"].as_array();
        names.is_some_and(|names| names.contains(name))
    };
    let first = variants
        .first()
        .and_then(|first| first["required"].as_array());
    let everywhere = first.into_iter().flatten();
    let everywhere =
        everywhere.filter(|name| variants.iter().all(|variant| required(variant, name)));
    require(whole, everywhere);
}

fn require<'v>(whole: &mut Value, names: impl Iterator<Item = &'v Value>) {
    if let Some(required) = whole["required"].as_array_mut() {
        required.extend(names.cloned());
    }
}

/// Direct calls take any body and give any answer.
fn describe_calls(paths: &mut Value) {
    let paths = paths.as_object_mut().into_iter().flatten();
    for (_, item) in paths.filter(|(path, _)| path.ends_with("/invoke")) {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            operation["responses"]["204"] = json!({"description": "An answer without content."});
            if matches!(method.as_str(), "post" | "put" | "patch") {
                let any = json!({"*/*": {"schema": {"type": "string", "format": "binary"}}});
                let body = json!({"description": "What the script gets.", "content": any});
                operation["requestBody"] = body;
            }
        }
    }
}

/// The statuses of problems an operation answers with, beside what any may.
fn name_statuses(operation: &mut Value) {
    let has = |place: &str, name: &str| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters
            .filter(|p| p["in"] == place)
            .any(|p| name.is_empty() || p["name"] == name)
    };
    let body = operation.get("requestBody").is_some();
    let known = operation["security"]
        .as_array()
        .is_some_and(|s| !s.is_empty());
    let statuses = [
        (
            "400",
            body || has("query", ""),
            "Something in the request is wrong.",
        ),
        ("401", known, "Nobody is signed in."),
        ("403", known, "The caller may not do this."),
        ("404", has("path", ""), "There is no such thing."),
        (
            "409",
            operation["responses"].get("201").is_some(),
            "The state does not allow it.",
        ),
        (
            "412",
            has("header", "If-Match"),
            "The state is another one than `If-Match` says.",
        ),
        ("413", body, "The body is too large."),
        ("415", body, "The body comes in a form that is not taken."),
    ];
    let problem = operation["responses"]["default"]["content"].clone();
    for (status, possible, what) in statuses {
        if possible {
            operation["responses"][status] = json!({"description": what, "content": problem});
        }
    }
}
