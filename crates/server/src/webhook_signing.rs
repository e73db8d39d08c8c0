//! The secrets that webhooks' calls are signed with. They are apart from the secret that is sent as `X-API-Key`: whoever
//! reads one call knows that one, and could sign with it.

use crate::{
    call::Call,
    error::Result,
    router::Builder,
    state::State,
    vault::{Place, Vault},
    webhooks,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    id::{AppId, WebhookId},
    problem::Missing,
    time::Timestamp,
    webhook_signing::*,
};
use zeroize::Zeroizing;

/// How many random bytes a secret has: as many as the hash it keys.
const SECRET_BYTES: usize = 32;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(get).on(rotate);
}

async fn get(call: Call<GetWebhookSigning>) -> Result<SigningReply> {
    call.read(|tx, call| {
        webhooks::admit(tx, &call.caller, &call.path)?;
        shown(tx, &call.state.vault, call.path.app_id, call.path.webhook_id)
    })
    .await
}

async fn rotate(call: Call<RotateWebhookSigning>) -> Result<SigningReply> {
    call.write(replace).await
}

// ---- Rules

fn replace(tx: &mut Tx<'_>, call: &Call<RotateWebhookSigning>) -> Result<SigningReply> {
    webhooks::admit(tx, &call.caller, &call.path)?;
    let (app, webhook) = (call.path.app_id, call.path.webhook_id);
    let grace_ms = i64::from(call.body.grace_period_seconds) * 1000;
    supersede(tx, app, webhook, (grace_ms > 0).then(|| tx.now() + grace_ms))?;
    give(tx, &call.state.vault, app, webhook)?;
    webhooks::forget_targets_after_commit(tx, call.state);
    shown(tx, &call.state.vault, app, webhook)
}

/// Gives a webhook a fresh secret.
pub fn give(tx: &mut Tx<'_>, vault: &Vault, app: AppId, webhook: WebhookId) -> Result<()> {
    let key = Zeroizing::new(tx.random::<SECRET_BYTES>());
    let secret = Zeroizing::new(format!("{SECRET_PREFIX}{}", BASE64.encode(*key)));
    let (app, webhook) = (app.text(), webhook.text());
    let sealed = vault.seal(tx, place(app.as_str(), webhook.as_str()), &secret)?;
    tx.execute(
        "UPDATE webhook SET signing_secret = $3, signing_since = $4 WHERE app_id = $1 AND id = $2",
        args![app.as_str(), webhook.as_str(), &sealed, tx.now()],
    )?;
    Ok(())
}

/// Gives one to each webhook that is older than signatures are.
pub async fn complete(state: State) -> Result<()> {
    state
        .store
        .write(move |tx| {
            for row in &tx.query("SELECT app_id, id FROM webhook WHERE signing_secret IS NULL", args![])? {
                give(tx, &state.vault, row.parse(0)?, row.parse(1)?)?;
            }
            Ok(())
        })
        .await
}

/// The secrets in force, the newest first: `sealed` is the present one, `former` the one before and when it ends.
pub fn in_force(
    tx: &Tx<'_>,
    vault: &Vault,
    at: (&str, &str),
    sealed: Option<&str>,
    former: Option<(&str, i64)>,
) -> Result<Vec<Zeroizing<String>>> {
    let former = former.filter(|(_, until)| *until > tx.now()).map(|(sealed, _)| sealed);
    sealed.into_iter().chain(former).map(|sealed| vault.open(tx, place(at.0, at.1), sealed)).collect()
}

// ---- Rows

fn place<'a>(app: &'a str, webhook: &'a str) -> Place<'a> {
    Place { table: "webhook.signing_secret", app, row: webhook }
}

/// Makes the present secret the former one until then, or ends it at once.
fn supersede(tx: &mut Tx<'_>, app: AppId, webhook: WebhookId, until: Option<i64>) -> Result<()> {
    let (app, webhook) = (app.text(), webhook.text());
    match until {
        Some(until) => tx.execute(
            "UPDATE webhook SET former_signing_secret = signing_secret, former_signing_until = $3
             WHERE app_id = $1 AND id = $2",
            args![app.as_str(), webhook.as_str(), until],
        ),
        None => tx.execute(
            "UPDATE webhook SET former_signing_secret = NULL, former_signing_until = NULL WHERE app_id = $1 AND id = $2",
            args![app.as_str(), webhook.as_str()],
        ),
    }?;
    Ok(())
}

fn shown(tx: &Tx<'_>, vault: &Vault, app: AppId, webhook: WebhookId) -> Result<SigningReply> {
    let (app, webhook) = (app.text(), webhook.text());
    let rows = tx.query(
        "SELECT signing_secret, signing_since, former_signing_until FROM webhook
         WHERE app_id = $1 AND id = $2 AND signing_secret IS NOT NULL",
        args![app.as_str(), webhook.as_str()],
    )?;
    let row: &Row = rows.first().ok_or(Missing::RESOURCE)?;
    let secret = vault.open(tx, place(app.as_str(), webhook.as_str()), row.text(0)?)?;
    let former = row.opt_int(2)?.filter(|until| *until > tx.now());
    let signing = Signing {
        secret: secret.to_string(),
        created_at: Timestamp(row.int(1)?),
        former_expires_at: former.map(Timestamp),
    };
    Ok(SigningReply { signing })
}
