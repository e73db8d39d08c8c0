//! Control of conversations: how it is passed, offered, accepted and released, and who gets it when nobody has it.

mod table;

use crate::{
    auth::Caller,
    call::Call,
    conversations,
    error::{Error, Result},
    events::{self, Subscribers},
    message_pages,
    router::Builder,
    state::State,
    switchboards::Board,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    control::*,
    conversations::{ConversationTruncated, SwitchboardIntegrationSummary},
    id::{AppId, ConversationId, IntegrationId, SwitchboardIntegrationId},
    metadata::Metadata,
    op::{Nothing, Operation},
    path::ConversationPath,
    switchboard_integrations::SwitchboardIntegration,
    webhooks::Trigger,
};
use table::{Failure, Table, Verdict};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(pass).on(offer).on(accept).on(release);
}

async fn pass(call: Call<PassControl>) -> Result<Nothing> {
    let outcome = call.write(|tx, call| {
        let to = &call.body.switchboard_integration;
        act(tx, &Turn::of(call, PASS, &call.body.metadata)?, |table| table.pass(to))
    });
    answer(outcome.await?)
}

async fn offer(call: Call<OfferControl>) -> Result<Nothing> {
    let outcome = call.write(|tx, call| {
        let to = &call.body.switchboard_integration;
        act(tx, &Turn::of(call, OFFER, &call.body.metadata)?, |table| table.offer(to))
    });
    answer(outcome.await?)
}

async fn accept(call: Call<AcceptControl>) -> Result<Nothing> {
    let outcome = call.write(|tx, call| act(tx, &Turn::of(call, ACCEPT, &call.body.metadata)?, |table| table.accept()));
    answer(outcome.await?)
}

async fn release(call: Call<ReleaseControl>) -> Result<Nothing> {
    let outcome =
        call.write(|tx, call| act(tx, &Turn::of(call, RELEASE, &call.body.metadata)?, |table| table.release()));
    answer(outcome.await?)
}

/// A failure is told to webhooks, so its transaction commits; to its caller it is a refusal all the same.
fn answer(failed: Option<Failure>) -> Result<Nothing> {
    match failed {
        None => Ok(Nothing {}),
        Some(failure) => Err(Error::Broken { code: failure.code(), title: failure.message }),
    }
}

// ---- Rules

/// An action, by what it causes.
#[derive(Clone, Copy)]
struct Action {
    done: Trigger,
    failed: Option<Trigger>,
    /// Whether control arrives somewhere, with messages for whoever wants to know what was said.
    hands_over: bool,
}

const PASS: Action = Action { done: Trigger::PassControl, failed: Some(Trigger::PassControlFailure), hands_over: true };
const OFFER: Action =
    Action { done: Trigger::OfferControl, failed: Some(Trigger::OfferControlFailure), hands_over: false };
const ACCEPT: Action =
    Action { done: Trigger::AcceptControl, failed: Some(Trigger::AcceptControlFailure), hands_over: true };
const RELEASE: Action = Action { done: Trigger::ReleaseControl, failed: None, hands_over: false };

/// One caller's action on one conversation.
struct Turn<'c> {
    state: State,
    caller: &'c Caller,
    app: AppId,
    id: ConversationId,
    action: Action,
    metadata: Option<Metadata>,
}

impl<'c> Turn<'c> {
    fn of<O>(call: &'c Call<O>, action: Action, metadata: &Option<Metadata>) -> Result<Self>
    where
        O: Operation<Path = ConversationPath>,
    {
        let metadata = metadata.clone().unwrap_or_default().without_nulls();
        if metadata.too_large() {
            return Err(Error::invalid("Switchboard metadata is limited to 4096 bytes in size."));
        }
        Ok(Self {
            state: call.state,
            caller: &call.caller,
            app: call.path.app_id,
            id: call.path.conversation_id,
            action,
            metadata: Some(metadata).filter(|m| !m.is_empty()),
        })
    }
}

/// Does what was decided, and tells of it.
fn act(
    tx: &mut Tx<'_>,
    turn: &Turn<'_>,
    decide: impl for<'b> FnOnce(&Table<'b>) -> Verdict<'b>,
) -> Result<Option<Failure>> {
    let conversations::Kept { shown, board, .. } = conversations::find(tx, turn.app, turn.id)?;
    let before = shown.key;
    let part = |id: Option<SwitchboardIntegrationId>| board.as_ref().and_then(|board| board.part(id?));
    let verdict = match board.as_ref().filter(|board| board.shown.enabled) {
        None => Failure::action("The app has no enabled switchboard"),
        Some(board) => decide(&Table {
            board,
            active: part(before.active_switchboard_integration.as_ref().map(|p| p.id)),
            pending: part(before.pending_switchboard_integration.as_ref().map(|p| p.id)),
            caller: turn.caller.integration(),
        }),
    };
    match verdict {
        Verdict::Nothing => Ok(None),
        Verdict::Forbidden => Err(Error::Forbidden("Forbidden")),
        Verdict::Fails(failure) => {
            tell_of_failure(tx, turn, &before, &failure)?;
            Ok(Some(failure))
        }
        Verdict::Becomes { active, pending } => {
            let after = ConversationTruncated {
                active_switchboard_integration: active.map(|part| part.key.clone()),
                pending_switchboard_integration: pending.map(|part| part.key.clone()),
                ..before.clone()
            };
            save(tx, turn.app, &after)?;
            tell(tx, turn, &before, &after, active)?;
            Ok(None)
        }
    }
}

/// Everybody who had a part in it is told, also those who have none any more.
fn tell(
    tx: &mut Tx<'_>,
    turn: &Turn<'_>,
    before: &ConversationTruncated,
    after: &ConversationTruncated,
    active: Option<&SwitchboardIntegration>,
) -> Result<()> {
    let subscribers = Subscribers::of(tx, turn.app)?.with_those_in_control(before);
    let wanted = active.filter(|_| turn.action.hands_over).and_then(|part| part.message_history_count);
    let history = wanted.map(|count| message_pages::latest(tx, turn.app, turn.id, count)).transpose()?;
    events::record(tx, turn.state, &subscribers, turn.action.done, Some(after), |to| {
        let for_whom = active.filter(|part| to.is_of(part.key.integration_id));
        ControlPayload {
            conversation: after.clone(),
            error: None,
            metadata: turn.metadata.clone(),
            message_history: for_whom.and(history.as_deref()).map(<[_]>::to_vec),
        }
    })
}

fn tell_of_failure(
    tx: &mut Tx<'_>,
    turn: &Turn<'_>,
    conversation: &ConversationTruncated,
    failure: &Failure,
) -> Result<()> {
    let Some(trigger) = turn.action.failed else { return Ok(()) };
    let subscribers = Subscribers::of(tx, turn.app)?;
    events::record(tx, turn.state, &subscribers, trigger, Some(conversation), |_| ControlPayload {
        conversation: conversation.clone(),
        error: Some(ControlError { code: failure.code().to_owned(), message: failure.message.clone() }),
        metadata: turn.metadata.clone(),
        message_history: None,
    })
}

/// Gives a conversation that nobody controls to whoever answers first, because something happens in it: the user did
/// something (`by` that channel, if it is known), or what had control is no part of the switchboard any more.
pub fn on_activity(
    tx: &mut Tx<'_>,
    app: AppId,
    conversation: &mut conversations::Kept,
    by_user: bool,
    by: Option<IntegrationId>,
) -> Result<()> {
    let Some(board) = conversation.board.as_ref().filter(|board| board.shown.enabled) else { return Ok(()) };
    let key = &mut conversation.shown.key;
    if key.active_switchboard_integration.is_some() || !(by_user || conversation.control_lost) {
        return Ok(());
    }
    let of_channel = match responder_of(tx, app, by)? {
        Some(own) => Some(own),
        None => responder_of_last_channel(tx, app, key.id)?,
    };
    let of_channel = of_channel.and_then(|id| board.named(&id));
    key.active_switchboard_integration = of_channel.or_else(|| board.default_part()).map(|part| part.key.clone());
    // Who has control has nothing to accept any more; an offer to another stands.
    let id = |part: &Option<SwitchboardIntegrationSummary>| part.as_ref().map(|part| part.id);
    if id(&key.pending_switchboard_integration) == id(&key.active_switchboard_integration) {
        key.pending_switchboard_integration = None;
    }
    save(tx, app, key)
}

/// Who has control of a conversation from its creation, by whatever channel it was begun, if by any.
pub fn at_first(
    tx: &Tx<'_>,
    app: AppId,
    board: &Board,
    by: Option<IntegrationId>,
) -> Result<Option<SwitchboardIntegrationSummary>> {
    if !board.shown.enabled {
        return Ok(None);
    }
    let of_channel = responder_of(tx, app, by)?.and_then(|id| board.named(&id));
    Ok(of_channel.or_else(|| board.default_part()).map(|part| part.key.clone()))
}

// ---- Rows

fn save(tx: &mut Tx<'_>, app: AppId, conversation: &ConversationTruncated) -> Result<()> {
    let active = conversation.active_switchboard_integration.as_ref().map(|part| part.id.to_string());
    let pending = conversation.pending_switchboard_integration.as_ref().map(|part| part.id.to_string());
    tx.execute(
        "UPDATE conversation SET active_switchboard_integration_id = $3, pending_switchboard_integration_id = $4
         WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), conversation.id.text().as_str(), &active, &pending],
    )?;
    Ok(())
}

/// The default responder of a channel.
fn responder_of(tx: &Tx<'_>, app: AppId, channel: Option<IntegrationId>) -> Result<Option<String>> {
    let Some(channel) = channel else { return Ok(None) };
    let rows = tx.query(
        "SELECT default_responder_id FROM integration WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), channel.text().as_str()],
    )?;
    Ok(rows.first().map(|row| row.opt_text(0)).transpose()?.flatten().map(str::to_owned))
}

/// The default responder of the channel by which the conversation was last used.
fn responder_of_last_channel(tx: &Tx<'_>, app: AppId, conversation: ConversationId) -> Result<Option<String>> {
    let rows = tx.query(
        "SELECT i.default_responder_id FROM client_conversation l
         JOIN client c ON c.app_id = l.app_id AND c.user_id = l.user_id AND c.id = l.client_id
         LEFT JOIN integration i ON i.app_id = c.app_id AND i.id = c.integration_id
         WHERE l.app_id = $1 AND l.conversation_id = $2 AND c.status = 'active' ORDER BY l.used_at DESC LIMIT 1",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(rows.first().map(|row| row.opt_text(0)).transpose()?.flatten().map(str::to_owned))
}
