//! What an action makes of a conversation: rules alone, without rows.

use crate::switchboards::Board;
use heliograph_wire::{control::NEXT, id::IntegrationId, switchboard_integrations::SwitchboardIntegration};
use serde::{Deserialize, Serialize};

/// Why an action does nothing: what the failure's event says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// A sentence for people.
    pub message: String,
}

/// What is wrong with an action.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum FailureKind {
    /// To whom.
    Target,
    /// When.
    Action,
}

impl Failure {
    /// A word for programs.
    pub const fn code(&self) -> &'static str {
        match self.kind {
            FailureKind::Target => "switchboard_invalid_target",
            FailureKind::Action => "switchboard_invalid_action",
        }
    }

    fn target(message: impl Into<String>) -> Verdict<'static> {
        Verdict::Fails(Self { kind: FailureKind::Target, message: message.into() })
    }
    /// The action is not one for now.
    pub fn action(message: &str) -> Verdict<'static> {
        Verdict::Fails(Self { kind: FailureKind::Action, message: message.to_owned() })
    }
}

/// What an action makes of a conversation.
#[derive(Debug, PartialEq)]
pub enum Verdict<'b> {
    /// It is as it should be already: nobody is told.
    Nothing,
    /// These have, and are offered, control.
    Becomes {
        /// Who has control.
        active: Option<&'b SwitchboardIntegration>,
        /// Who is offered it.
        pending: Option<&'b SwitchboardIntegration>,
    },
    /// It cannot be done, and webhooks are told why.
    Fails(Failure),
    /// The caller may not.
    Forbidden,
}

/// What an action is decided by: the switchboard, who has control, who is offered it, and who asks.
pub struct Table<'b> {
    /// The switchboard.
    pub board: &'b Board,
    /// Who has control.
    pub active: Option<&'b SwitchboardIntegration>,
    /// Who is offered it.
    pub pending: Option<&'b SwitchboardIntegration>,
    /// Who asks, if that is an integration.
    pub caller: Option<IntegrationId>,
}

impl<'b> Table<'b> {
    /// Control goes to the target.
    pub fn pass(&self, to: &str) -> Verdict<'b> {
        match self.target(to) {
            Err(failure) => failure,
            // Asked a second time, it was done the first time.
            Ok(target) if self.is_active(target) && self.pending.is_none() => Verdict::Nothing,
            Ok(target) => Verdict::Becomes { active: Some(target), pending: None },
        }
    }

    /// The target may accept control.
    pub fn offer(&self, to: &str) -> Verdict<'b> {
        match self.target(to) {
            Err(failure) => failure,
            Ok(target) if self.is_active(target) => {
                Failure::target("Cannot offer control to the active switchboard integration.")
            }
            Ok(target) => Verdict::Becomes { active: self.active, pending: Some(target) },
        }
    }

    /// Control goes to the one it was offered to.
    pub fn accept(&self) -> Verdict<'b> {
        match self.pending {
            None => Failure::action("There is no pendingSwitchboardIntegration"),
            Some(pending) if self.is_not_the_callers(pending) => Verdict::Forbidden,
            Some(pending) => Verdict::Becomes { active: Some(pending), pending: None },
        }
    }

    /// Nobody has control, or is offered it.
    pub fn release(&self) -> Verdict<'b> {
        match self.active {
            Some(active) if self.is_not_the_callers(active) => Verdict::Forbidden,
            None if self.caller.is_some() => Verdict::Forbidden,
            None if self.pending.is_none() => Verdict::Nothing,
            _ => Verdict::Becomes { active: None, pending: None },
        }
    }

    fn is_active(&self, part: &SwitchboardIntegration) -> bool {
        self.active.is_some_and(|active| active.key.id == part.key.id)
    }

    fn is_not_the_callers(&self, part: &SwitchboardIntegration) -> bool {
        self.caller.is_some_and(|caller| caller != part.key.integration_id)
    }

    /// Who is meant: `next`, or an id, or a name, or a type of which there is one.
    fn target(&self, to: &str) -> Result<&'b SwitchboardIntegration, Verdict<'b>> {
        const UNKNOWN: &str = "Switchboard invalid target";
        if to == NEXT {
            return self.next().ok_or_else(|| Failure::target(UNKNOWN));
        }
        let by_name = || self.board.parts.iter().find(|part| part.key.name == to);
        if let Some(found) = self.board.named(to).or_else(by_name) {
            return Ok(found);
        }
        let mut of_type = self.board.parts.iter().filter(|part| part.key.integration_type == to);
        match (of_type.next(), of_type.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(Failure::target(format!(
                "Several switchboard integrations are of type {to}; name one by id or name"
            ))),
            _ => Err(Failure::target(UNKNOWN)),
        }
    }

    /// Who comes after the caller, if that is a part itself: asked twice, it is the same one. Otherwise, who comes after
    /// the one that has control.
    fn next(&self) -> Option<&'b SwitchboardIntegration> {
        let before = self.caller.and_then(|caller| self.board.part_for(caller)).or(self.active)?;
        self.board.part(before.next_switchboard_integration_id?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heliograph_wire::{
        conversations::SwitchboardIntegrationSummary,
        id::{SwitchboardId, SwitchboardIntegrationId},
        switchboards::Switchboard,
    };

    /// Three parts in a ring, each the next of the one before: a bot (0), a desk (1) and one that came by OAuth (2).
    fn board() -> Board {
        let id = |n: u8| SwitchboardIntegrationId::new([n; 12]);
        let part = |n: u8, name: &str, kind: &str| SwitchboardIntegration {
            key: SwitchboardIntegrationSummary {
                id: id(n),
                name: name.to_owned(),
                integration_id: IntegrationId::new([n + 100; 12]),
                integration_type: kind.to_owned(),
            },
            deliver_standby_events: true,
            next_switchboard_integration_id: Some(id((n + 1) % 3)),
            message_history_count: None,
        };
        Board {
            shown: Switchboard {
                id: SwitchboardId::new([9; 12]),
                enabled: true,
                default_switchboard_integration_id: Some(id(0)),
            },
            parts: vec![part(0, "bot", "custom"), part(1, "desk", "custom"), part(2, "partner", "acme")],
        }
    }

    fn table(board: &Board, active: Option<usize>, pending: Option<usize>, caller: Option<usize>) -> Table<'_> {
        let part = |n: usize| board.parts.get(n).unwrap();
        Table {
            board,
            active: active.map(part),
            pending: pending.map(part),
            caller: caller.map(|n| IntegrationId::new([n as u8 + 100; 12])),
        }
    }

    fn becomes(board: &Board, active: Option<usize>, pending: Option<usize>) -> Verdict<'_> {
        let part = |n: usize| board.parts.get(n).unwrap();
        Verdict::Becomes { active: active.map(part), pending: pending.map(part) }
    }

    fn code(verdict: &Verdict<'_>) -> &'static str {
        match verdict {
            Verdict::Fails(failure) => failure.code(),
            _ => "",
        }
    }

    #[test]
    fn control_is_passed_by_id_name_type_and_next() {
        let board = board();
        let id = board.parts[1].key.id.to_string();
        let at = table(&board, Some(0), None, None);
        for to in [id.as_str(), "desk", "next"] {
            assert_eq!(at.pass(to), becomes(&board, Some(1), None), "{to}");
        }
        assert_eq!(at.pass("acme"), becomes(&board, Some(2), None));
        for to in ["custom", "nobody", "", "010101010101010101010102"] {
            assert_eq!(code(&at.pass(to)), "switchboard_invalid_target", "{to}");
            assert_eq!(code(&at.offer(to)), "switchboard_invalid_target", "{to}");
        }
    }

    #[test]
    fn an_id_counts_before_a_name_and_a_name_before_a_type() {
        let mut board = board();
        let id = board.parts[2].key.id.to_string();
        board.parts[0].key.name.clone_from(&id);
        "acme".clone_into(&mut board.parts[1].key.name);
        let at = table(&board, None, None, None);
        assert_eq!(at.pass(&id), becomes(&board, Some(2), None));
        assert_eq!(at.pass("acme"), becomes(&board, Some(1), None));
        // `next` is nobody's name.
        NEXT.clone_into(&mut board.parts[1].key.name);
        assert_eq!(table(&board, Some(1), None, None).offer(NEXT), becomes(&board, Some(1), Some(2)));
    }

    #[test]
    fn what_was_passed_is_not_passed_again() {
        let board = board();
        assert_eq!(table(&board, Some(1), None, None).pass("desk"), Verdict::Nothing);
        // A key of the bot's integration asks twice for the bot's next.
        assert_eq!(table(&board, Some(0), None, Some(0)).pass(NEXT), becomes(&board, Some(1), None));
        assert_eq!(table(&board, Some(1), None, Some(0)).pass(NEXT), Verdict::Nothing);
        // An app's key cannot be told from another: every call goes one further.
        assert_eq!(table(&board, Some(1), None, None).pass(NEXT), becomes(&board, Some(2), None));
        // An offer in the way is something to change.
        assert_eq!(table(&board, Some(1), Some(0), None).pass("desk"), becomes(&board, Some(1), None));
    }

    #[test]
    fn next_of_nobody_is_nobody() {
        let board = board();
        assert_eq!(code(&table(&board, None, None, None).pass(NEXT)), "switchboard_invalid_target");
        assert_eq!(table(&board, None, None, Some(1)).pass(NEXT), becomes(&board, Some(2), None));
        // An integration that is no part of the switchboard speaks for the one in control.
        assert_eq!(table(&board, Some(0), None, Some(77)).pass(NEXT), becomes(&board, Some(1), None));
    }

    #[test]
    fn control_is_offered_to_another_and_accepted_by_the_one_it_was_offered_to() {
        let board = board();
        assert_eq!(table(&board, Some(0), None, None).offer("desk"), becomes(&board, Some(0), Some(1)));
        assert_eq!(table(&board, Some(0), Some(1), None).offer("partner"), becomes(&board, Some(0), Some(2)));
        assert_eq!(code(&table(&board, Some(0), None, None).offer("bot")), "switchboard_invalid_target");
        let offered = |caller| table(&board, Some(0), Some(1), caller);
        assert_eq!(offered(None).accept(), becomes(&board, Some(1), None));
        assert_eq!(offered(Some(1)).accept(), becomes(&board, Some(1), None));
        assert_eq!(offered(Some(0)).accept(), Verdict::Forbidden);
        assert_eq!(code(&table(&board, Some(0), None, Some(0)).accept()), "switchboard_invalid_action");
    }

    #[test]
    fn control_is_released_by_the_one_that_has_it() {
        let board = board();
        for caller in [None, Some(0)] {
            assert_eq!(table(&board, Some(0), Some(1), caller).release(), becomes(&board, None, None));
        }
        assert_eq!(table(&board, Some(0), None, Some(1)).release(), Verdict::Forbidden);
        assert_eq!(table(&board, None, None, Some(1)).release(), Verdict::Forbidden);
        assert_eq!(table(&board, None, None, None).release(), Verdict::Nothing);
        assert_eq!(table(&board, None, Some(1), None).release(), becomes(&board, None, None));
    }

    /// Whatever is done in whatever order: nobody has control and is offered it at once.
    #[test]
    fn nobody_is_both_active_and_pending() {
        let board = board();
        let places = [None, Some(0), Some(1), Some(2)];
        for (active, pending, caller) in places
            .into_iter()
            .flat_map(|a| places.into_iter().flat_map(move |p| places.into_iter().map(move |c| (a, p, c))))
        {
            if active.is_some() && active == pending {
                continue;
            }
            let at = table(&board, active, pending, caller);
            let verdicts =
                ["bot", "desk", "partner", "custom", NEXT].into_iter().flat_map(|to| [at.pass(to), at.offer(to)]);
            for verdict in verdicts.chain([at.accept(), at.release()]) {
                if let Verdict::Becomes { active: Some(active), pending: Some(pending) } = verdict {
                    assert_ne!(active.key.id, pending.key.id);
                }
            }
        }
    }
}
