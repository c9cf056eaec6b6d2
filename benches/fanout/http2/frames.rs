//! Frames: written, and read off bytes that come in pieces.

/// Kinds of frames.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
}

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
const HEADER: usize = 9;

/// Something that came in.
#[derive(Debug)]
pub enum Event<'a> {
    /// A piece of what the stream carries.
    Data(&'a [u8]),
    /// Another frame, whole.
    Control { kind: u8, flags: u8, stream: u32, payload: &'a [u8] },
}

/// Reads frames.
#[derive(Debug, Default)]
pub struct Frames {
    header: [u8; HEADER],
    have: usize,
    left: usize,
    payload: Vec<u8>,
}

impl Frames {
    /// Takes bytes off `data` up to the end of an event; `None` when it is used up.
    pub fn next<'s, 'd: 's>(&'s mut self, data: &mut &'d [u8]) -> Option<Event<'s>> {
        loop {
            if self.have < HEADER {
                let taken = take(data, HEADER - self.have);
                self.header[self.have..self.have + taken.len()].copy_from_slice(taken);
                self.have += taken.len();
                if self.have < HEADER {
                    return None;
                }
                self.left = u32::from_be_bytes([0, self.header[0], self.header[1], self.header[2]]) as usize;
                self.payload.clear();
            }
            let piece = take(data, self.left);
            self.left -= piece.len();
            let ended = self.left == 0;
            if ended {
                self.have = 0;
            }
            if self.header[3] == kind::DATA {
                if !piece.is_empty() {
                    return Some(Event::Data(piece));
                }
            } else {
                self.payload.extend_from_slice(piece);
                if ended {
                    return Some(self.control());
                }
            }
            if !ended {
                return None;
            }
        }
    }

    fn control(&self) -> Event<'_> {
        let stream = u32::from_be_bytes([self.header[5] & 0x7f, self.header[6], self.header[7], self.header[8]]);
        Event::Control { kind: self.header[3], flags: self.header[4], stream, payload: &self.payload }
    }
}

fn take<'a>(data: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = data.split_at(most.min(data.len()));
    *data = rest;
    taken
}

/// Writes a frame.
pub fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = (payload.len() as u32).to_be_bytes();
    out.extend_from_slice(&[length[1], length[2], length[3], kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}
