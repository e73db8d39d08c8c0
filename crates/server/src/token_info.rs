//! What a credential stands for.

use crate::{apps, call::Call, error::Result, router::Builder};
use heliograph_wire::token_info::*;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(get);
}

async fn get(call: Call<GetTokenInfo>) -> Result<TokenInfo> {
    call.read(|tx, call| {
        let app = call.caller.app().map(|app| apps::find(tx, app)).transpose()?;
        Ok(TokenInfo { app: app.map(apps::Kept::show) })
    })
    .await
}
