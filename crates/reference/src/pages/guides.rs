//! The guides. Their programs have the same open names as the samples.

use super::frame::{Frame, GUIDES, block};
use crate::document::Document;
use maud::{Markup, html};

const FIRST_KEY: &[&str] = &[
    "heliograph serve",
    "APP=$(curl -sS -u '{{keyId}}:{{secret}}' -H 'Content-Type: application/json' \\\n  \
     -d '{\"displayName\":\"My app\"}' '{{url}}/v2/apps' | jq -r .app.id)",
    "INTEGRATION=$(curl -sS -u '{{keyId}}:{{secret}}' -H 'Content-Type: application/json' \\\n  \
     -d '{\"type\":\"custom\",\"displayName\":\"My integration\",\"webhooks\":[{\"target\":\"https://example.com/webhook\",\"triggers\":[\"conversation:message\"]}]}' \\\n  \
     \"{{url}}/v2/apps/$APP/integrations\" | jq -r .integration.id)",
    "curl -X POST -u '{{keyId}}:{{secret}}' -H 'Content-Type: application/json' \\\n  \
     -d '{\"displayName\":\"My custom key\"}' \\\n  \"{{url}}/v2/apps/$APP/integrations/$INTEGRATION/keys\"",
];

const TOKENS: &[(&str, &str)] = &[
    (
        "The command line",
        "HELIOGRAPH_KEY_ID='{{keyId}}' HELIOGRAPH_SECRET='{{secret}}' heliograph token --expires-in 1h",
    ),
    (
        "Python (pip install PyJWT)",
        "import time\nimport jwt\n\ntoken = jwt.encode(\n    {\"scope\": \"{{scope}}\", \"exp\": int(time.time()) + 3600},\n    \
         \"{{secret}}\",\n    algorithm=\"HS256\",\n    headers={\"kid\": \"{{keyId}}\"},\n)\nprint(token)",
    ),
    (
        "JavaScript (Node.js)",
        "import { createHmac } from \"node:crypto\";\n\nconst part = (value) => Buffer.from(JSON.stringify(value)).toString(\"base64url\");\n\
         const head = part({ alg: \"HS256\", typ: \"JWT\", kid: \"{{keyId}}\" });\n\
         const body = part({ scope: \"{{scope}}\", exp: Math.floor(Date.now() / 1000) + 3600 });\n\
         const mark = createHmac(\"sha256\", \"{{secret}}\").update(`${head}.${body}`).digest(\"base64url\");\n\
         console.log(`${head}.${body}.${mark}`);",
    ),
    (
        "A shell with openssl",
        "encode() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }\n\
         HEAD=$(printf '{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}' '{{keyId}}' | encode)\n\
         BODY=$(printf '{\"scope\":\"%s\",\"exp\":%s}' '{{scope}}' $(($(date +%s) + 3600)) | encode)\n\
         MARK=$(printf '%s.%s' \"$HEAD\" \"$BODY\" | openssl dgst -sha256 -hmac '{{secret}}' -binary | encode)\n\
         echo \"$HEAD.$BODY.$MARK\"",
    ),
];

const RECEIVER: &str = "import hmac\nimport json\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\n\n\
WEBHOOK_SECRET = \"{{webhookSecret}}\"\n\n\nclass Receiver(BaseHTTPRequestHandler):\n    def do_POST(self):\n        \
body = self.rfile.read(int(self.headers[\"Content-Length\"]))\n        \
known = hmac.compare_digest(self.headers.get(\"X-API-Key\", \"\"), WEBHOOK_SECRET)\n        \
self.send_response(200 if known else 401)\n        self.end_headers()\n        if not known:\n            return\n        \
for event in json.loads(body)[\"events\"]:\n            print(event[\"id\"], event[\"type\"], event[\"payload\"])\n\n\n\
HTTPServer((\"127.0.0.1\", 9000), Receiver).serve_forever()";

/// A guide by its address.
pub fn page(document: Document<'_>, slug: &str) -> Option<Markup> {
    let (_, title, about) = GUIDES.iter().find(|(known, ..)| *known == slug)?;
    let names: Vec<String> = match slug {
        "receive-a-webhook" => vec!["webhookSecret".to_owned()],
        "oauth" => ["oauthClientId", "oauthClientSecret", "code"].map(str::to_owned).to_vec(),
        _ => Vec::new(),
    };
    let frame = Frame { title, about, place: slug, root: "../", names: &names };
    let content = html! {
        p.crumb { "Guide" }
        h1 { (title) }
        @match slug {
            "first-key" => { (frame.values()) (first_key()) },
            "sign-a-token" => { (frame.values()) (sign()) },
            "receive-a-webhook" => { (frame.values()) (webhook()) },
            _ => { (frame.values()) (oauth()) },
        }
    };
    Some(frame.around(document, &content))
}

fn code(text: &str) -> Markup {
    block("Code", Some("sample"), text)
}

fn to(slug: &str, title: &str) -> Markup {
    html! { a href={ "../operations/" (slug) } { (title) } }
}

fn first_key() -> Markup {
    html! {
        ol.steps {
            li { p { "Start the server. At its first start it prints an account's key; put its id and secret into the fields above." }
                (code(FIRST_KEY[0])) }
            li { p { (to("create-app", "Create an app")) ": it holds everything else." } (code(FIRST_KEY[1])) }
            li { p { (to("create-integration", "Create a custom integration")) ": a program that talks for the app, and where it \
                is told of what happens." } (code(FIRST_KEY[2])) }
            li { p { (to("create-integration-key", "Create a key")) " for it. The answer holds the key's id and secret." }
                (code(FIRST_KEY[3])) }
        }
        p { "From now on the program calls with its own key, or better with a " a href="sign-a-token" { "token" }
            " signed with it. The lines need curl and jq." }
    }
}

fn sign() -> Markup {
    html! {
        p { "A token is a JSON Web Token, signed by HS256 with the characters of a key's secret. Its header holds the key's id as "
            code { "kid" } ", its body the key's " code { "scope" } " (" code { "account" } ", " code { "app" } " or "
            code { "integration" } ") and, if it shall end by itself, " code { "exp" } ". With a token the secret itself never \
            leaves your program. It is good as long as its key is there." }
        @for (title, text) in TOKENS { h2 { (title) } (code(text)) }
        h2 { "Use it" }
        (code("curl -H 'Authorization: Bearer {{token}}' '{{url}}/v2/tokenInfo'"))
        p { (to("get-token-info", "Get token info")) " says which app a credential is for." }
    }
}

fn webhook() -> Markup {
    html! {
        p { "An integration is told of what happens by calls to its webhooks. Each call carries the webhook's secret in the \
            header " code { "X-API-Key" } "; whoever cannot show it is somebody else. The secret stands in the answer of "
            (to("create-webhook", "Create webhook")) " and " (to("list-webhooks", "List webhooks")) "." }
        h2 { "A receiver" }
        p { "It runs as it stands, with Python alone:" }
        (code(RECEIVER))
        h2 { "What comes" }
        p { "An object with " code { "app" } ", " code { "webhook" } " and a list of " code { "events" } ", each with an "
            code { "id" } ", a " code { "type" } " and its " code { "payload" } ". All types and their fields stand in the section "
            code { "webhooks" } " of the " a href="../../openapi.json" { "OpenAPI document" } "." }
        h2 { "Signatures" }
        p { "Every call is also signed as Standard Webhooks has it (" code { "webhook-id" } ", " code { "webhook-timestamp" } ", "
            code { "webhook-signature" } "), with a secret that never travels: a receiver that verifies it needs not trust \
            whoever has seen a call. The libraries of Standard Webhooks verify it." }
        h2 { "When it goes wrong" }
        ul {
            li { "Answer with a status of 2xx, within 20 seconds. Do the work afterwards." }
            li { "After 400, 401, 403, 404 and 406 the call is not made again; after any other answer it is, several times. The \
                same event may come twice: keep its " code { "id" } "." }
            li { "Redirects are not followed. Private addresses are not called unless the server's operator allows it." }
        }
    }
}

fn oauth() -> Markup {
    html! {
        p { "A partner is a program of somebody else that people let into their apps. It gets an integration of its own in \
            each, and a token for it." }
        ol.steps {
            li { p { (to("create-oauth-client", "Register the partner")) " with an account's key. The answer holds its id and \
                secret." } }
            li { p { "The partner sends a person's browser to " (to("authorize", "Authorize")) ". The person signs in, chooses an \
                app and says yes:" }
                (code("{{url}}/oauth/authorize?client_id={{oauthClientId}}&response_type=code&state=where-i-was")) }
            li { p { "The browser comes back to the partner's address with " code { "code" } " and " code { "state" }
                ". The code works once, for a short while: " (to("get-token", "Get token")) "." }
                (code("curl -X POST '{{url}}/oauth/token' \\\n  -d 'grant_type=authorization_code' -d 'code={{code}}' \\\n  \
                    -d 'client_id={{oauthClientId}}' -d 'client_secret={{oauthClientSecret}}'")) }
            li { p { "With the token the partner calls like any integration. " (to("revoke-access", "Revoke access"))
                " ends it." } (code("curl -H 'Authorization: Bearer {{token}}' '{{url}}/v2/tokenInfo'")) }
        }
        p { "Programs that cannot keep a secret add " code { "code_challenge" } " and " code { "code_verifier" }
            " (PKCE, S256)." }
    }
}
