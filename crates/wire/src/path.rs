//! What stands in a path: one small struct for each combination, read from the segments and written back to them.

use crate::{id::*, op::Nothing, problem::Missing};
use std::borrow::Cow;

/// One value of a path.
pub trait Param: Sized + Send {
    /// Reads a decoded segment; what cannot be one names what is therefore missing.
    fn read(segment: &str) -> Result<Self, Missing>;
    /// Writes it back, not yet percent-encoded.
    fn write(&self) -> String;
}

impl<K: Kind> Param for Id<K> {
    fn read(segment: &str) -> Result<Self, Missing> {
        segment.parse()
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

/// All values of a path, in the order of its template.
pub trait PathParams: Sized + Send + Sync + Clone + 'static {
    /// Reads them from the decoded segments that stand where the template has braces.
    fn read(segments: &[Cow<'_, str>]) -> Result<Self, Missing>;
    /// Makes them of texts, in the same order: for whoever has them as texts anyway.
    fn of(values: &[&str]) -> Result<Self, Missing> {
        Self::read(&values.iter().map(|value| Cow::Borrowed(*value)).collect::<Vec<_>>())
    }
    /// Writes them, in the same order.
    fn write(&self) -> Vec<String>;
    /// The app the path names, if it names one.
    fn app_id(&self) -> Option<AppId>;
}

impl PathParams for Nothing {
    fn read(_: &[Cow<'_, str>]) -> Result<Self, Missing> {
        Ok(Self {})
    }
    fn write(&self) -> Vec<String> {
        Vec::new()
    }
    fn app_id(&self) -> Option<AppId> {
        None
    }
}

macro_rules! paths { ($($(#[doc = $doc:literal])+ $name:ident { $($field:ident: $type:ty),+ })+) => { $(
    $(#[doc = $doc])+
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct $name {
        /// The app.
        pub app_id: AppId,
        $(#[doc = concat!("`", stringify!($field), "`")] pub $field: $type,)+
    }
    impl PathParams for $name {
        fn read(segments: &[Cow<'_, str>]) -> Result<Self, Missing> {
            let mut rest = segments.iter();
            let mut next = || rest.next().map(|s| s.as_ref()).ok_or(Missing::RESOURCE);
            Ok(Self { app_id: Param::read(next()?)?, $($field: Param::read(next()?)?),+ })
        }
        fn write(&self) -> Vec<String> {
            vec![self.app_id.write(), $(self.$field.write()),+]
        }
        fn app_id(&self) -> Option<AppId> {
            Some(self.app_id)
        }
    }
)+ } }

/// `/apps/{appId}`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppPath {
    /// The app.
    pub app_id: AppId,
}

impl PathParams for AppPath {
    fn read(segments: &[Cow<'_, str>]) -> Result<Self, Missing> {
        Ok(Self { app_id: Param::read(segments.first().ok_or(Missing::RESOURCE)?)? })
    }
    fn write(&self) -> Vec<String> {
        vec![self.app_id.write()]
    }
    fn app_id(&self) -> Option<AppId> {
        Some(self.app_id)
    }
}

paths! {
    /// `/apps/{appId}/keys/{keyId}`
    AppKeyPath { key_id: AppKeyId }
    /// `/apps/{appId}/integrations/{integrationId}`
    IntegrationPath { integration_id: IntegrationId }
    /// `/apps/{appId}/integrations/{integrationId}/keys/{keyId}`
    IntegrationKeyPath { integration_id: IntegrationId, key_id: IntegrationKeyId }
    /// `/apps/{appId}/integrations/{integrationId}/webhooks`
    WebhooksPath { integration_id: IntegrationRef }
    /// `/apps/{appId}/integrations/{integrationId}/webhooks/{webhookId}`
    WebhookPath { integration_id: IntegrationRef, webhook_id: WebhookId }
    /// `/apps/{appId}/webhooks/{webhookId}`, in rows of our own
    AppWebhookPath { webhook_id: WebhookId }
    /// `/apps/{appId}/webhooks/{webhookId}/deliveries/{deliveryId}`
    DeliveryPath { webhook_id: WebhookId, delivery_id: EventId }
    /// `/apps/{appId}/switchboards/{switchboardId}`
    SwitchboardPath { switchboard_id: SwitchboardId }
    /// `/apps/{appId}/switchboards/{switchboardId}/switchboardIntegrations/{switchboardIntegrationId}`
    SwitchboardIntegrationPath { switchboard_id: SwitchboardId, switchboard_integration_id: SwitchboardIntegrationId }
    /// `/apps/{appId}/users/{userIdOrExternalId}`
    UserPath { user: UserRef }
    /// `/apps/{appId}/users/{zendeskId}/sync`
    UserSyncPath { zendesk_id: ZendeskId }
    /// `/apps/{appId}/users/{userIdOrExternalId}/clients/{clientId}`
    ClientPath { user: UserRef, client_id: ClientId }
    /// `/apps/{appId}/users/{userIdOrExternalId}/devices/{deviceId}`
    DevicePath { user: UserRef, device_id: DeviceId }
    /// `/apps/{appId}/conversations/{conversationId}`
    ConversationPath { conversation_id: ConversationId }
    /// `/apps/{appId}/conversations/{conversationId}/messages/{messageId}`
    MessagePath { conversation_id: ConversationId, message_id: MessageId }
}

/// An integration, by id or as `me`: the one the caller's own key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationRef {
    /// The caller's own.
    Me,
    /// The one with this id.
    Id(IntegrationId),
}

impl Param for IntegrationRef {
    fn read(segment: &str) -> Result<Self, Missing> {
        if segment == "me" { Ok(Self::Me) } else { segment.parse().map(Self::Id) }
    }
    fn write(&self) -> String {
        match self {
            Self::Me => "me".to_owned(),
            Self::Id(id) => id.to_string(),
        }
    }
}

/// A user, by its id or by the external id its owner gave it: any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRef(pub String);

impl UserRef {
    /// The id this may be.
    pub fn id(&self) -> Option<UserId> {
        self.0.parse().ok()
    }
}

impl Param for UserRef {
    fn read(segment: &str) -> Result<Self, Missing> {
        // No external id holds U+0000: bodies with it are refused, and PostgreSQL would refuse the look-up.
        if segment.contains('\0') { Err(Missing::USER) } else { Ok(Self(segment.to_owned())) }
    }
    fn write(&self) -> String {
        self.0.clone()
    }
}

/// The id a user has in Zendesk: any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZendeskId(pub String);

impl Param for ZendeskId {
    fn read(segment: &str) -> Result<Self, Missing> {
        UserRef::read(segment).map(|UserRef(text)| Self(text))
    }
    fn write(&self) -> String {
        self.0.clone()
    }
}

/// Where a template has braces: a bit for each piece between slashes, the first the lowest. Known when it is compiled.
pub const fn places(template: &str) -> u32 {
    let (bytes, mut places, mut at, mut piece) = (template.as_bytes(), 0, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'/' => piece += 1,
            b'{' => places |= 1 << piece,
            _ => {}
        }
        at += 1;
    }
    places
}

/// The values of a request path at these places, decoded. For what is not UTF-8 stands U+0000, which no id holds: so it is
/// simply not found.
pub fn segments(places: u32, path: &str) -> Vec<Cow<'_, str>> {
    let mut values = Vec::with_capacity(4);
    let named = parts(path).take(32).enumerate().filter(|(piece, _)| places & (1 << piece) != 0);
    values.extend(named.map(|(_, raw)| match raw.bytes().any(|byte| byte == b'%') {
        true => percent_encoding::percent_decode_str(raw).decode_utf8().unwrap_or("\0".into()),
        false => raw.into(),
    }));
    values
}

/// What stands between slashes, byte by byte: for pieces as short as these that is quicker than a search.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let here = rest?;
        let Some(at) = here.bytes().position(|byte| byte == b'/') else { return rest.take() };
        rest = Some(&here[at + 1..]);
        Some(&here[..at])
    })
}

/// Fills a template with values, percent-encoding each.
pub fn fill(template: &str, values: &[String]) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let mut values = values.iter();
    let parts: Vec<Cow<'_, str>> = template
        .split('/')
        .map(|part| match values.as_slice().first().filter(|_| part.starts_with('{')) {
            Some(value) => {
                values.next();
                utf8_percent_encode(value, KEPT).collect::<String>().into()
            }
            None => part.into(),
        })
        .collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_filled_in_is_read_back(text in "\\PC{1,60}") {
            let template = "/v2/apps/{appId}/users/{userIdOrExternalId}";
            let path = UserPath { app_id: AppId::new([7; 12]), user: UserRef(text) };
            let filled = fill(template, &path.write());
            prop_assert_eq!(filled.matches('/').count(), 5);
            prop_assert_eq!(UserPath::read(&segments(places(template), &filled)).ok(), Some(path));
        }
    }
}
