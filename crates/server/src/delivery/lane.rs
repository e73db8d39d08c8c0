//! The part of a webhook's deliveries that a node has in memory, in the order in which they may be sent. Pure.

use super::outbox::Delivery;
use heliograph_wire::id::ConversationId;
use std::collections::{HashMap, VecDeque, hash_map::Entry};

/// What waits for one webhook. Of each line one delivery may be under way; the others of the line wait behind it.
#[derive(Default)]
pub struct Lane {
    /// What may be sent.
    ready: VecDeque<Delivery>,
    /// What follows, for each line of which something is ready or under way.
    behind: HashMap<ConversationId, VecDeque<Delivery>>,
    waiting: usize,
}

impl Lane {
    /// How many deliveries wait.
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether something may be sent.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Puts one in, behind those of its line that are there.
    pub fn push(&mut self, delivery: Delivery) {
        self.waiting += 1;
        if let Some(line) = delivery.line {
            match self.behind.entry(line) {
                Entry::Occupied(behind) => return behind.into_mut().push_back(delivery),
                Entry::Vacant(nobody) => _ = nobody.insert(VecDeque::new()),
            }
        }
        self.ready.push_back(delivery);
    }

    /// Takes out what goes with the next call: up to `most` deliveries, those of a line in its order.
    pub fn next(&mut self, most: usize) -> Vec<Delivery> {
        let mut call = Vec::new();
        while call.len() < most
            && let Some(first) = self.ready.pop_front()
        {
            let behind = first.line.and_then(|line| self.behind.get_mut(&line));
            call.push(first);
            let Some(behind) = behind else { continue };
            let more = behind.len().min(most - call.len());
            call.extend(behind.drain(..more));
        }
        self.waiting -= call.len();
        call
    }

    /// What was under way of a line is over: the next of it may be sent.
    pub fn go_on(&mut self, line: ConversationId) {
        let Some(behind) = self.behind.get_mut(&line) else { return };
        match behind.pop_front() {
            Some(next) => self.ready.push_back(next),
            None => {
                self.behind.remove(&line);
            }
        }
    }

    /// What was under way of a line is to be tried again later: what waits behind it is taken out.
    pub fn clear(&mut self, line: ConversationId) -> Vec<Delivery> {
        let behind: Vec<Delivery> = self.behind.remove(&line).into_iter().flatten().collect();
        self.waiting -= behind.len();
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Webhook;
    use heliograph_wire::id::{AppId, EventId, WebhookId};
    use proptest::prelude::*;

    fn event(n: u8) -> EventId {
        EventId::new([n; 12])
    }

    fn line(n: u8) -> ConversationId {
        ConversationId::new([n; 12])
    }

    fn delivery(id: u8, of: Option<u8>) -> Delivery {
        let webhook = Webhook { app: AppId::new([0; 12]), id: WebhookId::new([0; 12]) };
        Delivery { webhook, id: event(id), line: of.map(line), event: String::new(), attempts: 0, lease_until: 0 }
    }

    proptest! {
        /// Whatever is put in and however calls end: of a line at most one call is under way, and its deliveries leave in
        /// the order in which they came.
        #[test]
        fn a_line_keeps_its_order(steps in prop::collection::vec((0u8..4, 0u8..3, 1usize..4), 1..120)) {
            let (mut lane, mut under_way, mut left) = (Lane::default(), Vec::<Vec<Delivery>>::new(), Vec::new());
            for (n, (what, of, most)) in (0u8..).zip(steps) {
                match what {
                    0 | 1 => lane.push(delivery(n, (of > 0).then_some(of))),
                    2 => {
                        let call = lane.next(most);
                        for d in call.iter().filter(|d| d.line.is_some()) {
                            prop_assert!(!under_way.iter().flatten().any(|other: &Delivery| other.line == d.line));
                        }
                        left.extend(call.clone());
                        if !call.is_empty() { under_way.push(call) }
                    }
                    _ => if let Some(call) = under_way.pop() {
                        let mut lines: Vec<_> = call.into_iter().filter_map(|d| d.line).collect();
                        lines.dedup();
                        lines.into_iter().for_each(|line| lane.go_on(line));
                    },
                }
            }
            for one in [line(1), line(2)] {
                let ids: Vec<_> = left.iter().filter(|d| d.line == Some(one)).map(|d| d.id).collect();
                prop_assert!(ids.is_sorted());
            }
        }
    }

    #[test]
    fn what_fails_takes_its_line_out_and_no_other() {
        let mut lane = Lane::default();
        for (id, line) in [(1, Some(1)), (2, Some(1)), (3, Some(2)), (4, None), (5, Some(1))] {
            lane.push(delivery(id, line));
        }
        assert_eq!(lane.next(1)[0].id, event(1));
        let out: Vec<EventId> = lane.clear(line(1)).into_iter().map(|d| d.id).collect();
        assert_eq!(out, [event(2), event(5)]);
        assert_eq!((lane.next(9).len(), lane.len()), (2, 0));
    }
}
