//! A request's samples in all languages, for a page: the reader chooses one.

use crate::{
    languages::{self, Language},
    request::{Auth, Request},
};
use maud::{Markup, html};

/// The samples of a request: `with` makes it for a credential.
pub fn samples(with: impl Fn(Auth) -> Request) -> Markup {
    let basic = with(Auth::basic());
    let schemes: &[(&str, Auth)] = &[("basic", Auth::basic()), ("bearer", Auth::bearer())];
    let known: Vec<&Language> = languages::ALL.iter().filter(|l| (l.request)(&basic).is_some()).collect();
    html! {
        section.samples.block aria-labelledby="samples" {
            div.bar {
                h2 #samples { "Samples" }
                label { span.hidden { "Language" }
                    select #language {
                        @for language in &known { option value=(language.id) { (language.title) } }
                    }
                }
                button.copy type="button" { "Copy" }
            }
            @for (at, language) in known.iter().enumerate() {
                @for (scheme, auth) in schemes {
                    @let text = (language.request)(&with(auth.clone())).unwrap_or_default();
                    // Without the script there is one sample to see: the first.
                    pre.sample data-language=(language.id) data-scheme=(scheme) hidden[at > 0 || *scheme != "basic"]
                        tabindex="0" role="group" aria-label={ "Sample in " (language.title) } {
                        code { (text) }
                    }
                }
            }
        }
    }
}
