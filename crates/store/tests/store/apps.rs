//! Apps, their names and domains, their environment.

use shared::id::AppId;
use shared::name::{AppSlug, DomainName, EnvName};
use store::apps::{self, AppRow, EnvRow};
use store::{Change, StoreError};

use crate::support::{Db, NOW, after, app, on_both};

on_both![
    an_app_reads_back_as_it_was_stored,
    a_taken_name_is_a_constraint_and_changes_nothing,
    old_names_lead_to_the_app_until_another_takes_them,
    there_is_one_default_app,
    the_database_knows_one_default_app_only,
    what_belongs_to_a_deleted_app_is_refused_by_that_name,
    a_domain_belongs_to_one_app,
    variables_are_set_replaced_and_removed,
    a_deleted_app_takes_everything_with_it,
];

fn slugs(db: &Db) -> Vec<String> {
    let all = db.read(apps::list);
    all.iter().map(|a| a.slug.to_string()).collect()
}

fn led_to(db: &Db, slug: &str) -> Option<AppId> {
    let slug: AppSlug = slug.parse().unwrap();
    let found = db.read(move |conn| apps::by_slug(conn, &slug));
    found.map(|app| app.id)
}

fn an_app_reads_back_as_it_was_stored(db: &Db) {
    let stored = AppRow {
        description: "Über 'quotes' \"double\" ; -- \u{1F980}".to_owned(),
        is_default: true,
        limits: serde_json::from_str(r#"{"wall": "2s", "memory": "64MiB"}"#).unwrap(),
        updated_at: after(5),
        ..app("shop")
    };
    let (row, id) = (stored.clone(), stored.id);
    db.change(move |change| apps::insert(change, &row));
    let found = db.read(move |conn| apps::get(conn, id)).unwrap();
    assert_eq!(format!("{found:?}"), format!("{stored:?}"));
    assert_eq!(led_to(db, "shop"), Some(id));
    assert!(db.read(|conn| apps::get(conn, AppId::new(NOW))).is_none());
    db.app("blog");
    db.app("zoo");
    assert_eq!(slugs(db), ["blog", "shop", "zoo"]);
}

fn a_taken_name_is_a_constraint_and_changes_nothing(db: &Db) {
    db.app("shop");
    let other = db.app("blog");
    let taken = app("shop");
    let error = db.try_change(move |change| apps::insert(change, &taken));
    assert!(error.unwrap_err().is_constraint());
    let renamed = AppRow {
        slug: "shop".parse().unwrap(),
        description: "changed".to_owned(),
        ..other.clone()
    };
    let error = db.try_change(move |change| apps::update(change, &other, &renamed));
    assert!(error.unwrap_err().is_constraint());
    assert_eq!(slugs(db), ["blog", "shop"]);
    assert!(db.read(apps::list).iter().all(|a| a.description.is_empty()));
}

fn rename(db: &Db, old: &AppRow, slug: &str) -> AppRow {
    let new = AppRow {
        slug: slug.parse().unwrap(),
        ..old.clone()
    };
    let (before, row) = (old.clone(), new.clone());
    db.change(move |change| apps::update(change, &before, &row));
    new
}

fn old_names_lead_to_the_app_until_another_takes_them(db: &Db) {
    let first = db.app("one");
    let id = first.id;
    let second = rename(db, &first, "two");
    let third = rename(db, &second, "three");
    for name in ["one", "two", "three"] {
        assert_eq!(led_to(db, name), Some(id), "{name}");
    }
    let old = db.read(move |conn| apps::redirects(conn, id));
    assert_eq!(
        old.iter().map(AppSlug::as_str).collect::<Vec<_>>(),
        ["one", "two"]
    );
    // Back to an old name: it is the name, no longer an old one.
    rename(db, &third, "one");
    let taker = db.app("two");
    assert_eq!(led_to(db, "two"), Some(taker.id));
    let old = db.read(move |conn| apps::redirects(conn, id));
    assert_eq!(
        old.iter().map(AppSlug::as_str).collect::<Vec<_>>(),
        ["three"]
    );
    assert_eq!(led_to(db, "four"), None);
}

fn there_is_one_default_app(db: &Db) {
    let defaults = || {
        let all = db.read(apps::list);
        let defaults = all.into_iter().filter(|a| a.is_default);
        defaults.map(|a| a.slug.to_string()).collect::<Vec<_>>()
    };
    for slug in ["one", "two"] {
        let row = AppRow {
            is_default: true,
            ..app(slug)
        };
        db.change(move |change| apps::insert(change, &row));
        assert_eq!(defaults(), [slug]);
    }
    let old = db.app("three");
    let new = AppRow {
        is_default: true,
        ..old.clone()
    };
    db.change(move |change| apps::update(change, &old, &new));
    assert_eq!(defaults(), ["three"]);
}

fn a_domain_belongs_to_one_app(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let claim = |app: AppId, domain: &str| {
        let domain: DomainName = domain.parse().unwrap();
        db.try_change(move |change| apps::claim_domain(change, app, &domain, NOW))
    };
    let release = |app: AppId, domain: &str| {
        let domain: DomainName = domain.parse().unwrap();
        db.change(move |change| apps::release_domain(change, app, &domain))
    };
    claim(shop, "shop.example.com").unwrap();
    claim(shop, "a.example.com").unwrap();
    assert!(claim(blog, "shop.example.com").unwrap_err().is_constraint());
    assert!(matches!(
        claim(AppId::new(NOW), "b.example.com"),
        Err(StoreError::NoSuchApp)
    ));
    let all = db.read(move |conn| apps::domains(conn, shop));
    let all: Vec<_> = all.iter().map(|(d, at)| (d.as_str(), *at)).collect();
    assert_eq!(all, [("a.example.com", NOW), ("shop.example.com", NOW)]);
    assert!(db.read(move |conn| apps::domains(conn, blog)).is_empty());
    assert!(!release(blog, "shop.example.com"), "not theirs to give up");
    assert!(release(shop, "shop.example.com"));
    assert!(!release(shop, "shop.example.com"));
    claim(blog, "shop.example.com").unwrap();
}

fn variables_are_set_replaced_and_removed(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let set = |app: AppId, name: &str, value: &str, at| {
        let row = EnvRow {
            name: name.parse().unwrap(),
            value: value.to_owned(),
            updated_at: at,
        };
        db.change(move |change| apps::set_env(change, app, &row));
    };
    let all = |app: AppId| {
        let rows = db.read(move |conn| apps::env(conn, app));
        let rows = rows
            .into_iter()
            .map(|r| (r.name.to_string(), r.value, r.updated_at));
        rows.collect::<Vec<_>>()
    };
    set(shop, "B", "1", NOW);
    set(shop, "A", "", NOW);
    set(blog, "A", "theirs", NOW);
    set(shop, "B", "line\nline \u{1F980}", after(1));
    assert_eq!(
        all(shop),
        [
            ("A".to_owned(), String::new(), NOW),
            ("B".to_owned(), "line\nline \u{1F980}".to_owned(), after(1)),
        ]
    );
    let remove = move |change: &mut Change<'_>| {
        let name: EnvName = "A".parse().unwrap();
        apps::delete_env(change, shop, &name)
    };
    assert!(db.change(remove));
    assert!(!db.change(remove));
    assert_eq!(all(blog).len(), 1, "another app's variable stays");
}

fn a_deleted_app_takes_everything_with_it(db: &Db) {
    let tables = db.rows(match db.url {
        None => {
            "SELECT m.name AS name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND c.name = 'app_id' ORDER BY m.name"
        }
        Some(_) => {
            "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.columns \
             WHERE table_schema = 'public' AND column_name = 'app_id' ORDER BY name"
        }
    });
    let tables: Vec<String> = tables
        .iter()
        .map(|t| t.text("name").unwrap().to_owned())
        .collect();
    let (gone, kept) = (
        crate::deployment::full(db, "gone"),
        crate::deployment::full(db, "kept"),
    );
    for table in &tables {
        let table: &'static str = table.clone().leak();
        assert!(
            db.owned(table, gone) > 0,
            "the test puts nothing into {table}"
        );
    }
    db.change(move |change| apps::delete(change, gone));
    let again = db.try_change(move |change| apps::delete(change, gone));
    assert!(matches!(again, Err(StoreError::NoSuchApp)));
    for table in &tables {
        let table: &'static str = table.clone().leak();
        assert_eq!(db.owned(table, gone), 0, "{table}");
        assert!(db.owned(table, kept) > 0, "{table}");
    }
    let error = db.try_change(move |change| {
        apps::claim_domain(change, gone, &"x.example.com".parse().unwrap(), NOW)
    });
    assert!(matches!(error, Err(StoreError::NoSuchApp)));
}

fn the_database_knows_one_default_app_only(db: &Db) {
    let (one, two) = (db.app("one").id, db.app("two").id);
    let claim = move |id: AppId| {
        move |conn: &mut dyn store::Conn| {
            let sql = "UPDATE apps SET is_default = 1 WHERE id = ?1";
            conn.execute(sql, &[id.as_bytes().into()])
        }
    };
    db.write(claim(one));
    let refused = db.try_write(claim(two));
    assert!(refused.unwrap_err().is_constraint());
}

fn what_belongs_to_a_deleted_app_is_refused_by_that_name(db: &Db) {
    let gone = AppId::new(NOW);
    let written = db.try_write(move |conn| {
        let sql = "INSERT INTO kv (app_id, collection, key, format, value, version) \
                   VALUES (?1, 'c', 'k', 0, ?2, 1)";
        conn.execute(sql, &[gone.as_bytes().into(), b"1".into()])
    });
    assert!(
        matches!(written, Err(StoreError::OwnerGone(_))),
        "{written:?}"
    );
}
