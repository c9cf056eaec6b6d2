//! How far a client has come with one type, in generations of what there is.

use std::collections::BTreeMap;

use crate::xds::subscription::Name;

/// How far a client has come. Generations grow with each snapshot; most of them change nothing of a type, and then cost a look.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// The newest generation of which the client has answered for everything.
    acked: Option<u64>,
    /// The newest generation that was compared with what the client was sent.
    compared: Option<u64>,
    /// Since then nothing stands in the way of sending all that is new.
    current: bool,
    /// Names that wait for something else, with the newest generation in which they did not: each holds back no other than those that
    /// came after it, so that where something always waits there is progress all the same.
    waiting: BTreeMap<Name, Option<u64>>,
}

impl Reach {
    /// The newest generation of which the client has answered for everything.
    pub fn acked(&self) -> Option<u64> {
        self.acked
    }

    /// The client has answered for all of this generation.
    pub fn answered(&mut self, generation: Option<u64>) {
        self.acked = self.acked.max(generation);
    }

    /// What there is in a generation was compared with what was sent, and what is to be sent is: all but these names, which wait.
    pub fn compared<'a>(&mut self, generation: u64, waits: impl Iterator<Item = &'a Name>) {
        let before = self.compared.replace(generation);
        let since = |name: &Name| self.waiting.get(name).copied().unwrap_or(before);
        self.waiting = waits.map(|name| (name.clone(), since(name))).collect();
        self.current = true;
    }

    /// Something that waits stands in the way of everything.
    pub fn blocked(&mut self) {
        self.current = false;
    }

    /// A generation came in which nothing of the type is other than in the one before.
    pub fn unchanged(&mut self, generation: u64) {
        if self.current {
            self.compared = Some(generation);
        }
    }

    /// The newest generation of which the client was sent everything.
    pub fn sent(&self) -> Option<u64> {
        self.waiting.values().copied().fold(self.compared, Option::min)
    }

    /// The same, if up to this generation nothing of the type is other than in what was compared last.
    pub fn sent_by(&self, generation: u64) -> Option<u64> {
        let compared = if self.current { Some(generation) } else { self.compared };
        self.waiting.values().copied().fold(compared, Option::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_waits_holds_back_what_came_after_it_and_no_more() {
        let (a, b) = (Name::from("a"), Name::from("b"));
        let mut reach = Reach::default();
        reach.compared(1, [].iter());
        reach.compared(2, [&a].into_iter());
        assert_eq!(reach.sent(), Some(1));
        reach.compared(3, [&a, &b].into_iter());
        assert_eq!(reach.sent(), Some(1));
        reach.compared(4, [&b].into_iter());
        assert_eq!(reach.sent(), Some(2), "b has waited since the third");
        reach.compared(4, [].iter());
        assert_eq!(reach.sent(), Some(4));
    }

    #[test]
    fn who_has_been_sent_nothing_has_come_nowhere() {
        let a = Name::from("a");
        let mut reach = Reach::default();
        reach.unchanged(7);
        assert_eq!(reach.sent(), None, "nothing was compared");
        reach.compared(7, [&a].into_iter());
        assert_eq!(reach.sent(), None, "a was never there");
        reach.compared(7, [].iter());
        reach.blocked();
        reach.unchanged(8);
        assert_eq!(reach.sent(), Some(7));
    }
}
