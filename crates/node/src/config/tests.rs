//! Who wins, what is refused, and what is shown.

use std::io::Write as _;
use std::time::Duration;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load(args: &ConfigArgs, env: &Environment) -> Result<Config, ConfigError> {
    Config::check(&Layers::gather(args, env)?)
}

fn error(args: &ConfigArgs, env: &Environment) -> String {
    load(args, env).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_valid_and_match_the_code() {
    let config = load(&with(&["memory.budget=1GiB"]), &Environment::default()).unwrap();
    assert_eq!(config.ceiling, test_support::default_ceiling());
    assert_eq!(config.listen.port(), 8080);
    assert_eq!(config.database, DatabaseUrl::Sqlite);
    assert_eq!(config.shutdown_timeout, Duration::from_secs(25));
}

/// These values by `--set`.
fn with(settings: &[&str]) -> ConfigArgs {
    ConfigArgs {
        set: settings.iter().map(|it| (*it).to_owned()).collect(),
        ..ConfigArgs::default()
    }
}

#[test]
fn one_run_has_at_most_its_part_of_the_memory_of_all() {
    let memory = |settings: &[&str]| {
        let config = load(&with(settings), &Environment::default()).unwrap();
        config.ceiling.memory
    };
    let budget = "memory.budget=192MiB";
    assert_eq!(memory(&[budget]), 48 << 20);
    assert_eq!(memory(&[budget, "ceiling.memory=1GiB"]), 48 << 20);
    assert_eq!(memory(&[budget, "ceiling.memory=40MiB"]), 40 << 20);
    assert_eq!(
        memory(&["memory.budget=8GiB", "ceiling.memory=1GiB"]),
        1 << 30
    );
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let file = file("listen = \"127.0.0.1:1\"\nworkers = 1\n[ceiling]\nwall = \"1s\"\n");
    let mut args = ConfigArgs {
        config: Some(file.path().to_owned()),
        ..ConfigArgs::default()
    };
    let env = Environment::of([("PICLOUD_LISTEN", "127.0.0.1:2"), ("PICLOUD_WORKERS", "2")]);
    args.listen = Some("127.0.0.1:3".to_owned());
    let layers = Layers::gather(&args, &env).unwrap();
    let config = Config::check(&layers).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.workers, 2);
    assert_eq!(config.ceiling.wall, Duration::from_secs(1));
    assert_eq!(layers.raw("listen").source, Source::Flag("--listen"));
    assert_eq!(
        layers.raw("workers").source,
        Source::Env("PICLOUD_WORKERS".to_owned())
    );
    assert!(matches!(layers.raw("ceiling.wall").source, Source::File(_)));
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for key in KEYS {
        let env = Environment(
            [(key.variable().into(), key.default.into())]
                .into_iter()
                .collect(),
        );
        load(&ConfigArgs::default(), &env).unwrap_or_else(|e| panic!("{}: {e}", key.name));
    }
}

#[test]
fn a_mistyped_key_gets_a_suggestion_wherever_it_is() {
    let file = file("[ceiling]\nwal = \"1s\"\n");
    let args = ConfigArgs {
        config: Some(file.path().to_owned()),
        ..ConfigArgs::default()
    };
    let text = error(&args, &Environment::default());
    assert!(text.contains("did you mean `ceiling.wall`?"), "{text}");

    let text = error(
        &ConfigArgs::default(),
        &Environment::of([("PICLOUD_LISTN", "x")]),
    );
    assert!(text.contains("did you mean `PICLOUD_LISTEN`?"), "{text}");

    let args = ConfigArgs {
        set: vec!["cache.script=1MiB".to_owned()],
        ..ConfigArgs::default()
    };
    let text = error(&args, &Environment::default());
    assert!(text.contains("did you mean `cache.scripts`?"), "{text}");
}

#[test]
fn a_wrong_value_names_key_source_and_what_would_be_right() {
    for (key, value, hint) in [
        ("listen", "8080", "127.0.0.1:8080"),
        ("internal_listen", "no", "127.0.0.1:8080"),
        ("workers", "0", "between 1 and 256"),
        ("workers", "many", "whole number"),
        ("public_url", "ftp://x", "https://cloud.example.com"),
        ("public_url", "https://x/path", "https://cloud.example.com"),
        (
            "admin_url",
            "admin.example.com",
            "https://cloud.example.com",
        ),
        ("admin_listen", "0.0.0.0:8080", "another port"),
        ("internal_listen", "127.0.0.1:8081", "`admin_listen`"),
        ("admin_listen", "off", "admin_url"),
        ("shutdown_timeout", "0s", "more than zero"),
        ("ceiling.memory", "lots", "32MiB"),
        ("database.url", "mysql://u:hunter2@h/d", "postgres://"),
        ("admission.app_rate", "0", "100:300"),
        ("log.format", "xml", "json"),
        ("data_dir", " ", "empty"),
    ] {
        let args = ConfigArgs {
            set: vec![format!("{key}={value}")],
            ..ConfigArgs::default()
        };
        let text = error(&args, &Environment::default());
        assert!(
            text.contains(key) && text.contains("--set") && text.contains(hint),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn the_customary_variables_work_and_passwords_are_never_shown() {
    let env = Environment::of([(
        "DATABASE_URL",
        "postgres://pic:hunter2@db/picloud?password=hunter2&sslmode=disable",
    )]);
    let layers = Layers::gather(&ConfigArgs::default(), &env).unwrap();
    let config = Config::check(&layers).unwrap();
    assert!(matches!(config.database, DatabaseUrl::Postgres(_)));
    let shown = format!("{}{config:?}", layers.show());
    assert!(
        shown.contains("postgres://pic:***@db/picloud?***"),
        "{shown}"
    );
    assert!(shown.contains("environment DATABASE_URL"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_secret_may_lie_in_a_file() {
    let file = file("postgres://u@h/d\n");
    let path = file.path().to_str().unwrap();
    let env = Environment::of([("DATABASE_URL_FILE", path)]);
    let config = load(&ConfigArgs::default(), &env).unwrap();
    assert_eq!(
        config.database,
        DatabaseUrl::Postgres("postgres://u@h/d".to_owned())
    );
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_an_error() {
    let missing = Environment::of([("PICLOUD_CONFIG", "/nowhere/at/all.toml")]);
    assert!(error(&ConfigArgs::default(), &missing).contains("/nowhere/at/all.toml"));
    let file = file("listen = ");
    let args = ConfigArgs {
        config: Some(file.path().to_owned()),
        ..ConfigArgs::default()
    };
    assert!(error(&args, &Environment::default()).contains("line 1"));
}

#[test]
fn the_control_plane_has_an_origin_of_its_own() {
    let set = |values: &[&str]| {
        let args = ConfigArgs {
            set: values.iter().map(|value| (*value).to_owned()).collect(),
            ..ConfigArgs::default()
        };
        load(&args, &Environment::default())
    };
    let host = |values: &[&str]| set(values).unwrap().admin_host().map(ToString::to_string);
    let own = Some("admin.example.com".to_owned());
    let (url, off) = ("admin_url=https://admin.example.com", "admin_listen=off");
    assert_eq!(host(&[url]), own);
    assert_eq!(host(&[url, off]), own);
    assert_eq!(host(&[url, "public_url=https://example.com"]), own);
    // These name the admin listener; the public one is the apps'.
    let shared = "public_url=https://admin.example.com:8443";
    assert_eq!(host(&[url, shared]), None);
    for named in [
        "http://localhost:8081",
        "http://10.0.0.7:8081",
        "http://[::1]:8081",
    ] {
        assert_eq!(host(&[&format!("admin_url={named}")]), None, "{named}");
    }
    for (wrong, key) in [
        (&[url, shared, off][..], "admin_listen"),
        (&["admin_url=http://localhost:9000", off], "admin_listen"),
        (&[url, "public_url=https://admin.example.com"], "admin_url"),
        (
            &[url, "public_url=http://admin.example.com:443"],
            "admin_url",
        ),
    ] {
        let error = set(wrong).unwrap_err().to_string();
        assert!(error.starts_with(key), "{wrong:?}: {error}");
    }
}
