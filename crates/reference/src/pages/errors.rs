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
];

/// The refusals of an operation.
pub fn of(operation: Operation<'_>) -> Vec<(u16, &'static str, &'static str)> {
    let mut all = Vec::new();
    for status in operation.refusals() {
        if status == 404 {
            let named = operation.parameters().filter(|p| p.place == "path");
            let missing = named.filter_map(|p| MISSING.iter().find(|(name, _)| *name == p.name));
            all.extend(missing.map(|(_, missing)| (404, missing.code, missing.title)));
        }
        let known = REFUSALS.iter().filter(|(known, ..)| *known == status);
        all.extend(known.filter(|(_, code, _)| *code != "invalid_auth" || !operation.scopes().is_empty()));
    }
    all
}
