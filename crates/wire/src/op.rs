//! What an operation is: a row of the contract.

use crate::{path::PathParams, problem::Missing};
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{any::TypeId, borrow::Cow};

/// Whose credential may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// A custom integration's key (`int_`), bound to one integration of one app.
    Integration,
    /// An app's key (`app_`), bound to one app.
    App,
    /// An account's (`act_`) or service account's (`svc_`) key.
    Account,
}

impl Scope {
    /// All of them, for the few operations that any credential may call.
    pub const ALL: &'static [Self] = &[Self::Integration, Self::App, Self::Account];

    /// The name the `scope` claim of a token carries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::App => "app",
            Self::Account => "account",
        }
    }
}

/// One operation of the contract.
pub trait Operation: Send + Sync + 'static {
    /// The `operationId` of the public documentation.
    const ID: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The path template, with `{names}` in braces.
    const PATH: &'static str;
    /// Who may call it. This and nothing else decides, for every route. Empty: anybody, without a credential.
    const SCOPES: &'static [Scope];
    /// The status of success.
    const STATUS: u16;
    /// The statuses of refusal that are particular to this operation.
    const REFUSALS: &'static [u16];
    /// What it does: the first sentence is its summary.
    const ABOUT: &'static str;
    /// What stands in the path.
    type Path: PathParams;
    /// What stands in the query.
    type Query: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// What stands in the body.
    type Body: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// What the answer holds.
    type Reply: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
}

/// Makes the schema of one type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Reads the values of a path into their types, and writes them again.
pub type ReadPath = fn(&[Cow<'_, str>]) -> Result<Vec<String>, Missing>;

/// Reads JSON into its type, and writes it again.
pub type ReadJson = fn(Value) -> serde_json::Result<Value>;

/// The same row as a value, for those who walk the whole contract.
#[derive(Clone, Debug)]
pub struct Description {
    /// The `operationId`.
    pub id: &'static str,
    /// The group it belongs to in the documentation.
    pub tag: &'static str,
    /// The module its row stands in: `apps`.
    pub module: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path template.
    pub path: &'static str,
    /// Who may call it. Empty: anybody.
    pub scopes: &'static [Scope],
    /// The status of success.
    pub status: u16,
    /// The statuses of refusal that are particular to it.
    pub refusals: &'static [u16],
    /// What it does.
    pub about: &'static str,
    /// The schema of its query, if it has one.
    pub query: Option<SchemaOf>,
    /// The schema of its body, if it has one.
    pub body: Option<SchemaOf>,
    /// The schema of its answer.
    pub reply: SchemaOf,
    /// Reads a path of it.
    pub read_path: ReadPath,
    /// Reads a query of it.
    pub read_query: ReadJson,
    /// Reads a body of it.
    pub read_body: ReadJson,
}

/// Turns a row into a value.
pub fn describe<O: Operation>(tag: &'static str, module: &'static str) -> Description {
    let some = |is_nothing: bool, schema: SchemaOf| (!is_nothing).then_some(schema);
    Description {
        id: O::ID,
        tag,
        module: module.rsplit("::").next().unwrap_or(module),
        method: O::METHOD,
        path: O::PATH,
        scopes: O::SCOPES,
        status: O::STATUS,
        refusals: O::REFUSALS,
        about: O::ABOUT.trim(),
        query: some(is_nothing::<O::Query>(), |g| g.subschema_for::<O::Query>()),
        body: some(is_nothing::<O::Body>(), |g| g.subschema_for::<O::Body>()),
        reply: |g| g.subschema_for::<O::Reply>(),
        read_path: |segments| Ok(O::Path::read(segments)?.write()),
        read_query: |value| serde_json::to_value(serde_json::from_value::<O::Query>(value)?),
        read_body: |value| serde_json::to_value(serde_json::from_value::<O::Body>(value)?),
    }
}

/// Whether a query or body type stands for "there is none".
pub fn is_nothing<T: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<Nothing>()
}

/// An empty object: no query, no body, or the answer of an operation that has nothing to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

impl JsonSchema for Nothing {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Nothing".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "object", "description": "An empty object." })
    }
}

/// Writes a table of operations: the one place where method, path, scopes, types and statuses meet.
#[macro_export]
macro_rules! operations {
    ($tag:literal $( $(#[doc = $about:literal])+ $name:ident = $method:ident $path:literal $scopes:tt
        ($p:ty, $q:ty, $b:ty) -> $status:literal $reply:ty $(| $($refusal:literal)+)?; )+) => {
        $( $(#[doc = $about])+
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl $crate::op::Operation for $name {
            const ID: &'static str = stringify!($name);
            const METHOD: http::Method = http::Method::$method;
            const PATH: &'static str = $path;
            const SCOPES: &'static [$crate::op::Scope] = $crate::operations!(@scopes $scopes);
            const STATUS: u16 = $status;
            const REFUSALS: &'static [u16] = &[$($($refusal),+)?];
            const ABOUT: &'static str = concat!($($about),+);
            type Path = $p;
            type Query = $q;
            type Body = $b;
            type Reply = $reply;
        } )+
        /// The operations of this file.
        pub const OPERATIONS: &[fn() -> $crate::op::Description] =
            &[$(|| $crate::op::describe::<$name>($tag, module_path!())),+];
    };
    (@scopes [public]) => { &[] };
    (@scopes [any]) => { $crate::op::Scope::ALL };
    (@scopes [$($scope:ident)+]) => { &[$($crate::op::Scope::$scope),+] };
}
