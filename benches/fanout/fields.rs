//! Top-level fields of gRPC messages that come in pieces.
//!
//! The client and the floor look no further into a message than this: a few short fields are kept, the others are counted and
//! skipped, so a message of any size costs no memory.

use bytes::BufMut;
use prost::encoding::{WireType, encode_key, encode_varint};

/// A message that has come in whole.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Its length, without gRPC's prefix.
    pub bytes: usize,
    /// What the kept fields said, in the order in which they were asked for; empty if absent.
    pub kept: [Vec<u8>; 3],
    /// How often each field came, by tag.
    pub seen: [u32; 16],
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// In gRPC's prefix: a flag and a length, five bytes.
    Prefix,
    Key,
    /// Before the length of a field, that is kept in a slot if there is one.
    Length(Option<usize>),
    Varint,
    Skip(usize),
    Keep(usize, usize),
}

/// Reads one message after the other.
#[derive(Debug)]
pub struct Walker {
    keep: [u32; 3],
    state: State,
    /// Bytes of the message, or of the prefix, that are still to come.
    left: usize,
    number: u64,
    shift: u32,
    message: Message,
}

/// gRPC's prefix of a message: a flag and the length.
pub const PREFIX: usize = 5;

impl Walker {
    /// A walker that keeps the fields of these tags.
    pub fn new(keep: [u32; 3]) -> Walker {
        Walker { keep, state: State::Prefix, left: PREFIX, number: 0, shift: 0, message: Message::default() }
    }

    /// Takes bytes off `data` up to the end of the message; `None` when it is not complete yet.
    pub fn next(&mut self, data: &mut &[u8]) -> Option<Message> {
        loop {
            match self.state {
                State::Key if self.left == 0 => {
                    (self.state, self.left) = (State::Prefix, PREFIX);
                    return Some(std::mem::take(&mut self.message));
                }
                _ if data.is_empty() => return None,
                State::Prefix => self.prefix(data),
                State::Key => {
                    if let Some(key) = self.varint(data) {
                        self.field(key);
                    }
                }
                State::Length(slot) => {
                    if let Some(length) = self.varint(data) {
                        let length = length as usize;
                        self.state = slot.map_or(State::Skip(length), |slot| State::Keep(slot, length)).or_key();
                    }
                }
                State::Varint => {
                    if self.varint(data).is_some() {
                        self.state = State::Key;
                    }
                }
                State::Skip(length) => {
                    let taken = self.take(data, length).len();
                    self.state = State::Skip(length - taken).or_key();
                }
                State::Keep(slot, length) => {
                    let piece = self.take(data, length);
                    self.message.kept[slot].extend_from_slice(piece);
                    self.state = State::Keep(slot, length - piece.len()).or_key();
                }
            }
        }
    }

    fn prefix(&mut self, data: &mut &[u8]) {
        self.number = self.number << 8 | u64::from(self.take(data, 1)[0]);
        if self.left == 0 {
            // The flag, which says "not compressed", is zero and falls out of the number.
            self.left = self.number as u32 as usize;
            (self.message.bytes, self.number, self.state) = (self.left, 0, State::Key);
        }
    }

    fn field(&mut self, key: u64) {
        let tag = (key >> 3) as u32;
        if let Some(count) = self.message.seen.get_mut(tag as usize) {
            *count += 1;
        }
        self.state = match key & 7 {
            0 => State::Varint,
            1 => State::Skip(8),
            2 => State::Length(self.keep.iter().position(|kept| *kept == tag)),
            _ => State::Skip(4),
        };
    }

    fn varint(&mut self, data: &mut &[u8]) -> Option<u64> {
        while !data.is_empty() {
            let byte = self.take(data, 1)[0];
            self.number |= u64::from(byte & 0x7f) << self.shift;
            self.shift += 7;
            if byte < 0x80 {
                self.shift = 0;
                return Some(std::mem::take(&mut self.number));
            }
        }
        None
    }

    fn take<'a>(&mut self, data: &mut &'a [u8], most: usize) -> &'a [u8] {
        let (taken, rest) = data.split_at(most.min(data.len()).min(self.left));
        self.left -= taken.len();
        *data = rest;
        taken
    }
}

impl State {
    /// The next field when there is nothing left of this one.
    fn or_key(self) -> State {
        match self {
            State::Skip(0) | State::Keep(_, 0) => State::Key,
            state => state,
        }
    }
}

/// Writes a field of bytes or text.
pub fn put(buf: &mut impl BufMut, tag: u32, value: &[u8]) {
    encode_key(tag, WireType::LengthDelimited, buf);
    encode_varint(value.len() as u64, buf);
    buf.put_slice(value);
}
