//! Apps.

use crate::{
    attachments::Gone,
    auth::Caller,
    call::{Call, page_title},
    error::{Error, Result},
    keys,
    oauth::removal,
    pages::{Window, links},
    router::Builder,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    apps::*,
    id::AppId,
    metadata::Metadata,
    op::{Nothing, Operation},
    problem::Missing,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(get).on(update).on(delete);
}

async fn create(call: Call<CreateApp>) -> Result<AppReply> {
    call.write(|tx, call| Ok(AppReply { app: make(tx, call)? })).await
}

async fn list(call: Call<ListApps>) -> Result<AppList> {
    call.read(page).await
}

async fn get(call: Call<GetApp>) -> Result<AppReply> {
    call.read(|tx, call| Ok(AppReply { app: find(tx, call.path.app_id)?.show() })).await
}

async fn update(call: Call<UpdateApp>) -> Result<AppReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteApp>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

/// An app as the store keeps it.
pub struct Kept {
    /// Its id.
    pub id: AppId,
    /// How it behaves.
    pub settings: AppSettings,
    /// Its name.
    pub display_name: String,
    metadata: Metadata,
}

impl Kept {
    /// As the world sees it.
    pub fn show(self) -> App {
        let Self { id, settings, display_name, metadata } = self;
        App { id, display_name, settings, metadata: Some(metadata).filter(|m| !m.is_empty()), subdomain: None }
    }
}

/// Whether an account may see an app: it exists, and a service account was granted it.
pub fn admit(tx: &Tx<'_>, caller: &Caller, app: AppId) -> Result<()> {
    require(tx, app)?;
    let Some(account) = caller.service_account() else { return Ok(()) };
    let granted = tx.query(
        "SELECT 1 FROM service_account_app WHERE app_id = $1 AND service_account_id = $2",
        args![app.text().as_str(), account],
    )?;
    if granted.is_empty() { Err(Missing::APP.into()) } else { Ok(()) }
}

/// The app exists. What is made directly in an app asks this, so that nothing is made in one that was just deleted.
pub fn require(tx: &Tx<'_>, app: AppId) -> Result<()> {
    let found = tx.query("SELECT 1 FROM app WHERE id = $1", args![app.text().as_str()])?;
    if found.is_empty() { Err(Missing::APP.into()) } else { Ok(()) }
}

fn make(tx: &mut Tx<'_>, call: &Call<CreateApp>) -> Result<App> {
    let mut app = Kept {
        id: AppId::new(tx.id()),
        settings: AppSettings::initial(),
        display_name: call.body.display_name.clone(),
        metadata: checked(call.body.metadata.clone().unwrap_or_default().without_nulls())?,
    };
    app.settings.merge(call.body.settings.clone().unwrap_or_default());
    insert(tx, &app)?;
    call.state.vault.create(tx, app.id.text().as_str())?;
    // Whoever makes an app may see it.
    if let Some(account) = call.caller.service_account() {
        grant(tx, app.id, account)?;
    }
    Ok(app.show())
}

fn checked(metadata: Metadata) -> Result<Metadata> {
    if metadata.too_large() {
        return Err(Error::invalid("App metadata is limited to 4096 bytes in size."));
    }
    Ok(metadata)
}

fn page(tx: &Tx<'_>, call: &Call<ListApps>) -> Result<AppList> {
    let window = Window::of(call.query.page.as_ref(), page_title(ListApps::ID))?;
    let named = call.query.filter.as_ref().and_then(|f| f.service_account_id.as_deref());
    let account = match (call.caller.service_account(), named) {
        (Some(own), Some(named)) if own != named => {
            return Err(Error::Forbidden("The serviceAccountId provided does not match supplied credentials"));
        }
        (own, named) => own.or(named),
    };
    let sheet = window.sheet(all(tx, account, &window)?, |app| app.id.to_string());
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    Ok(AppList { apps: sheet.rows.into_iter().map(Kept::show).collect(), meta: sheet.meta, links })
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateApp>) -> Result<AppReply> {
    let mut app = find(tx, call.path.app_id)?;
    let AppUpdate { display_name, settings, metadata } = call.body.clone();
    app.display_name = display_name.unwrap_or(app.display_name);
    app.settings.merge(settings.unwrap_or_default());
    app.metadata.merge(metadata);
    app.metadata = checked(app.metadata)?;
    save(tx, &app)?;
    let state = call.state;
    tx.after_commit(move || state.retention.ring());
    Ok(AppReply { app: app.show() })
}

/// Everything an app holds goes with it.
fn remove(tx: &mut Tx<'_>, call: &Call<DeleteApp>) -> Result<Nothing> {
    let app = call.path.app_id;
    if tx.execute("DELETE FROM app WHERE id = $1", args![app.text().as_str()])? == 0 {
        return Err(Missing::APP.into());
    }
    removal::note_app(tx, app)?;
    for statement in EVERYTHING_IN_AN_APP {
        tx.execute(statement, args![app.text().as_str()])?;
    }
    keys::forget_after_commit(tx, call.state);
    removal::tell_after_commit(tx, call.state);
    let state = call.state;
    tx.after_commit(move || {
        state.vault.forget(app.text().as_str());
        state.dispatcher.forget_targets();
        state.files.forget(Gone::App(app));
    });
    Ok(Nothing {})
}

// ---- Rows

/// A table that is not here would keep its rows when their app is gone.
const EVERYTHING_IN_AN_APP: [&str; 27] = [
    "DELETE FROM delivery WHERE app_id = $1",
    "DELETE FROM attachment WHERE app_id = $1",
    "DELETE FROM message WHERE app_id = $1",
    "DELETE FROM message_external_id WHERE app_id = $1",
    "DELETE FROM message_quote WHERE app_id = $1",
    "DELETE FROM message_ref WHERE app_id = $1",
    "DELETE FROM participant WHERE app_id = $1",
    "DELETE FROM conversation WHERE app_id = $1",
    "DELETE FROM client_conversation WHERE app_id = $1",
    "DELETE FROM client WHERE app_id = $1",
    "DELETE FROM device WHERE app_id = $1",
    "DELETE FROM user_identity WHERE app_id = $1",
    "DELETE FROM app_user WHERE app_id = $1",
    "DELETE FROM switchboard_integration WHERE app_id = $1",
    "DELETE FROM switchboard WHERE app_id = $1",
    "DELETE FROM webhook WHERE app_id = $1",
    "DELETE FROM integration WHERE app_id = $1",
    "DELETE FROM api_key WHERE app_id = $1",
    "DELETE FROM key_use WHERE app_id = $1",
    "DELETE FROM key_policy WHERE app_id = $1",
    "DELETE FROM oauth_code WHERE app_id = $1",
    "DELETE FROM oauth_login WHERE app_id = $1",
    "DELETE FROM service_account_app WHERE app_id = $1",
    "DELETE FROM idempotency WHERE app_id = $1",
    "DELETE FROM audit_event WHERE app_id = $1",
    "DELETE FROM audit_head WHERE app_id = $1",
    "DELETE FROM data_key WHERE app_id = $1",
];

fn insert(tx: &mut Tx<'_>, app: &Kept) -> Result<()> {
    let (settings, metadata) = (serde_json::to_string(&app.settings)?, serde_json::to_string(&app.metadata)?);
    tx.append(
        "INSERT INTO app (id, display_name, settings, metadata, created_at) VALUES ($1, $2, $3, $4, $5)",
        args![app.id.text().as_str(), &app.display_name, &settings, &metadata, tx.now()],
    )?;
    Ok(())
}

/// Lets a service account see an app.
pub fn grant(tx: &mut Tx<'_>, app: AppId, account: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO service_account_app (app_id, service_account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        args![app.text().as_str(), account],
    )?;
    Ok(())
}

/// The app with this id.
pub fn find(tx: &Tx<'_>, id: AppId) -> Result<Kept> {
    let rows =
        tx.query("SELECT id, display_name, settings, metadata FROM app WHERE id = $1", args![id.text().as_str()])?;
    kept(rows.first().ok_or(Missing::APP)?)
}

fn all(tx: &Tx<'_>, account: Option<&str>, window: &Window) -> Result<Vec<Kept>> {
    let (after, before) = (window.after(), window.before());
    let rows = match (account, before) {
        (None, None) => tx.query(
            "SELECT id, display_name, settings, metadata FROM app WHERE id > $1 ORDER BY id LIMIT $2",
            args![after, window.limit()],
        ),
        (None, Some(before)) => tx.query(
            "SELECT id, display_name, settings, metadata FROM app WHERE id < $1 ORDER BY id DESC LIMIT $2",
            args![before, window.limit()],
        ),
        (Some(account), None) => tx.query(
            "SELECT a.id, a.display_name, a.settings, a.metadata FROM service_account_app g JOIN app a ON a.id = g.app_id
             WHERE g.service_account_id = $1 AND g.app_id > $2 ORDER BY g.app_id LIMIT $3",
            args![account, after, window.limit()],
        ),
        (Some(account), Some(before)) => tx.query(
            "SELECT a.id, a.display_name, a.settings, a.metadata FROM service_account_app g JOIN app a ON a.id = g.app_id
             WHERE g.service_account_id = $1 AND g.app_id < $2 ORDER BY g.app_id DESC LIMIT $3",
            args![account, before, window.limit()],
        ),
    }?;
    rows.iter().map(kept).collect()
}

/// The ids and names of the first apps, of those that a service account may see or of all.
pub fn names(tx: &Tx<'_>, account: Option<&str>, size: u32) -> Result<Vec<(AppId, String)>> {
    let window = Window { from: crate::pages::From::Start, size };
    Ok(all(tx, account, &window)?.into_iter().map(|app| (app.id, app.display_name)).collect())
}

fn save(tx: &mut Tx<'_>, app: &Kept) -> Result<()> {
    let (settings, metadata) = (serde_json::to_string(&app.settings)?, serde_json::to_string(&app.metadata)?);
    tx.execute(
        "UPDATE app SET display_name = $2, settings = $3, metadata = $4 WHERE id = $1",
        args![app.id.text().as_str(), &app.display_name, &settings, &metadata],
    )?;
    Ok(())
}

fn kept(row: &Row) -> Result<Kept> {
    Ok(Kept {
        id: row.parse(0)?,
        display_name: row.text(1)?.to_owned(),
        settings: serde_json::from_str(row.text(2)?)?,
        metadata: serde_json::from_str(row.text(3)?)?,
    })
}
