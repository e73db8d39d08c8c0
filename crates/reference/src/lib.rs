//! What people read of the contract, made from the OpenAPI document: samples in many languages, a Postman collection,
//! and the pages under `/docs`. No I/O.
//!
//! A [`Request`] is what all languages have in common: it comes from an operation of the document, from a curl line or
//! from a Postman item. A [`languages::Language`] writes it down. Whatever operation the contract gets, it has its page,
//! its samples and its Postman item here without further ado; `examples.rs` holds what no schema can tell.

pub mod answer;
pub mod document;
mod example;
mod examples;
mod given;
pub mod languages;
pub mod names;
pub mod pages;
pub mod postman;
pub mod request;
mod text;
pub mod yaml;

pub use document::{Document, Operation};
pub use request::{Auth, Request};
