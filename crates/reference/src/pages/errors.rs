//! What refusals say.

use crate::document::Operation;
use heliograph_wire::problem::Missing;

/// What any operation may refuse with: status, code, and a title or what it tells.
pub const REFUSALS: &[(u16, &str, &str)] = &[
    (400, "bad_request", "Says what is wrong with the request; one entry for each rule that is broken."),
    (401, "unauthorized", "Authorization is required"),
    (401, "invalid_auth", "Says what is wrong with the token."),
    (403, "forbidden", "The credential is right, but its scope or its app does not allow this."),
    (404, "not_found", "Resource not found"),
    (405, "method_not_allowed", "Method not allowed"),
    (408, "request_timeout", "The request body took too long to arrive"),
    (409, "conflict", "Says what is there already."),
    (413, "request_entity_too_large", "Request body is limited to so many bytes"),
    (415, "unsupported_media_type", "Says which media type is wanted."),
    (422, "idempotency_key_reused", "This Idempotency-Key was used for another request"),
    (423, "locked", "Says what takes no more."),
    (429, "too_many_requests", "Too many requests. Retry-After says in how many seconds there is room again."),
    (500, "internal_error", "Something went wrong on our side"),
    (503, "service_unavailable", "Something went wrong on our side. It is worth trying again."),
];

/// What is not there, by the parameter of the path that names it.
const MISSING: &[(&str, Missing)] = &[
    ("appId", Missing::APP),
    ("integrationId", Missing::INTEGRATION),
    ("conversationId", Missing::CONVERSATION),
    ("userIdOrExternalId", Missing::USER),
    ("zendeskId", Missing::USER),
    ("switchboardId", Missing::SWITCHBOARD),
    ("switchboardIntegrationId", Missing::SWITCHBOARD_INTEGRATION),
    ("deviceId", Missing::DEVICE),
    ("clientId", Missing::CLIENT),
];

const NO_SWITCHBOARD: &str = "The app has no enabled switchboard";

/// What single operations refuse with, told more exactly than above.
const OWN: &[(&str, u16, &str, &str)] = &[
    ("CreateApp", 402, "payment_required", "Part of the contract. This server never says it: it has no plans."),
    ("CreateUser", 409, "conflict", "User already exists"),
    ("UpdateUser", 409, "conflict", "User already exists"),
    ("CreateClient", 409, "conflict", "Client already exists"),
    ("CreateOAuthClient", 409, "conflict", "OAuth client already exists"),
    ("TestWebhook", 409, "conflict", "The webhook is paused"),
    ("PostMessage", 423, "locked", "Message limit of 30000 per conversation reached."),
    (
        "CreateSwitchboardIntegration",
        400,
        "too_many_switchboard_integrations",
        "Switchboard has reached the max number of switchboard integrations (10)",
    ),
    ("PassControl", 400, "switchboard_invalid_target", "Says why control cannot go there."),
    ("OfferControl", 400, "switchboard_invalid_target", "Says why control cannot be offered there."),
    ("PassControl", 400, "switchboard_invalid_action", NO_SWITCHBOARD),
    ("OfferControl", 400, "switchboard_invalid_action", NO_SWITCHBOARD),
    ("AcceptControl", 400, "switchboard_invalid_action", NO_SWITCHBOARD),
    ("AcceptControl", 400, "switchboard_invalid_action", "There is no pendingSwitchboardIntegration"),
    ("ReleaseControl", 400, "switchboard_invalid_action", NO_SWITCHBOARD),
    ("DeleteAttachment", 404, Missing::ATTACHMENT.code, Missing::ATTACHMENT.title),
    ("LeaveConversation", 404, Missing::MEMBER.code, Missing::MEMBER.title),
    ("PostActivity", 404, Missing::MEMBER.code, Missing::MEMBER.title),
    ("DownloadMessageRef", 404, Missing::MEMBER.code, Missing::MEMBER.title),
    ("ReportChannelEvent", 404, Missing::MEMBER.code, Missing::MEMBER.title),
];

/// The refusals of an operation, by status.
pub fn of(operation: Operation<'_>) -> Vec<(u16, &'static str, &'static str)> {
    let own = OWN.iter().filter(|(id, ..)| *id == operation.id());
    let mut all: Vec<_> = own.map(|(_, status, code, title)| (*status, *code, *title)).collect();
    let statuses = operation.refusals();
    if statuses.contains(&404) {
        all.extend(missing(operation).map(|missing| (404, missing.code, missing.title)));
    }
    for (status, code, title) in REFUSALS.iter().filter(|(status, ..)| statuses.contains(status)) {
        let told = all.iter().any(|(s, c, _)| (s, c) == (status, code));
        if !told && (*code != "invalid_auth" || !operation.scopes().is_empty()) {
            all.push((*status, code, title));
        }
    }
    all.sort_by_key(|(status, ..)| *status);
    all
}

fn missing(operation: Operation<'_>) -> impl Iterator<Item = Missing> {
    let named = operation.parameters().filter(|p| p.place == "path");
    // A partner is no user's client.
    let named = named.filter(move |p| p.name != "clientId" || operation.path.contains("/clients/"));
    named.filter_map(|p| MISSING.iter().find(|(name, _)| *name == p.name).map(|(_, missing)| *missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use heliograph_wire::openapi;

    #[test]
    fn every_row_is_of_an_operation_that_may_refuse_so() {
        let value = openapi::document("/");
        let document = Document::new(&value);
        for (id, status, code, _) in OWN {
            let operation = document.operations().find(|o| o.id() == *id).unwrap_or_else(|| panic!("{id}"));
            assert!(operation.refusals().contains(status), "{id} {status}");
            assert!(of(operation).iter().any(|(s, c, _)| (s, c) == (status, code)), "{id} {code}");
        }
        let known = |status| REFUSALS.iter().any(|(s, ..)| *s == status) || OWN.iter().any(|(_, s, ..)| *s == status);
        for operation in document.operations() {
            assert!(operation.refusals().into_iter().all(known), "{}", operation.id());
        }
    }
}
