//! The receiver of docs/receiving-webhooks.md, which the tests start.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program of its own, outside the product")]

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use heliograph_client::webhooks::{Payload, Verifier};
use std::{env, error::Error, net::Ipv4Addr};

async fn receive(State(verifier): State<Verifier>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let call = match verifier.verify(&headers, &body) {
        Ok(call) => call,
        Err(refusal) => {
            eprintln!("refused: {refusal}");
            return StatusCode::UNAUTHORIZED;
        }
    };
    for event in call.events {
        println!("{} {}", event.r#type, event.id);
        if let Payload::Message(payload) = event.payload {
            println!("in conversation {}", payload.conversation.id);
        }
    }
    StatusCode::OK
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::new(&env::var("SIGNING_SECRET")?)?;
    let port: u16 = env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let app = Router::new().route("/", post(receive)).with_state(verifier);
    Ok(axum::serve(listener, app).await?)
}
