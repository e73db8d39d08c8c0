//! How users come to the business on channels: who they are, and in which conversation they are there. Who is not known
//! yet becomes a user with a client, and who has no conversation gets one.

use crate::{
    apps,
    auth::Caller,
    call::Call,
    channel_way::{Channel, Way},
    client_rows, clients, control,
    conversations::{self, Beginning},
    devices,
    error::{Error, Result},
    events::{self, Subscribers},
    participants,
    router::Builder,
    state::State,
    users,
};
use heliograph_store::Tx;
use heliograph_wire::{
    channel_events::{Referral, ReferralPayload},
    channel_starts::*,
    clients::{ClientOutcome, ClientReport},
    conversations::ConversationTruncated,
    events::{CreationReason, EventUser},
    id::AppId,
    problem::Missing,
    users::User,
    webhooks::Trigger,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(start);
}

async fn start(call: Call<StartChannelConversation>) -> Result<ChannelStartReply> {
    call.write(begin).await
}

// ---- Rules

fn begin(tx: &mut Tx<'_>, call: &Call<StartChannelConversation>) -> Result<ChannelStartReply> {
    let coming = Coming {
        state: call.state,
        caller: &call.caller,
        app: call.path.app_id,
        who: &call.body.who,
        conversation: None,
        reason: CreationReason::StartConversation,
        referral: call.body.referral.as_ref(),
    };
    let Arrival { user, way, conversation } = coming.arrive(tx)?;
    Ok(ChannelStartReply { conversation: conversation.shown.key, user: user.key, client: way.client })
}

/// That a user comes, as it is reported.
pub struct Coming<'c> {
    /// The server.
    pub state: State,
    /// Who reports it.
    pub caller: &'c Caller,
    /// The app.
    pub app: AppId,
    /// Who comes, and on which channel.
    pub who: &'c OnChannel,
    /// Where to, if that is named.
    pub conversation: Option<&'c str>,
    /// Why a conversation is made for them, if one is.
    pub reason: CreationReason,
    /// How they were led here, if they came by a referral.
    pub referral: Option<&'c Referral>,
}

/// A user who has come.
pub struct Arrival {
    /// The user.
    pub user: User,
    /// By what way.
    pub way: Way,
    /// Where they are.
    pub conversation: conversations::Kept,
}

impl Coming<'_> {
    /// Has the user come: they are there, by this client, and somebody has to answer.
    pub fn arrive(&self, tx: &mut Tx<'_>) -> Result<Arrival> {
        apps::require(tx, self.app)?;
        let channel = Channel::of(tx, self.app, self.caller, self.who.integration_id.as_deref())?;
        let user = self.user(tx, &channel)?;
        let mut way = Way::of(tx, self.app, channel, user.key.id)?;
        if let Some(named) = &self.who.device_id {
            way.device = Some(devices::find(tx, self.app, user.key.id, named.parse()?)?);
        }
        let found = self.place(tx, &user, &way)?;
        let is_new = found.is_none();
        let mut conversation = match found {
            Some(conversation) => conversation,
            None => {
                let beginning = Beginning { reason: self.reason, source: &way.source(), referral: self.referral };
                conversations::begin(tx, self.state, self.app, &user, &beginning)?
            }
        };
        if let Some(client) = &way.client {
            client_rows::subscribe(tx, self.app, conversation.shown.key.id, user.key.id, client.id, tx.now())?;
        }
        way.seen(tx, self.app, user.key.id)?;
        control::on_activity(tx, self.app, &mut conversation, true, Some(way.channel.integration))?;
        // The creation of a conversation tells of it by itself.
        if let Some(referral) = self.referral.filter(|_| !is_new) {
            let subscribers = Subscribers::of(tx, self.app)?;
            tell_of_referral(tx, self.state, &subscribers, &conversation.shown.key, &user, &way, referral)?;
        }
        Ok(Arrival { user, way, conversation })
    }

    /// Who it is: the user who is named, or whom the channel knows by that id, or the only one of the conversation.
    fn user(&self, tx: &mut Tx<'_>, channel: &Channel) -> Result<User> {
        let OnChannel { user_id, user_external_id, brand_id, client, .. } = self.who;
        let named = match (user_id, user_external_id) {
            (None, None) => None,
            (id, external) => {
                Some(users::named(tx, self.app, id.as_deref(), external.as_deref(), brand_id.as_deref(), "")?)
            }
        };
        if let Some(theirs) = client {
            return self.by_client(tx, channel, named, theirs);
        }
        let user = match (named, self.conversation) {
            (Some(user), _) => user,
            (None, Some(conversation)) => {
                let conversation = conversations::find(tx, self.app, conversation.parse()?)?.shown;
                participants::sole_user(tx, self.app, &conversation.key)?.ok_or_else(nobody_named)?
            }
            (None, None) => return Err(nobody_named()),
        };
        if channel.is_sdk() {
            clients::sdk_of(tx, self.state, self.app, &user, &channel.source())?;
        }
        Ok(user)
    }

    /// The user by the channel's own id. One who is waited for is there now; one who is not known is made.
    fn by_client(&self, tx: &mut Tx<'_>, channel: &Channel, named: Option<User>, theirs: &ChannelUser) -> Result<User> {
        let (app, state, integration) = (self.app, self.state, channel.integration);
        let Some(kind) = channel.client_type() else {
            let kind = &channel.kind;
            return Err(Error::invalid(format!("client should NOT be given for an integration of type {kind}")));
        };
        let report = as_report(theirs);
        let linked = client_rows::linked_to(tx, app, integration, &theirs.external_id)?.into_iter().next();
        if let Some((owner, client)) = linked {
            if named.as_ref().is_some_and(|user| user.key.id != owner) {
                return Err(Error::invalid("client.externalId should NOT be that of another user"));
            }
            clients::bring_up_to_date(tx, app, owner, client, &report)?;
            return users::by_id(tx, app, owner)?.ok_or(Missing::USER.into());
        }
        if let Some(user) = clients::confirm_by_activity(tx, state, app, integration, named.as_ref(), &report)? {
            return Ok(user);
        }
        let user = match named {
            Some(user) => user,
            None => users::of_channel(tx, app, theirs.display_name.clone(), theirs.avatar_url.clone())?,
        };
        clients::make_linked(tx, app, &user, kind, integration, &report)?;
        Ok(user)
    }

    /// The conversation that is meant, if it is there already.
    fn place(&self, tx: &Tx<'_>, user: &User, way: &Way) -> Result<Option<conversations::Kept>> {
        if let Some(named) = self.conversation {
            let conversation = conversations::find(tx, self.app, named.parse()?)?;
            participants::of_user(tx, self.app, conversation.shown.key.id, user.key.id)?.ok_or(Missing::MEMBER)?;
            return Ok(Some(conversation));
        }
        let client = way.client.as_ref().map(|client| client.id);
        let found = conversations::on_channel(tx, self.app, user.key.id, client)?;
        found.map(|id| conversations::find(tx, self.app, id)).transpose()
    }
}

fn nobody_named() -> Error {
    Error::invalid("should have exactly one of userId, userExternalId and client")
}

/// What a channel tells of a user who comes is what it would report of a client that it has linked.
fn as_report(theirs: &ChannelUser) -> ClientReport {
    let ChannelUser { external_id, display_name, avatar_url, info, raw } = theirs.clone();
    ClientReport {
        outcome: ClientOutcome::Confirmed,
        external_id: Some(external_id),
        display_name,
        avatar_url,
        info,
        raw,
        error: None,
    }
}

/// Tells that a user was led to a conversation that was there before.
pub fn tell_of_referral(
    tx: &mut Tx<'_>,
    state: State,
    subscribers: &Subscribers,
    conversation: &ConversationTruncated,
    user: &User,
    way: &Way,
    referral: &Referral,
) -> Result<()> {
    events::record(tx, state, subscribers, Trigger::ConversationReferral, Some(conversation), |to| ReferralPayload {
        conversation: conversation.clone(),
        user: EventUser::of(user, to.full_user),
        source: to.source(&way.source()),
        referral: referral.clone(),
    })
}
