//! The way by which something comes from a channel: the integration that stands for it, and the user's client and device
//! there.

use crate::{
    auth::Caller,
    client_rows, destination, devices,
    error::{Error, Result},
    integrations,
};
use heliograph_store::Tx;
use heliograph_wire::{
    clients::{Client, ClientStatus, ClientType},
    devices::Device,
    id::{AppId, IntegrationId, UserId},
    messages::Source,
};

/// A channel, as far as this server knows it.
pub struct Channel {
    /// The integration that stands for it.
    pub integration: IntegrationId,
    /// The integration's type.
    pub kind: String,
}

impl Channel {
    /// The one that is named, or else the one whose key calls.
    pub fn of(tx: &Tx<'_>, app: AppId, caller: &Caller, named: Option<&str>) -> Result<Self> {
        let integration = match (named, caller.integration()) {
            (Some(named), _) => named.parse()?,
            (None, Some(own)) => own,
            (None, None) => return Err(Error::invalid("should have required property 'integrationId'")),
        };
        Ok(Self { integration, kind: integrations::kind(tx, app, integration)? })
    }

    /// Whether it is one of the SDKs, whose users all have one client.
    pub fn is_sdk(&self) -> bool {
        destination::client_type(&self.kind) == destination::SDK
    }

    /// That it is the way by which something comes, no more being known of it.
    pub fn source(&self) -> Source {
        Source { r#type: self.kind.clone(), integration_id: Some(self.integration), ..Source::api() }
    }

    /// The type of the clients of its users, if they have one each.
    pub fn client_type(&self) -> Option<ClientType> {
        if self.is_sdk() { None } else { client_rows::word(&self.kind).ok() }
    }

    /// The client by which it reaches a user.
    pub fn client(&self, tx: &Tx<'_>, app: AppId, user: UserId) -> Result<Option<Client>> {
        if self.is_sdk() {
            return client_rows::sdk(tx, app, user);
        }
        client_rows::of_integration(tx, app, user, self.integration)
    }
}

/// By what way it came.
pub struct Way {
    /// The channel.
    pub channel: Channel,
    /// The user's client there, if they have one.
    pub client: Option<Client>,
    /// The device they have in hand, if that is known.
    pub device: Option<Device>,
}

impl Way {
    /// That of a user on a channel, as far as it is known.
    pub fn of(tx: &Tx<'_>, app: AppId, channel: Channel, user: UserId) -> Result<Self> {
        let client = channel.client(tx, app, user)?;
        let device = devices::latest(tx, app, user, channel.integration)?;
        Ok(Self { channel, client, device })
    }

    /// As webhooks are told of it.
    pub fn source(&self) -> Source {
        Source { client: self.client.clone(), device: self.device.clone(), ..self.channel.source() }
    }

    /// The user was heard of by it, now.
    pub fn seen(&mut self, tx: &mut Tx<'_>, app: AppId, user: UserId) -> Result<()> {
        if let Some(client) = &mut self.client {
            client.last_seen = Some(client_rows::seen_now(tx, app, user, client.id)?);
            if client.status == ClientStatus::Inactive {
                client.status = ClientStatus::Active;
            }
        }
        if let Some(device) = &mut self.device {
            device.last_seen = devices::seen_now(tx, app, user, device.id)?;
        }
        Ok(())
    }
}
