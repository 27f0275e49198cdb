//! The two schemas are one: tables, columns, what may be NULL, what is unique, what points where.

use std::collections::BTreeSet;

use store::Value;

use crate::support::Db;

const SQLITE_COLUMNS: &str = "SELECT m.name, CAST(c.cid + 1 AS TEXT), c.name, \
    CASE c.type WHEN 'INTEGER' THEN 'bigint' WHEN 'BIGINT' THEN 'bigint' WHEN 'TEXT' THEN 'text' \
    WHEN 'BLOB' THEN 'bytea' ELSE c.type END, \
    CASE c.\"notnull\" WHEN 1 THEN 'NOT NULL' ELSE 'NULL' END, COALESCE(c.dflt_value, '-') \
    FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";

const POSTGRES_COLUMNS: &str = "SELECT CAST(table_name AS TEXT), CAST(ordinal_position AS TEXT), \
    CAST(column_name AS TEXT), CAST(data_type AS TEXT), \
    CASE is_nullable WHEN 'NO' THEN 'NOT NULL' ELSE 'NULL' END, \
    COALESCE(CAST(column_default AS TEXT), '-') \
    FROM information_schema.columns WHERE table_schema = 'public'";

const SQLITE_INDEXES: &str = "SELECT m.name, CASE i.\"unique\" WHEN 1 THEN 'unique' ELSE 'index' END, \
    CASE i.partial WHEN 1 THEN 'some' ELSE 'all' END, \
    (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) \
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' \
    UNION ALL SELECT m.name, 'unique', 'all', c.name FROM sqlite_master m \
    JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.pk = 1 AND c.type = 'INTEGER'";

const POSTGRES_INDEXES: &str = "SELECT CAST(t.relname AS TEXT), \
    CASE WHEN i.indisunique THEN 'unique' ELSE 'index' END, \
    CASE WHEN i.indpred IS NULL THEN 'all' ELSE 'some' END, \
    (SELECT string_agg(CAST(a.attname AS TEXT), ',' ORDER BY k.at) \
    FROM unnest(CAST(i.indkey AS INT2[])) WITH ORDINALITY AS k (number, at) \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) \
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid \
    JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = 'public'";

const SQLITE_KEYS: &str = "SELECT m.name, group_concat(f.\"from\"), f.\"table\", \
    COALESCE(group_concat(f.\"to\"), '-'), f.on_delete \
    FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
    WHERE m.type = 'table' GROUP BY m.name, f.id";

const POSTGRES_KEYS: &str = "SELECT CAST(t.relname AS TEXT), \
    (SELECT string_agg(CAST(a.attname AS TEXT), ',' ORDER BY k.at) \
    FROM unnest(c.conkey) WITH ORDINALITY AS k (number, at) \
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number), \
    CAST(r.relname AS TEXT), \
    (SELECT string_agg(CAST(a.attname AS TEXT), ',' ORDER BY k.at) \
    FROM unnest(c.confkey) WITH ORDINALITY AS k (number, at) \
    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number), \
    CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'a' THEN 'NO ACTION' ELSE 'other' END \
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
    JOIN pg_class r ON r.oid = c.confrelid WHERE c.contype = 'f'";

/// Rows as lines, without the tables that stand for sequences.
fn lines(db: &Db, sql: &str) -> BTreeSet<String> {
    let rows = db.rows(sql);
    let rows = rows.iter().map(|row| {
        let columns = row.values().iter().map(|value| match value {
            Value::Text(text) => text.as_str(),
            other => panic!("{other:?} is not a text"),
        });
        columns.collect::<Vec<_>>().join(" | ")
    });
    let rows: BTreeSet<String> = rows
        .filter(|line| !line.starts_with("counters |") && !line.starts_with("sqlite_sequence |"))
        .collect();
    assert!(!rows.is_empty());
    rows
}

#[test]
fn both_engines_have_the_same_schema() {
    let (sqlite, postgres) = (Db::sqlite(), Db::postgres());
    for (what, left, right) in [
        ("columns", SQLITE_COLUMNS, POSTGRES_COLUMNS),
        ("indexes", SQLITE_INDEXES, POSTGRES_INDEXES),
        ("foreign keys", SQLITE_KEYS, POSTGRES_KEYS),
    ] {
        let (left, right) = (lines(&sqlite, left), lines(&postgres, right));
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
            a.difference(b).cloned().collect::<Vec<_>>().join("\n")
        };
        assert!(
            left == right,
            "{what} differ\nonly SQLite:\n{}\nonly PostgreSQL:\n{}",
            only(&left, &right),
            only(&right, &left)
        );
    }
}

#[test]
fn postgresql_orders_all_text_by_bytes() {
    let other = Db::postgres().rows(
        "SELECT CAST(table_name || '.' || column_name AS TEXT) \
         FROM information_schema.columns WHERE table_schema = 'public' \
         AND data_type = 'text' AND table_name <> 'schema_migrations' \
         AND COALESCE(collation_name, '') <> 'C'",
    );
    assert!(
        other.is_empty(),
        "these columns order by a language: {other:?}"
    );
}

#[test]
fn sqlite_checks_the_types_of_all_tables() {
    let loose = "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 \
                 AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'";
    let loose = Db::sqlite().rows(loose);
    assert!(loose.is_empty(), "{loose:?} must be STRICT");
}
