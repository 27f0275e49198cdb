//! `pic kv`: the key-value store of an app, looked into and mended by hand.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::Value;
use shared::api::{KvCollection, KvItem, KvSet, SetKvRequest};
use shared::clock::{Clock as _, SystemClock};
use shared::moment::Moment;
use shared::name::{AppSlug, CollectionName};
use ureq::http::Method;

use super::logs::short_time;
use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::sources;

/// Bytes of a value and of a line of a file, as far as they are read; the server takes 1 MiB.
const MOST: u64 = 8 << 20;
/// Characters of a value in a table.
const SHOWN: usize = 60;

/// Keys and values of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Kv {
    /// List the collections, or the entries of one by key
    #[command(visible_alias = "list")]
    Ls {
        /// The collection
        collection: Option<CollectionName>,
        /// Only keys that start with this
        #[arg(long, default_value = "")]
        prefix: String,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Print a value: JSON, or bytes as they are
    Get {
        /// The collection
        collection: CollectionName,
        /// The key
        key: String,
    },
    /// Set a key, as a script would
    Set(SetArgs),
    /// Remove keys, as a script would
    #[command(visible_alias = "delete")]
    Rm {
        /// The collection
        collection: CollectionName,
        /// The keys
        #[arg(required = true)]
        keys: Vec<String>,
    },
    /// Write a collection to standard output, an entry a line, for `import`
    Export {
        /// The collection
        collection: CollectionName,
        /// Only keys that start with this
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Set the keys of a file that `export` wrote; others stay
    Import {
        /// The collection
        collection: CollectionName,
        /// The file; `-`: standard input
        file: PathBuf,
    },
}

/// A key and its value.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The collection
    collection: CollectionName,
    /// The key
    key: String,
    /// The value as JSON, `@FILE`, or `-` for standard input
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// The value is a text, not JSON
    #[arg(long)]
    text: bool,
    /// The value is bytes, not JSON
    #[arg(long, conflicts_with = "text")]
    bytes: bool,
    /// When it ends, from now: 10m, 2h, 7d
    #[arg(long)]
    ttl: Option<String>,
    /// Only if the key has this version
    #[arg(long)]
    if_version: Option<i64>,
    /// Only if the key is not there
    #[arg(long, conflicts_with = "if_version")]
    if_absent: bool,
}

/// `pic kv …`.
pub(crate) fn run(context: &Context, command: &Kv) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    match command {
        Kv::Ls {
            collection: None,
            limit,
            ..
        } => collections(context, &client, &app, *limit as usize),
        Kv::Ls {
            collection: Some(collection),
            prefix,
            limit,
        } => {
            let path = list_path(&app, collection, prefix);
            entries(context, &client, &path, *limit as usize)
        }
        Kv::Get { collection, key } => get(context, &client, &path_of(&app, collection, key)),
        Kv::Set(args) => set(context, &client, &app, args),
        Kv::Rm { collection, keys } => {
            for key in keys {
                client.delete(&path_of(&app, collection, key))?;
            }
            let value = serde_json::json!({ "removed": keys });
            let plural = if keys.len() == 1 { "" } else { "s" };
            let line = format!("{app}: {} key{plural} removed", keys.len());
            context.ui.done(&value, line)
        }
        Kv::Export { collection, prefix } => {
            export(context, &client, &list_path(&app, collection, prefix))
        }
        Kv::Import { collection, file } => import(context, &client, (&app, collection), file),
    }
}

fn path_of(app: &AppSlug, collection: &CollectionName, key: &str) -> String {
    let collection = encode(collection.as_str());
    format!("/apps/{app}/kv/{collection}/{}", encode(key))
}

fn list_path(app: &AppSlug, collection: &CollectionName, prefix: &str) -> String {
    let path = format!("/apps/{app}/kv/{}", encode(collection.as_str()));
    if prefix.is_empty() {
        return path;
    }
    format!("{path}?prefix={}", encode(prefix))
}

fn collections(context: &Context, client: &Client, app: &AppSlug, limit: usize) -> Outcome {
    let page = client.list::<KvCollection>(&format!("/apps/{app}/kv"), limit)?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&page);
    }
    if page.items.is_empty() {
        ui.note(format!("{app} keeps nothing"));
        return Ok(());
    }
    let rows: Vec<_> = page.items.into_iter().map(|one| vec![one.name]).collect();
    ui.table(&["COLLECTION"], &rows)
}

fn entries(context: &Context, client: &Client, path: &str, limit: usize) -> Outcome {
    let page = client.list::<KvItem>(path, limit)?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&page);
    }
    if page.items.is_empty() {
        ui.note("no such keys");
        return Ok(());
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    ui.table(&["KEY", "VALUE", "VERSION", "ENDS (UTC)"], &rows)?;
    if page.next_cursor.is_some() {
        ui.note("there are more; --limit shows them");
    }
    Ok(())
}

fn row(item: &KvItem) -> Vec<String> {
    let value = match (&item.base64, &item.value) {
        (Some(text), _) => format!("({} bytes)", STANDARD.decode(text).map_or(0, |b| b.len())),
        (None, Some(value)) => value.to_string(),
        (None, None) => "null".to_owned(),
    };
    let mut shown: String = value.chars().take(SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    let ends = item.expires_at.as_deref().map(short_time);
    let version = item.version.to_string();
    vec![item.key.clone(), shown, version, ends.unwrap_or_default()]
}

fn get(context: &Context, client: &Client, path: &str) -> Outcome {
    let item: KvItem = client.get(path)?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&item);
    }
    match &item.base64 {
        Some(text) => {
            let bytes = STANDARD.decode(text);
            let bytes = bytes.map_err(|error| Failure::new(format!("no Base64: {error}")))?;
            ui.body(&bytes)?;
            ui.end_of_body(&bytes)
        }
        None => ui.line(crate::text::json(&item.value, true)?),
    }
}

fn set(context: &Context, client: &Client, app: &AppSlug, args: &SetArgs) -> Outcome {
    let bytes = match args.value.as_str() {
        "-" => sources::stdin(MOST)?,
        value => match value.strip_prefix('@') {
            Some(file) => sources::read(Path::new(file), MOST)?,
            None => value.as_bytes().to_vec(),
        },
    };
    let (value, base64) = if args.bytes {
        (None, Some(STANDARD.encode(bytes)))
    } else {
        (Some(value_of(bytes, args.text)?), None)
    };
    let request = SetKvRequest {
        value,
        base64,
        ttl: args.ttl.clone(),
        if_version: args.if_version,
        if_absent: args.if_absent,
    };
    let path = path_of(app, &args.collection, &args.key);
    let done: KvSet = client.call(Method::PUT, &path, &[], Some(&request))?;
    let key = crate::text::clean(&args.key);
    let line = format!("{app}: {key} is set (version {})", done.version);
    context.ui.done(&done, line)
}

/// A value of a command line or a file.
fn value_of(bytes: Vec<u8>, text: bool) -> Outcome<Value> {
    let given = String::from_utf8(bytes).map_err(|_not_text| {
        Failure::usage("the value is not UTF-8 text").next("--bytes stores it as bytes")
    })?;
    if text {
        return Ok(Value::String(given));
    }
    serde_json::from_str(&given).map_err(|error| {
        Failure::usage(format!("the value is not JSON: {error}"))
            .next("a text is written '\"red\"', or red with --text; --bytes stores it as bytes")
    })
}

/// An entry a line, as the API has it.
fn export(context: &Context, client: &Client, path: &str) -> Outcome {
    let mut cursor: Option<String> = None;
    loop {
        let between = if path.contains('?') { '&' } else { '?' };
        let mut page = format!("{path}{between}limit=200");
        if let Some(cursor) = &cursor {
            page = format!("{page}&cursor={}", encode(cursor));
        }
        let page: shared::api::Page<KvItem> = client.get(&page)?;
        for item in &page.items {
            context.ui.answer(item)?;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn import(
    context: &Context,
    client: &Client,
    (app, collection): (&AppSlug, &CollectionName),
    file: &Path,
) -> Outcome {
    let lines: Box<dyn io::BufRead> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let opened = std::fs::File::open(file);
        let opened = opened.map_err(|error| Failure::file("read", file, &error))?;
        Box::new(BufReader::new(opened))
    };
    let (mut set, mut ended) = (0_u64, 0_u64);
    for (index, line) in lines.lines().enumerate() {
        let line = line.map_err(|error| Failure::file("read", file, &error))?;
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |why: String| {
            let place = format!("{}:{}", file.display(), index + 1);
            Failure::new(format!("{place}: {why}"))
                .next(format!("the {set} keys before it are set; the rest is not"))
        };
        let item: KvItem = serde_json::from_str(&line)
            .map_err(|error| wrong(format!("the line is no entry that `export` wrote: {error}")))?;
        let ttl = match lasts(&item).map_err(wrong)? {
            Lasts::Over => {
                ended += 1;
                continue;
            }
            Lasts::For(left) => Some(left),
            Lasts::ForEver => None,
        };
        let path = path_of(app, collection, &item.key);
        let request = SetKvRequest {
            value: item
                .base64
                .is_none()
                .then(|| item.value.unwrap_or_default()),
            base64: item.base64,
            ttl,
            if_version: None,
            if_absent: false,
        };
        let done: Outcome<KvSet> = client.call(Method::PUT, &path, &[], Some(&request));
        if let Err(failure) = done {
            context
                .ui
                .note(format!("{set} keys are set; the rest is not"));
            return Err(failure);
        }
        set += 1;
    }
    let value = serde_json::json!({ "set": set, "ended": ended });
    let mut line = format!("{app}: {set} keys set");
    if ended > 0 {
        line = format!("{line}; {ended} had ended and are left out");
    }
    context.ui.done(&value, line)
}

/// How long an entry lasts from now on.
enum Lasts {
    ForEver,
    For(String),
    Over,
}

fn lasts(item: &KvItem) -> Result<Lasts, String> {
    let Some(ends) = &item.expires_at else {
        return Ok(Lasts::ForEver);
    };
    let ends = Moment::parse(ends).ok_or_else(|| format!("`{ends}` is no time"))?;
    let left = ends.at().since(SystemClock.now()).as_millis();
    Ok(if left == 0 {
        Lasts::Over
    } else {
        Lasts::For(format!("{left}ms"))
    })
}
