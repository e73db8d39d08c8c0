//! The result, in Markdown.

use crate::{
    StoreKind,
    contest::{Rival, Row},
    growth::{FEW, Growth, MANY},
    load::Measured,
    start::Start,
};

/// Everything that was measured on one store.
#[derive(Default)]
pub struct Results {
    /// One entry for each round, rival and row.
    entries: Vec<(Row, Rival, Measured)>,
    /// What others took of the cores, one entry for each round.
    others: Vec<f64>,
}

/// Others may take this much of the cores without harm.
const QUIET: f64 = 0.05;

/// A ratio to reach.
struct Goal {
    store: StoreKind,
    row: Row,
    against: Rival,
    at_least: f64,
}

const fn goal(store: StoreKind, row: Row, against: Rival, at_least: f64) -> Goal {
    Goal { store, row, against, at_least }
}

const GOALS: [Goal; 8] = [
    goal(StoreKind::Sqlite, Row::Get, Rival::AxumJwt, 0.8),
    goal(StoreKind::Sqlite, Row::Key, Rival::Skeleton, 0.9),
    goal(StoreKind::Sqlite, Row::Post, Rival::Skeleton, 1.0),
    goal(StoreKind::Sqlite, Row::Post, Rival::Raw, 0.5),
    goal(StoreKind::Sqlite, Row::List, Rival::Skeleton, 1.2),
    goal(StoreKind::Sqlite, Row::Sustained, Rival::Skeleton, 0.8),
    goal(StoreKind::Sqlite, Row::Deliver, Rival::Skeleton, 0.8),
    goal(StoreKind::Postgres, Row::Post, Rival::Raw, 0.5),
];

impl Results {
    /// Adds one.
    pub fn add(&mut self, row: Row, rival: Rival, measured: Measured) {
        self.entries.push((row, rival, measured));
    }

    /// Notes what others took of the cores before a round.
    pub fn add_others(&mut self, share: f64) {
        self.others.push(share);
    }

    /// The table of everything.
    pub fn table(&self, store: StoreKind) -> String {
        let mut text = format!(
            "\n### {}\n\n{}| path | who | per second | p50 ms | p99 ms | CPU µs | ratio | ratio by CPU |\n|---|---|--:|--:|--:|--:|--:|--:|\n",
            store.title(),
            self.caution()
        );
        let mut told = Vec::new();
        for (row, rival, _) in &self.entries {
            if !told.contains(&(*row, *rival)) {
                told.push((*row, *rival));
            }
        }
        told.sort_by_key(|(row, rival)| (*row as u8, *rival as u8));
        for (row, rival) in told {
            text += &self.line(row, rival);
        }
        text
    }

    fn line(&self, row: Row, rival: Rival) -> String {
        let number = |of: &dyn Fn(&Measured) -> Option<f64>, digits: usize| {
            self.median(row, rival, of).map_or("–".to_owned(), |median| format!("{median:.digits$}"))
        };
        let refused: u64 = self.all(row, rival).iter().map(|measured| measured.refused).sum();
        let refused = if refused == 0 { String::new() } else { format!(", and {refused} times 503") };
        let rate = number(&|m| Some(m.rate), 0) + &refused;
        let p50 = number(&|m| Some(m.latency?.p50_ms), 2);
        let p99 = number(&|m| Some(m.latency?.p99_ms), 2);
        let cpu = number(&|m| m.cpu_us, 1);
        let against = |ratio: Option<f64>| {
            ratio.filter(|_| rival != Rival::Heliograph).map_or(String::new(), |ratio| format!("{ratio:.2}"))
        };
        let (ratio, by_cpu) = (against(self.ratio(row, rival)), against(self.ratio_by_cpu(row, rival)));
        format!("| {} | {} | {rate} | {p50} | {p99} | {cpu} | {ratio} | {by_cpu} |\n", row.title(), rival.title())
    }

    /// Said when the figures were not taken on a quiet machine.
    fn caution(&self) -> String {
        match median(self.others.clone()) {
            Some(share) if share > QUIET => format!(
                "Before the rounds other programs took {:.0} % of the cores: compare by CPU rather than by speed.\n\n",
                share * 100.0
            ),
            _ => String::new(),
        }
    }

    /// The lines of the table of goals.
    pub fn goals(&self, store: StoreKind) -> String {
        let mut text = String::new();
        for goal in GOALS.iter().filter(|goal| goal.store == store) {
            if let Some(ratio) = self.ratio(goal.row, goal.against) {
                let (row, against, least) = (goal.row.title(), goal.against.title(), goal.at_least);
                let reached = word(ratio >= goal.at_least);
                let by_cpu = self.ratio_by_cpu(goal.row, goal.against).map_or("–".to_owned(), |r| format!("{r:.2}"));
                text += &format!(
                    "| {row} ({}) | ≥ {least} of {against} | {ratio:.2} | {by_cpu} | {reached} |\n",
                    goal.store.title()
                );
            }
        }
        text
    }

    /// The median over the rounds of what Heliograph did in a round against what the rival did in it: what slows the
    /// whole machine for a while slows both.
    fn ratio(&self, row: Row, rival: Rival) -> Option<f64> {
        let (ours, theirs) = (self.all(row, Rival::Heliograph), self.all(row, rival));
        median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours.rate / theirs.rate).collect())
    }

    /// The same by what the server's process spent on a step, which others on the machine hardly change.
    fn ratio_by_cpu(&self, row: Row, rival: Rival) -> Option<f64> {
        let (ours, theirs) = (self.all(row, Rival::Heliograph), self.all(row, rival));
        median(ours.iter().zip(&theirs).filter_map(|(ours, theirs)| Some(theirs.cpu_us? / ours.cpu_us?)).collect())
    }

    fn median(&self, row: Row, rival: Rival, of: &dyn Fn(&Measured) -> Option<f64>) -> Option<f64> {
        median(self.all(row, rival).iter().filter_map(of).collect())
    }

    fn all(&self, row: Row, rival: Rival) -> Vec<Measured> {
        self.entries.iter().filter(|entry| (entry.0, entry.1) == (row, rival)).map(|entry| entry.2).collect()
    }
}

/// The head of the table of goals.
pub const GOALS_HEAD: &str = "\n### Goals\n\n| path | goal | measured | by CPU | |\n|---|---|--:|--:|---|\n";

/// The lines of the table of goals for starting.
pub fn start_goals(start: &Start) -> String {
    let store = start.store.title();
    let line = |what: &str, limit: f64, measured: f64, unit: &str| {
        format!("| {what} ({store}) | ≤ {limit} {unit} | {measured:.1} {unit} | – | {} |\n", word(measured <= limit))
    };
    let first = line("first start, which makes the database, to first answer", 50.0, start.first_ms, "ms");
    let empty = line("start on an empty database to first answer", 50.0, start.empty_ms, "ms");
    let memory = line("idle memory", 20.0, start.memory_mib, "MiB");
    let binary = line("binary", 20.0, start.binary_mib, "MiB");
    [first, empty, memory, binary].concat()
}

/// The table of what was measured with few messages and with many.
pub fn growth_table(growth: &Growth) -> String {
    let mut text = format!(
        "\n### {}, grown\n\n| path | messages | per second | p50 ms | p99 ms | CPU µs |\n|---|--:|--:|--:|--:|--:|\n",
        growth.store.title()
    );
    for (rounds, row) in [(&growth.post, Row::Post), (&growth.list, Row::ListAnew)] {
        for (side, count) in [FEW, MANY].into_iter().enumerate() {
            let number = |of: &dyn Fn(&Measured) -> Option<f64>, digits: usize| {
                let median = median(rounds.iter().filter_map(|round| of(&round[side])).collect());
                median.map_or("–".to_owned(), |median| format!("{median:.digits$}"))
            };
            let rate = number(&|m| Some(m.rate), 0);
            let (p50, p99) = (number(&|m| Some(m.latency?.p50_ms), 2), number(&|m| Some(m.latency?.p99_ms), 2));
            let cpu = number(&|m| m.cpu_us, 1);
            text += &format!("| {} | {count} | {rate} | {p50} | {p99} | {cpu} |\n", row.title());
        }
    }
    text
}

/// The lines of the table of goals for growth.
pub fn growth_goals(growth: &Growth) -> String {
    let store = growth.store.title();
    let mut text = String::new();
    for (rounds, row) in [(&growth.post, Row::Post), (&growth.list, Row::ListAnew)] {
        let ratio = median(rounds.iter().map(|[few, many]| many.rate / few.rate).collect()).unwrap_or_default();
        let by_cpu = median(rounds.iter().filter_map(|[few, many]| Some(few.cpu_us? / many.cpu_us?)).collect());
        text += &format!(
            "| {} with {MANY} messages ({store}) | ≥ 0.8 of that with {FEW} | {ratio:.2} | {:.2} | {} |\n",
            row.title(),
            by_cpu.unwrap_or_default(),
            word(ratio >= 0.8)
        );
    }
    let [few, many] = growth.memory_mib;
    text += &format!(
        "| memory with {MANY} messages ({store}) | ≤ 1.2 of that with {FEW} | {many:.1} of {few:.1} MiB | – | {} |\n",
        word(many <= few * 1.2)
    );
    text += &format!(
        "| start on a database of {:.0} MiB to first answer ({store}) | ≤ 200 ms | {:.1} ms | – | {} |\n",
        growth.start_mib,
        growth.start_ms,
        word(growth.start_ms <= 200.0)
    );
    text
}

const fn word(reached: bool) -> &'static str {
    if reached { "reached" } else { "missed" }
}

fn median(mut of: Vec<f64>) -> Option<f64> {
    of.sort_by(f64::total_cmp);
    let middle = of.len() / 2;
    if of.len() % 2 == 1 { of.get(middle).copied() } else { Some((of.get(middle.checked_sub(1)?)? + of[middle]) / 2.0) }
}

impl Row {
    const fn title(self) -> &'static str {
        match self {
            Self::Get => "GET a user by id",
            Self::Key => "create an integration's key",
            Self::Post => "post a message",
            Self::Sustained => "messages posted and delivered, sustained",
            Self::List => "list 25 messages",
            Self::ListAnew => "list 25 messages that are not in memory",
            Self::Deliver => "message to webhook, one by one",
        }
    }
}

impl Rival {
    const fn title(self) -> &'static str {
        match self {
            Self::Heliograph => "**Heliograph**",
            Self::Axum => "axum",
            Self::AxumJwt => "axum + JWT",
            Self::Skeleton => "skeleton",
            Self::Raw => "raw loop",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_the_middle_round() {
        let mut results = Results::default();
        for (ours, theirs) in [(10.0, 10.0), (30.0, 10.0), (20.0, 10.0)] {
            for (rival, rate) in [(Rival::Heliograph, ours), (Rival::Raw, theirs)] {
                results.add(Row::Post, rival, Measured { rate, latency: None, cpu_us: None, steps: 1, refused: 0 });
            }
        }
        assert_eq!(results.ratio(Row::Post, Rival::Raw), Some(2.0));
        assert_eq!(results.ratio(Row::Post, Rival::Skeleton), None);
        assert!(results.goals(StoreKind::Sqlite).contains("| 2.00 | – | reached |"));
    }
}
