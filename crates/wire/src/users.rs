//! Users: the people who write to the business.

use crate::{
    id::UserId,
    metadata::Metadata,
    op::Nothing,
    operations,
    patch::Patch,
    path::{AppPath, UserPath, UserSyncPath},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Users"
    /// Creates a user.
    CreateUser = POST "/v2/apps/{appId}/users" [Account App Integration] (AppPath, Nothing, NewUser) -> 201 UserReply | 400 404 409;
    /// Lists the users that have an address for mail among their identities. Addresses in profiles do not count.
    ListUsers = GET "/v2/apps/{appId}/users" [Account App Integration] (AppPath, UsersQuery, Nothing) -> 200 UserList | 400 404;
    /// Fetches a user, by id or external id.
    GetUser = GET "/v2/apps/{appId}/users/{userIdOrExternalId}" [Account App Integration] (UserPath, BrandQuery, Nothing) -> 200 UserReply | 404;
    /// Updates a user.
    UpdateUser = PATCH "/v2/apps/{appId}/users/{userIdOrExternalId}" [Account App Integration] (UserPath, BrandQuery, UserUpdate) -> 200 UserReply | 400 404 409;
    /// Deletes a user, with its clients and the conversations that only this user had. It is gone when `user:remove` is
    /// sent.
    DeleteUser = DELETE "/v2/apps/{appId}/users/{userIdOrExternalId}" [Account App Integration] (UserPath, BrandQuery, Nothing) -> 200 Nothing | 404;
    /// Forgets who a user is: profile, identities, custom properties, and what channels tell of them. Ids and
    /// conversations stay.
    DeleteUserPersonalInformation = DELETE "/v2/apps/{appId}/users/{userIdOrExternalId}/personalinformation" [Account App Integration]
        (UserPath, BrandQuery, Nothing) -> 200 UserReply | 404;
    /// Brings a user in line with their record in Zendesk, which is given with the call. Users who turn out to be one
    /// are merged; what belongs to a user with another record is taken from them.
    SyncUser = POST "/v2/apps/{appId}/users/{zendeskId}/sync" [Account App Integration] (UserSyncPath, Nothing, UserSync) -> 200 UserReply | 400 404;
}

/// Which brand's user is meant, where brands keep their users apart.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct BrandQuery {
    /// The brand of the user that has the external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
}

/// Whose identity, and of which brand.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct UsersQuery {
    /// Whose identity.
    pub filter: UsersFilter,
    /// The brand of the users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
}

/// The identity by which users are found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "userListFilter")]
pub struct UsersFilter {
    /// An address for mail.
    #[serde(rename = "identities.email")]
    pub email: String,
}

/// What a new user is made from. Nothing is required.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "userCreateBody")]
pub struct NewUser {
    /// The id the user has elsewhere. No two users of an app (and brand) share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub external_id: Option<String>,
    /// The brand the user belongs to, where brands keep their users apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 24), extend("x-clearable" = true))]
    pub brand_id: Option<String>,
    /// The user's id in Zendesk, which no two users of an app share: by it a user can be synchronised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), extend("x-clearable" = true))]
    pub zendesk_id: Option<String>,
    /// When the user signed up. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_up_at: Option<Timestamp>,
    /// Whether the user is kept although unused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_be_retained: Option<bool>,
    /// Who the user is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileUpdate>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// What may change of a user.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "userUpdateBody")]
pub struct UserUpdate {
    /// The user's id in Zendesk.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 128))]
    pub zendesk_id: Patch<String>,
    /// When the user signed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_up_at: Option<Timestamp>,
    /// Whether the user is kept although unused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_be_retained: Option<bool>,
    /// What to change of the profile; the rest stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileUpdate>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub metadata: Patch<Metadata>,
}

/// A user's record in Zendesk. This server does not know Zendesk, so whoever does gives the record; what is left out
/// stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "syncUserBody")]
pub struct UserSync {
    /// The record into which this one was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub surviving_zendesk_id: Option<String>,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub surname: Option<String>,
    /// The id the user has elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub external_id: Option<String>,
    /// The user's primary address for mail. It becomes an identity and is no part of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), extend("format" = "email"))]
    pub email: Option<String>,
}

/// Changes to a profile. `null` takes a field away.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "profileUpdate")]
pub struct ProfileUpdate {
    /// First name.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 128))]
    pub given_name: Patch<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 128))]
    pub surname: Patch<String>,
    /// Address for mail.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 128), extend("format" = "email"))]
    pub email: Patch<String>,
    /// Where a picture of the user is.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 2048), extend("format" = "uri"))]
    pub avatar_url: Patch<String>,
    /// The user's language.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 64))]
    pub locale: Patch<String>,
}

/// Who a user is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "profile")]
pub struct Profile {
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    /// Address for mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where a picture of the user is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The user's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Where the language comes from: `zendeskAccount` when it is the server's default. Absent when it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale_origin: Option<String>,
}

/// Something that tells who a user is, such as an address for mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "identity")]
pub struct Identity {
    /// What it is: `email`.
    pub r#type: String,
    /// The address.
    #[schemars(length(min = 1, max = 128))]
    pub value: String,
    /// How it was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<String>,
}

impl Identity {
    /// The type of an address for mail.
    pub const EMAIL: &'static str = "email";
    /// How an address was verified that somebody else's sign-in vouches for.
    pub const SSO: &'static str = "sso";

    /// An address for mail that a directory vouches for.
    pub fn email(address: &str) -> Self {
        Self { r#type: Self::EMAIL.to_owned(), value: address.to_owned(), verification: Some(Self::SSO.to_owned()) }
    }
}

/// Which user, without who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "userTruncated")]
pub struct UserTruncated {
    /// Its id.
    pub id: UserId,
    /// Whether the user is known elsewhere too: has an external id.
    #[schemars(extend("readOnly" = true))]
    pub authenticated: bool,
    /// The id the user has elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The user's id in Zendesk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zendesk_id: Option<String>,
    /// The brand the user belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "user")]
pub struct User {
    /// Which user.
    #[serde(flatten)]
    pub key: UserTruncated,
    /// When the user signed up.
    pub signed_up_at: Timestamp,
    /// Whether the user is kept although unused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_be_retained: Option<bool>,
    /// Always false: this server takes no payments.
    #[serde(default)]
    pub has_payment_info: bool,
    /// What tells who the user is.
    #[serde(default)]
    #[schemars(extend("readOnly" = true))]
    pub identities: Vec<Identity>,
    /// Who the user is.
    #[serde(default)]
    pub profile: Profile,
    /// Custom properties.
    #[serde(default)]
    pub metadata: Metadata,
}

/// One user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "userResponse")]
pub struct UserReply {
    /// The user.
    pub user: User,
}

/// Users.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "userListResponse")]
pub struct UserList {
    /// The users.
    pub users: Vec<User>,
}
