//! People, their sessions and tokens, the audit log. Only hashes of secrets are stored.

use shared::clock::Timestamp;
use shared::id::{AppId, AuditId, SessionId, TokenId, UserId};

use crate::conn::{Conn, Param};
use crate::dialect::lock_name;
use crate::error::StoreError;
use crate::row::Row;

/// The SHA-256 of a secret.
pub type SecretHash = [u8; 32];

/// A person.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address, lower case.
    pub email: String,
    /// Argon2id hash of their password, in PHC format.
    pub password_hash: String,
    /// Their role on the instance.
    pub role: String,
    /// When the account was made.
    pub created_at: Timestamp,
}

fn user(row: &Row) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        id: UserId::from_bytes(row.array("id")?),
        email: row.text("email")?.to_owned(),
        password_hash: row.text("password_hash")?.to_owned(),
        role: row.text("role")?.to_owned(),
        created_at: Timestamp(row.int("created_at")?),
    })
}

/// Whether anybody has an account. In a write, nobody else is told until it ends, so that two of
/// them cannot both make the first account.
pub fn any_user(conn: &mut dyn Conn) -> Result<bool, StoreError> {
    lock_name(conn, "users")?;
    Ok(conn
        .query_one("SELECT id FROM users LIMIT 1", &[])?
        .is_some())
}

/// Adds a person. A taken address is [`StoreError::Constraint`].
pub fn insert_user(conn: &mut dyn Conn, user: &UserRow) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO users (id, email, password_hash, role, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            user.id.as_bytes().into(),
            user.email.as_str().into(),
            user.password_hash.as_str().into(),
            user.role.as_str().into(),
            user.created_at.as_micros().into(),
        ],
    )?;
    Ok(())
}

/// The person with an address.
pub fn user_by_email(conn: &mut dyn Conn, email: &str) -> Result<Option<UserRow>, StoreError> {
    let sql = "SELECT id, email, password_hash, role, created_at FROM users WHERE email = ?1";
    conn.query_one(sql, &[email.into()])?
        .as_ref()
        .map(user)
        .transpose()
}

/// The person with an id.
pub fn user_by_id(conn: &mut dyn Conn, id: UserId) -> Result<Option<UserRow>, StoreError> {
    let sql = "SELECT id, email, password_hash, role, created_at FROM users WHERE id = ?1";
    conn.query_one(sql, &[id.as_bytes().into()])?
        .as_ref()
        .map(user)
        .transpose()
}

/// The owner of the instance, if there is one yet.
pub fn owner(conn: &mut dyn Conn) -> Result<Option<UserRow>, StoreError> {
    let sql = "SELECT id, email, password_hash, role, created_at FROM users \
               WHERE role = 'owner' ORDER BY id LIMIT 1";
    conn.query_one(sql, &[])?.as_ref().map(user).transpose()
}

/// A signed-in session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Starts a session; removes ended ones along the way.
pub fn insert_session(
    conn: &mut dyn Conn,
    secret: &SecretHash,
    session: &SessionRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.execute(
        "DELETE FROM sessions WHERE expires_at <= ?1",
        &[now.as_micros().into()],
    )?;
    conn.execute(
        "INSERT INTO sessions (secret_hash, id, user_id, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            secret.into(),
            session.id.as_bytes().into(),
            session.user.as_bytes().into(),
            now.as_micros().into(),
            session.expires_at.as_micros().into(),
        ],
    )?;
    Ok(())
}

/// The person behind a session that has not ended.
pub fn session_user(
    conn: &mut dyn Conn,
    secret: &SecretHash,
    now: Timestamp,
) -> Result<Option<UserRow>, StoreError> {
    conn.query_one(
        "SELECT u.id AS id, u.email AS email, u.password_hash AS password_hash, u.role AS role, \
         u.created_at AS created_at FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.secret_hash = ?1 AND s.expires_at > ?2",
        &[secret.into(), now.as_micros().into()],
    )?
    .as_ref()
    .map(user)
    .transpose()
}

/// Ends a session.
pub fn delete_session(conn: &mut dyn Conn, secret: &SecretHash) -> Result<(), StoreError> {
    conn.execute(
        "DELETE FROM sessions WHERE secret_hash = ?1",
        &[secret.into()],
    )?;
    Ok(())
}

/// A token without its secret.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its id.
    pub id: TokenId,
    /// Who made it.
    pub user: UserId,
    /// Only for this app.
    pub app: Option<AppId>,
    /// What it is for.
    pub name: String,
    /// What it may do, as a JSON array.
    pub scopes: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

const TOKEN: &str = "id, user_id, app_id, name, scopes, created_at, expires_at, last_used_at";

fn token(row: &Row) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        id: TokenId::from_bytes(row.array("id")?),
        user: UserId::from_bytes(row.array("user_id")?),
        app: row.opt_array("app_id")?.map(AppId::from_bytes),
        name: row.text("name")?.to_owned(),
        scopes: row.text("scopes")?.to_owned(),
        created_at: Timestamp(row.int("created_at")?),
        expires_at: row.opt_int("expires_at")?.map(Timestamp),
        last_used_at: row.opt_int("last_used_at")?.map(Timestamp),
    })
}

/// Adds a token.
pub fn insert_token(
    conn: &mut dyn Conn,
    secret: &SecretHash,
    token: &TokenRow,
) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO tokens (id, secret_hash, user_id, app_id, name, scopes, created_at, \
         expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &[
            token.id.as_bytes().into(),
            secret.into(),
            token.user.as_bytes().into(),
            token
                .app
                .as_ref()
                .map_or(Param::Null, |app| app.as_bytes().into()),
            token.name.as_str().into(),
            token.scopes.as_str().into(),
            token.created_at.as_micros().into(),
            token.expires_at.map(Timestamp::as_micros).into(),
        ],
    )?;
    Ok(())
}

/// The token with a secret, ended ones included.
pub fn token_by_secret(
    conn: &mut dyn Conn,
    secret: &SecretHash,
) -> Result<Option<TokenRow>, StoreError> {
    let sql = format!("SELECT {TOKEN} FROM tokens WHERE secret_hash = ?1");
    conn.query_one(&sql, &[secret.into()])?
        .as_ref()
        .map(token)
        .transpose()
}

/// The token with an id.
pub fn token_by_id(conn: &mut dyn Conn, id: TokenId) -> Result<Option<TokenRow>, StoreError> {
    let sql = format!("SELECT {TOKEN} FROM tokens WHERE id = ?1");
    conn.query_one(&sql, &[id.as_bytes().into()])?
        .as_ref()
        .map(token)
        .transpose()
}

/// All tokens, newest first.
pub fn tokens(conn: &mut dyn Conn) -> Result<Vec<TokenRow>, StoreError> {
    let sql = format!("SELECT {TOKEN} FROM tokens ORDER BY id DESC");
    conn.query(&sql, &[])?.iter().map(token).collect()
}

/// Removes a token; whether it was there.
pub fn delete_token(conn: &mut dyn Conn, id: TokenId) -> Result<bool, StoreError> {
    Ok(conn.execute("DELETE FROM tokens WHERE id = ?1", &[id.as_bytes().into()])? == 1)
}

/// Notes that a token was used.
pub fn touch_token(conn: &mut dyn Conn, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
    conn.execute(
        "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1",
        &[id.as_bytes().into(), at.as_micros().into()],
    )?;
    Ok(())
}

/// One entry of the audit log.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// By which kind of credential.
    pub via: String,
    /// The operation.
    pub action: String,
    /// What it was done to.
    pub target: String,
}

/// Adds an entry.
pub fn audit(conn: &mut dyn Conn, entry: &AuditRow) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO audit (id, at, actor, via, action, target) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            entry.id.as_bytes().into(),
            entry.at.as_micros().into(),
            entry.actor.as_str().into(),
            entry.via.as_str().into(),
            entry.action.as_str().into(),
            entry.target.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Entries older than `before`, newest first.
pub fn audit_log(
    conn: &mut dyn Conn,
    before: Option<AuditId>,
    limit: i64,
) -> Result<Vec<AuditRow>, StoreError> {
    let before = before.map_or([0xFF; 16], |id| *id.as_bytes());
    conn.query(
        "SELECT id, at, actor, via, action, target FROM audit WHERE id < ?1 \
         ORDER BY id DESC LIMIT ?2",
        &[(&before).into(), limit.into()],
    )?
    .iter()
    .map(|row| {
        Ok(AuditRow {
            id: AuditId::from_bytes(row.array("id")?),
            at: Timestamp(row.int("at")?),
            actor: row.text("actor")?.to_owned(),
            via: row.text("via")?.to_owned(),
            action: row.text("action")?.to_owned(),
            target: row.text("target")?.to_owned(),
        })
    })
    .collect()
}
