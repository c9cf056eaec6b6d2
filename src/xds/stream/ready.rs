//! Messages that are made and not yet sent.

use std::collections::VecDeque;

use bytes::Bytes;

/// Messages that are made and not yet sent. Mostly it is one, and a stream that waits keeps no room for more.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Empty only if there is none.
    first: Bytes,
    others: VecDeque<Bytes>,
}

impl Ready {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// This is to be sent after what is there already.
    pub fn push(&mut self, message: Bytes) {
        if self.first.is_empty() {
            self.first = message;
        } else {
            self.others.push_back(message);
        }
    }

    /// The first message, or as much of it as may be sent at a time.
    pub fn pop(&mut self, most: usize) -> Option<Bytes> {
        if self.first.is_empty() {
            return None;
        }
        let piece = self.first.split_to(self.first.len().min(most));
        if self.first.is_empty() {
            self.first = self.others.pop_front().unwrap_or_default();
            if self.others.is_empty() {
                self.others = VecDeque::new();
            }
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_out_in_order_and_in_pieces() {
        let mut ready = Ready::default();
        assert_eq!((ready.is_empty(), ready.pop(3)), (true, None));
        ["abcde", "f", "ghi"].into_iter().for_each(|text| ready.push(Bytes::from(text)));
        let pieces = std::iter::from_fn(|| ready.pop(3)).collect::<Vec<_>>();
        assert_eq!(pieces, ["abc", "de", "f", "ghi"]);
        assert!(ready.is_empty());
        ready.push(Bytes::from("j"));
        assert_eq!(ready.pop(3), Some(Bytes::from("j")));
    }
}
