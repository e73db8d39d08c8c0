//! `heliograph admin oauth-clients` and `heliograph admin login-link`.

use crate::output::{self, Outcome};
use clap::{Args, Subcommand};
use heliograph_server::{
    Settings,
    admin::{create_login, create_oauth_client, delete_oauth_client, list_oauth_clients},
};
use heliograph_wire::oauth_clients::NewOAuthClient;
use serde_json::json;
use std::net::SocketAddr;

/// What can be done with OAuth clients.
#[derive(Subcommand)]
pub enum Verb {
    /// Registers a partner and prints its secret, which is not shown again.
    Create(Create),
    /// Lists the partners.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Deletes a partner, with its integrations in all apps and every token it holds.
    Delete {
        /// The id of the partner.
        client_id: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What a new partner is made from.
#[derive(Args)]
pub struct Create {
    /// Its name, as people who are asked for their consent read it.
    #[arg(long, value_name = "NAME")]
    display_name: String,
    /// An address that a person's browser may be sent back to; the first is the default. May be given several times.
    #[arg(long = "redirect-uri", value_name = "URL", required = true)]
    redirect_uris: Vec<String>,
    /// The address that is called when the partner is removed from an app.
    #[arg(long, value_name = "URL")]
    remove_url: Option<String>,
    /// Its id. Default: one is made up.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Prints JSON: {"oauthClient", "secret"}.
    #[arg(long)]
    json: bool,
}

/// What a link is made from.
#[derive(Args)]
pub struct LoginLink {
    /// Lets into this app alone. Default: into all.
    #[arg(long, value_name = "APPID")]
    app: Option<String>,
    /// The address of the server as the browser knows it. Default: the server's public URL, or where it listens, if a
    /// browser can go there.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Prints JSON: {"url"}.
    #[arg(long)]
    json: bool,
}

/// Runs a command about partners.
pub async fn clients(settings: &Settings, verb: Verb) -> Outcome {
    match verb {
        Verb::Create(new) => create(settings, new).await,
        Verb::List { json } => {
            let all = list_oauth_clients(settings).await?;
            output::list(json, &json!({ "oauthClients": all }), "oauthClients", COLUMNS)
        }
        Verb::Delete { client_id, json } => {
            delete_oauth_client(settings, &client_id).await?;
            output::done(json, &json!({}), &format!("Deleted {client_id}."))
        }
    }
}

const COLUMNS: &[(&str, &str)] =
    &[("CLIENT ID", "/id"), ("NAME", "/displayName"), ("REDIRECT URIS", "/redirectUris"), ("REMOVE URL", "/removeUrl")];

async fn create(settings: &Settings, new: Create) -> Outcome {
    let Create { display_name, redirect_uris, remove_url, client_id, json } = new;
    let wanted = NewOAuthClient { id: client_id, display_name, redirect_uris, remove_url };
    let made = create_oauth_client(settings, wanted).await?;
    let shown = json!({ "clientId": made.oauth_client.id, "secret": made.secret });
    output::record(json, &serde_json::to_value(&made)?, &shown)
}

/// Makes a link and prints it.
pub async fn login_link(settings: &Settings, link: LoginLink) -> Outcome {
    let base = link.url.or_else(|| settings.public_url.clone());
    let base = base.or_else(|| reachable(&settings.listen).then(|| format!("http://{}", settings.listen)));
    let base = base.ok_or("where the server listens is no address for a browser: name one with --url")?;
    let token = create_login(settings, link.app.as_deref()).await?;
    let url = format!("{}/oauth/login?token={token}", base.trim_end_matches('/'));
    output::done(link.json, &json!({ "url": url }), &url)
}

/// Whether an address to listen on is one to go to as well: port 0 and all addresses together are not.
fn reachable(listen: &str) -> bool {
    let all = listen.parse().is_ok_and(|address: SocketAddr| address.ip().is_unspecified());
    !all && !listen.ends_with(":0")
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_link_leads_somewhere() {
        for (listen, leads) in [
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("localhost:8080", true),
            ("0.0.0.0:8080", false),
            ("[::]:8080", false),
            ("127.0.0.1:0", false),
            ("localhost:0", false),
        ] {
            assert_eq!(reachable(listen), leads, "{listen}");
        }
    }
}
