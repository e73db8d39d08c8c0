//! What nearly every program needs: the client, its errors, ids and paths.

pub use crate::{Client, Error, Upload, jwt::Signer};
pub use heliograph_wire::{
    id::{
        AppId, AppKeyId, ConversationId, IntegrationId, IntegrationKeyId, MessageId, ParticipantId, UserId, WebhookId,
    },
    op::{Nothing, Operation},
    page::{Page, PageQuery},
    path::{
        AppKeyPath, AppPath, ConversationPath, IntegrationKeyPath, IntegrationPath, IntegrationRef, MessagePath,
        PathParams, UserPath, UserRef, WebhookPath, WebhooksPath,
    },
};
