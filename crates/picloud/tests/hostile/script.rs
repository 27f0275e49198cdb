//! The suite's files: headers, sources, generators. The format is in `tests/hostile/README.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::limits::{LimitSettings, Limits};
use shared::units;

/// Elapsed time of a script that does not ask for another.
const WALL: Duration = Duration::from_secs(1);
/// Processor time of a script that does not ask for another.
const CPU: Duration = Duration::from_millis(500);

/// One hostile script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// File name without extension.
    pub name: String,
    /// What it tries.
    pub about: String,
    /// How it may end.
    pub allowed: Vec<String>,
    /// Its limits.
    pub limits: LimitSettings,
    /// Method of the request.
    pub method: String,
    /// Path and query of the request.
    pub path: String,
    /// Body of the request.
    pub body: String,
    /// How often it is called, one after the other.
    pub calls: usize,
    /// By how many clients at once.
    pub parallel: usize,
    /// Who calls it, in the suite of the instance.
    pub client: String,
    /// As how many scripts that differ in a line only, in the suite of the instance.
    pub sources: usize,
    /// Its source.
    pub source: String,
    /// The sources of its modules.
    pub modules: BTreeMap<String, String>,
}

impl Script {
    /// The limits in force.
    pub(crate) fn limits_in_force(&self) -> Limits {
        Limits::default().with(&self.limits, &test_support::default_ceiling())
    }

    /// The name of the app it is deployed as.
    pub(crate) fn app(&self) -> String {
        self.name.replace('_', "-")
    }
}

/// The folder of a suite below `tests`.
pub(crate) fn folder(suite: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests")
        .join(suite)
}

/// All scripts of a suite, by name.
pub(crate) fn all(suite: &str) -> Vec<Script> {
    let mut scripts: Vec<Script> = std::fs::read_dir(folder(suite))
        .expect("the suite lies in tests")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "rhai" || e == "gen"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a script is a text");
            let name = path.file_stem().expect("it has a name").to_string_lossy();
            let generated = path.extension().is_some_and(|e| e == "gen");
            parse(&name, &text, generated)
        })
        .collect();
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    scripts
}

/// Reads one file. Panics with the file's name when it breaks the format.
pub(crate) fn parse(name: &str, text: &str, generated: bool) -> Script {
    let is_header = |line: &&str| line.starts_with("// ");
    let mut script = Script {
        name: name.to_owned(),
        about: String::new(),
        allowed: Vec::new(),
        limits: LimitSettings {
            wall: Some(WALL),
            cpu: Some(CPU),
            ..LimitSettings::default()
        },
        method: "GET".to_owned(),
        path: "/".to_owned(),
        body: String::new(),
        calls: 1,
        parallel: 1,
        client: "calls".to_owned(),
        sources: 1,
        source: String::new(),
        modules: BTreeMap::new(),
    };
    for line in text.lines().take_while(is_header) {
        let (key, value) = line[3..]
            .split_once(": ")
            .unwrap_or_else(|| panic!("{name}: `{line}` is not `// key: value`"));
        script.set(key, value.trim());
    }
    assert!(!script.allowed.is_empty(), "{name}: no `// limit:`");
    assert!(!script.about.is_empty(), "{name}: no `// about:`");
    let body: Vec<&str> = text.lines().skip_while(is_header).collect();
    if generated {
        script.source = body.iter().map(|line| generate(name, line)).collect();
    } else {
        script.take_sources(&body);
    }
    script
}

impl Script {
    fn set(&mut self, key: &str, value: &str) {
        let name = &self.name;
        let duration =
            || Some(units::parse_duration(value).unwrap_or_else(|e| panic!("{name}: {e}")));
        let size = || Some(units::parse_size(value).unwrap_or_else(|e| panic!("{name}: {e}")));
        match key {
            "about" => value.clone_into(&mut self.about),
            "limit" => self.allowed = value.split(',').map(|a| a.trim().to_owned()).collect(),
            "wall" => self.limits.wall = duration(),
            "cpu" => self.limits.cpu = duration(),
            "memory" => self.limits.memory = size(),
            "response" => self.limits.response = size(),
            "logs" => self.limits.logs = size(),
            "operations" => self.limits.operations = Some(number(name, key, value)),
            "host_calls" => self.limits.host_calls = Some(number(name, key, value)),
            "method" => value.clone_into(&mut self.method),
            "path" => value.clone_into(&mut self.path),
            "body" => self.body = generate(name, value),
            "calls" => self.calls = number(name, key, value),
            "client" => value.clone_into(&mut self.client),
            "sources" => self.sources = number(name, key, value),
            "parallel" => self.parallel = number(name, key, value),
            other => panic!("{name}: `{other}` is not a header"),
        }
    }

    fn take_sources(&mut self, lines: &[&str]) {
        let mut module: Option<String> = None;
        for line in lines {
            if let Some(name) = line.strip_prefix("//// module: ") {
                self.modules.insert(name.to_owned(), String::new());
                module = Some(name.to_owned());
                continue;
            }
            let text = match &module {
                Some(name) => self.modules.get_mut(name).expect("it was just put there"),
                None => &mut self.source,
            };
            text.push_str(line);
            text.push('\n');
        }
    }
}

/// A whole number of a header.
fn number<T: std::str::FromStr>(name: &str, key: &str, value: &str) -> T {
    let number = value.parse().ok();
    number.unwrap_or_else(|| panic!("{name}: `{value}` does not fit `{key}`"))
}

/// Carries out one line of a generator: `text "…"` and `repeat N "…"`, any number of them.
fn generate(name: &str, line: &str) -> String {
    let mut made = String::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let count = if let Some(after) = rest.strip_prefix("text ") {
            rest = after;
            1
        } else {
            let after = rest
                .strip_prefix("repeat ")
                .unwrap_or_else(|| panic!("{name}: `{rest}`"));
            let (count, after) = after
                .split_once(' ')
                .unwrap_or_else(|| panic!("{name}: `{rest}`"));
            rest = after;
            count
                .parse()
                .unwrap_or_else(|e| panic!("{name}: `{count}`: {e}"))
        };
        let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let piece = texts
            .next()
            .and_then(Result::ok)
            .unwrap_or_else(|| panic!("{name}: `{rest}` does not start with a JSON string"));
        rest = rest[texts.byte_offset()..].trim_start();
        for i in 0..count {
            if piece.contains("{i}") {
                made.push_str(&piece.replace("{i}", &i.to_string()));
            } else {
                made.push_str(&piece);
            }
        }
    }
    made
}
