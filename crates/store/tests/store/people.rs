//! People, sessions, tokens, the audit log.

use shared::clock::Timestamp;
use shared::id::{AuditId, SessionId, TokenId, UserId};
use store::StoreError;
use store::people::{self, AuditRow, SessionRow, TokenRow, UserRow};

use crate::support::{Db, NOW, after, on_both};

on_both![
    people_are_found_by_address_and_id,
    the_owner_is_the_first_one,
    sessions_end,
    tokens_are_found_by_their_secret_only,
    the_audit_log_is_read_in_pages,
];

pub(crate) fn user(db: &Db, email: &str, role: &str) -> UserRow {
    let user = UserRow {
        id: UserId::new(NOW),
        email: email.to_owned(),
        password_hash: "$argon2id$v=19$…".to_owned(),
        role: role.to_owned(),
        created_at: NOW,
    };
    let row = user.clone();
    db.write(move |conn| people::insert_user(conn, &row));
    user
}

pub(crate) fn token(user: UserId, name: &str) -> TokenRow {
    TokenRow {
        id: TokenId::new(NOW),
        user,
        app: None,
        name: name.to_owned(),
        scopes: r#"["deploy"]"#.to_owned(),
        created_at: NOW,
        expires_at: None,
        last_used_at: None,
    }
}

fn people_are_found_by_address_and_id(db: &Db) {
    assert!(!db.read(people::any_user));
    let ada = user(db, "ada@example.com", "owner");
    assert!(db.read(people::any_user));
    let found = db.read(|conn| people::user_by_email(conn, "ada@example.com"));
    assert_eq!(format!("{:?}", found.unwrap()), format!("{ada:?}"));
    let id = ada.id;
    assert!(db.read(move |conn| people::user_by_id(conn, id)).is_some());
    // Addresses are stored in lower case; the store compares bytes.
    for other in ["Ada@example.com", "ada@example.co", "%", ""] {
        let found = db.read(move |conn| people::user_by_email(conn, other));
        assert!(found.is_none(), "{other}");
    }
    let again = UserRow {
        id: UserId::new(NOW),
        ..ada
    };
    let taken = db.try_write(move |conn| people::insert_user(conn, &again));
    assert!(taken.unwrap_err().is_constraint());
}

fn the_owner_is_the_first_one(db: &Db) {
    assert!(db.read(people::owner).is_none());
    user(db, "member@example.com", "member");
    assert!(db.read(people::owner).is_none());
    let owner = user(db, "ada@example.com", "owner");
    assert_eq!(db.read(people::owner).unwrap().id, owner.id);
}

fn sessions_end(db: &Db) {
    let ada = user(db, "ada@example.com", "owner");
    let start = |secret: u8, ends: Timestamp, now: Timestamp| {
        let session = SessionRow {
            id: SessionId::new(NOW),
            user: ada.id,
            expires_at: ends,
        };
        db.write(move |conn| people::insert_session(conn, &[secret; 32], &session, now));
    };
    let whose = |secret: u8, now| {
        let found = db.read(move |conn| people::session_user(conn, &[secret; 32], now));
        found.map(|user| user.email)
    };
    start(1, after(10), NOW);
    start(2, after(20), NOW);
    assert_eq!(whose(1, after(9)).as_deref(), Some("ada@example.com"));
    assert_eq!(whose(1, after(10)), None, "it ends at its end");
    assert_eq!(whose(3, NOW), None);
    // Ended ones go when a new one starts.
    start(4, after(60), after(15));
    assert_eq!(db.rows("SELECT id FROM sessions").len(), 2);
    db.write(|conn| people::delete_session(conn, &[2; 32]));
    assert_eq!(whose(2, after(16)), None);
    assert!(whose(4, after(16)).is_some());
}

fn tokens_are_found_by_their_secret_only(db: &Db) {
    let ada = user(db, "ada@example.com", "owner").id;
    let shop = db.app("shop").id;
    let one = TokenRow {
        app: Some(shop),
        expires_at: Some(after(60)),
        ..token(ada, "one")
    };
    let two = token(ada, "two");
    for (secret, row) in [(1, one.clone()), (2, two.clone())] {
        db.write(move |conn| people::insert_token(conn, &[secret; 32], &row));
    }
    let found = |secret: u8| db.read(move |conn| people::token_by_secret(conn, &[secret; 32]));
    assert_eq!(format!("{:?}", found(1).unwrap()), format!("{one:?}"));
    assert!(found(3).is_none());
    let id = two.id;
    db.write(move |conn| people::touch_token(conn, id, after(5)));
    assert_eq!(found(2).unwrap().last_used_at, Some(after(5)));
    assert_eq!(found(1).unwrap().last_used_at, None);
    let names: Vec<_> = db
        .read(people::tokens)
        .into_iter()
        .map(|t| t.name)
        .collect();
    assert_eq!(names.len(), 2);
    let again = token(ada, "again");
    let same = db.try_write(move |conn| people::insert_token(conn, &[1; 32], &again));
    assert!(same.unwrap_err().is_constraint());
    let stranger = token(UserId::new(NOW), "stranger");
    let nobody = db.try_write(move |conn| people::insert_token(conn, &[9; 32], &stranger));
    assert!(
        matches!(nobody, Err(StoreError::OwnerGone(_))),
        "{nobody:?}"
    );
    assert!(db.write(move |conn| people::delete_token(conn, id)));
    assert!(!db.write(move |conn| people::delete_token(conn, id)));
    assert!(found(2).is_none() && found(1).is_some());
}

fn the_audit_log_is_read_in_pages(db: &Db) {
    for at in 0..5 {
        let entry = AuditRow {
            id: AuditId::new(after(at)),
            at: after(at),
            actor: "ada@example.com".to_owned(),
            via: "session".to_owned(),
            action: format!("apps.{at}"),
            target: "shop".to_owned(),
        };
        db.write(move |conn| people::audit(conn, &entry));
    }
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let page = db.read(move |conn| people::audit_log(conn, before, 2));
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.into_iter().map(|e| e.action));
    }
    assert_eq!(seen, ["apps.4", "apps.3", "apps.2", "apps.1", "apps.0"]);
}
