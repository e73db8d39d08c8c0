//! Devices: where a user's SDKs run. Whoever makes an SDK, or a page or app in its place, announces them.

use crate::{
    id::{ClientId, DeviceId, IntegrationId},
    op::Nothing,
    operations,
    path::{DevicePath, UserPath},
    time::Timestamp,
    users::BrandQuery,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

operations! { "Devices"
    /// Lists the devices of a user, the one last heard of first.
    ListDevices = GET "/v2/apps/{appId}/users/{userIdOrExternalId}/devices" [Account App Integration]
        (UserPath, BrandQuery, Nothing) -> 200 DeviceList | 404;
    /// Fetches a device.
    GetDevice = GET "/v2/apps/{appId}/users/{userIdOrExternalId}/devices/{deviceId}" [Account App Integration]
        (DevicePath, BrandQuery, Nothing) -> 200 DeviceReply | 404;
    /// Announces the device on which a user is. One that the integration has told of before, under the same guid, is brought
    /// up to date. A user who has no client of the SDKs gets it.
    AnnounceDevice = POST "/heliograph/v1/apps/{appId}/users/{userIdOrExternalId}/devices" [Account App Integration]
        (UserPath, BrandQuery, NewDevice) -> 201 DeviceReply | 400 404;
}

/// How many devices a user may have.
pub const MAX_PER_USER: usize = 100;

/// What kind of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DeviceType {
    /// Android.
    Android,
    /// iOS.
    Ios,
    /// A browser.
    Web,
}

/// Whether a device can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DeviceStatus {
    /// It can.
    Active,
    /// It cannot.
    Inactive,
}

/// A device on which an SDK runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "device")]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// What kind it is.
    pub r#type: DeviceType,
    /// The id the SDK gave it.
    pub guid: String,
    /// The client it belongs to.
    pub client_id: ClientId,
    /// Whether it can be reached.
    pub status: DeviceStatus,
    /// The integration it came by.
    pub integration_id: IntegrationId,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Where notifications are pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_notification_token: Option<String>,
    /// What the SDK tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Map<String, Value>>,
    /// The version of the app it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
}

/// What is announced of a device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "deviceAnnouncement")]
pub struct NewDevice {
    /// What kind it is.
    pub r#type: DeviceType,
    /// The id that its SDK keeps for it.
    #[schemars(length(min = 1, max = 128))]
    pub guid: String,
    /// The integration it comes by, of the same type or `unity`.
    pub integration_id: String,
    /// Whether it can be reached. Default `active`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<DeviceStatus>,
    /// Where notifications are pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub push_notification_token: Option<String>,
    /// What the SDK tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Map<String, Value>>,
    /// The version of the app it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub app_version: Option<String>,
}

/// One device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "deviceResponse")]
pub struct DeviceReply {
    /// The device.
    pub device: Device,
}

/// All devices of a user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "deviceListResponse")]
pub struct DeviceList {
    /// The devices.
    pub devices: Vec<Device>,
}
