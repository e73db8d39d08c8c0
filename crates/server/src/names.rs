//! What users are called who have not told their name.

use heliograph_wire::{
    id::UserId,
    users::{Profile, User},
};

const MANNERS: [&str; 64] = [
    "Able",
    "Agile",
    "Amiable",
    "Attentive",
    "Bold",
    "Brave",
    "Bright",
    "Brisk",
    "Calm",
    "Candid",
    "Careful",
    "Cheerful",
    "Clever",
    "Cordial",
    "Curious",
    "Daring",
    "Dashing",
    "Eager",
    "Earnest",
    "Easygoing",
    "Elegant",
    "Fair",
    "Faithful",
    "Fearless",
    "Frank",
    "Friendly",
    "Gentle",
    "Glad",
    "Graceful",
    "Hardy",
    "Hearty",
    "Honest",
    "Hopeful",
    "Humble",
    "Jolly",
    "Jovial",
    "Keen",
    "Kind",
    "Lively",
    "Lucky",
    "Mellow",
    "Merry",
    "Mindful",
    "Modest",
    "Nimble",
    "Noble",
    "Patient",
    "Peaceful",
    "Playful",
    "Polite",
    "Quick",
    "Quiet",
    "Radiant",
    "Serene",
    "Sincere",
    "Steady",
    "Sunny",
    "Swift",
    "Tender",
    "Thoughtful",
    "Tranquil",
    "Upbeat",
    "Witty",
    "Zesty",
];
const ANIMALS: [&str; 64] = [
    "Albatross",
    "Alpaca",
    "Antelope",
    "Armadillo",
    "Badger",
    "Bear",
    "Beaver",
    "Bison",
    "Buffalo",
    "Camel",
    "Capybara",
    "Caribou",
    "Cheetah",
    "Chinchilla",
    "Cormorant",
    "Coyote",
    "Crane",
    "Deer",
    "Dolphin",
    "Dragonfly",
    "Eagle",
    "Egret",
    "Elephant",
    "Falcon",
    "Ferret",
    "Finch",
    "Flamingo",
    "Fox",
    "Gazelle",
    "Gecko",
    "Giraffe",
    "Hare",
    "Hedgehog",
    "Heron",
    "Ibex",
    "Jaguar",
    "Kestrel",
    "Kiwi",
    "Koala",
    "Lemur",
    "Leopard",
    "Llama",
    "Lynx",
    "Magpie",
    "Marmot",
    "Meerkat",
    "Narwhal",
    "Newt",
    "Ocelot",
    "Octopus",
    "Otter",
    "Owl",
    "Panda",
    "Panther",
    "Pelican",
    "Penguin",
    "Puffin",
    "Quail",
    "Raven",
    "Salamander",
    "Seal",
    "Tapir",
    "Walrus",
    "Wombat",
];

/// The name a user has told.
pub fn told(user: &User) -> Option<String> {
    let Profile { given_name, surname, .. } = &user.profile;
    let name: Vec<&str> = [given_name, surname].into_iter().flatten().map(String::as_str).collect();
    (!name.is_empty()).then(|| name.join(" "))
}

/// Types of integrations that are channels, and what people call them.
const CHANNELS: [(&str, &str); 15] = [
    ("android", "Android"),
    ("apple", "Apple"),
    ("instagram", "Instagram"),
    ("ios", "iOS"),
    ("line", "LINE"),
    ("mailgun", "Mailgun"),
    ("messagebird", "MessageBird"),
    ("messenger", "Messenger"),
    ("telegram", "Telegram"),
    ("twilio", "Twilio"),
    ("twitter", "Twitter"),
    ("unity", "Unity"),
    ("viber", "Viber"),
    ("web", "Web"),
    ("whatsapp", "WhatsApp"),
];

/// A name for one who has told none: always the same for the same user. `animal` gives a friendly one, which several
/// users may share; otherwise it tells the channel, if there is one.
pub fn made_up(user: UserId, animal: bool, channel: Option<&str>) -> String {
    if !animal {
        let label = CHANNELS.iter().find(|(kind, _)| Some(*kind) == channel).map(|(_, label)| format!("{label} "));
        return format!("{}User {user}", label.unwrap_or_default());
    }
    // FNV-1a: the lists are short, and any spread will do as long as it never changes.
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    let hash = user.text().as_str().bytes().fold(2_166_136_261, mix);
    let pick = |list: &[&'static str; 64], bits: u32| list[(hash >> bits) as usize % list.len()];
    format!("{} {}", pick(&MANNERS, 8), pick(&ANIMALS, 20))
}

#[cfg(test)]
mod tests {
    use super::{ANIMALS, MANNERS, made_up};
    use heliograph_wire::id::UserId;
    use std::collections::HashSet;

    #[test]
    fn a_user_keeps_the_name_and_names_are_spread() {
        let user = |n: u16| UserId::new([n.to_be_bytes(); 6].concat().try_into().unwrap_or_default());
        assert_eq!(made_up(user(7), true, None), made_up(user(7), true, Some("web")));
        assert_eq!(made_up(UserId::new([0; 12]), false, Some("custom")), "User 000000000000000000000000");
        assert_eq!(made_up(UserId::new([0; 12]), false, Some("web")), "Web User 000000000000000000000000");
        let names: HashSet<String> = (0..1000).map(|n| made_up(user(n), true, None)).collect();
        assert!(names.len() > 700, "{}", names.len());
    }

    #[test]
    fn no_word_stands_twice() {
        assert!(MANNERS.is_sorted() && ANIMALS.is_sorted());
        assert_eq!(MANNERS.iter().chain(&ANIMALS).collect::<HashSet<_>>().len(), 128);
    }
}
