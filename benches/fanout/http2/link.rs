//! One connection with one gRPC stream: bytes in, bytes out, no socket.

use super::frames::{self, ACK, END_HEADERS, END_STREAM, Event, Frames, kind};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const STREAM: u32 = 1;
/// Envoy's own windows, so the client never holds up a server that has something to say.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 24 << 20;
/// What the windows of both sides are until something else is said.
const FIRST_WINDOW: i64 = 65_535;
const MAX_FRAME: usize = 16_384;
const SETTING_ENABLE_PUSH: u16 = 2;
const SETTING_INITIAL_WINDOW: u16 = 4;

/// The client's side of a connection.
#[derive(Debug)]
pub struct Link {
    frames: Frames,
    /// Frames to be written to the socket.
    out: Vec<u8>,
    /// Bytes of the stream that wait for the server's windows.
    waiting: Vec<u8>,
    stream_window: i64,
    connection_window: i64,
    initial_window: i64,
    /// Bytes read since the server was last told of them.
    unreported: u32,
    ended: bool,
}

impl Link {
    /// A connection whose stream calls the method of this path.
    pub fn open(path: &str) -> Link {
        let mut out = PREFACE.to_vec();
        let mut settings = Vec::new();
        for (setting, value) in [(SETTING_ENABLE_PUSH, 0), (SETTING_INITIAL_WINDOW, STREAM_WINDOW)] {
            settings.extend_from_slice(&setting.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        frames::put(&mut out, kind::SETTINGS, 0, 0, &settings);
        let more = CONNECTION_WINDOW - FIRST_WINDOW as u32;
        frames::put(&mut out, kind::WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        frames::put(&mut out, kind::HEADERS, END_HEADERS, STREAM, &headers(path));
        Link {
            frames: Frames::default(),
            out,
            waiting: Vec::new(),
            stream_window: FIRST_WINDOW,
            connection_window: FIRST_WINDOW,
            initial_window: FIRST_WINDOW,
            unreported: 0,
            ended: false,
        }
    }

    /// Takes in what was read; calls `data` with each piece of what the stream carries.
    pub fn receive(&mut self, mut bytes: &[u8], mut data: impl FnMut(&[u8])) {
        while let Some(event) = self.frames.next(&mut bytes) {
            match event {
                Event::Data(piece) => {
                    self.unreported += piece.len() as u32;
                    data(piece);
                }
                Event::Control { kind: kind::SETTINGS, flags, payload, .. } if flags & ACK == 0 => {
                    let window = payload.chunks_exact(6).find(|setting| setting[..2] == SETTING_INITIAL_WINDOW.to_be_bytes());
                    if let Some(window) = window.map(|setting| number(&setting[2..])) {
                        self.stream_window += window - self.initial_window;
                        self.initial_window = window;
                    }
                    frames::put(&mut self.out, kind::SETTINGS, ACK, 0, &[]);
                }
                Event::Control { kind: kind::PING, flags, payload, .. } if flags & ACK == 0 => {
                    frames::put(&mut self.out, kind::PING, ACK, 0, payload);
                }
                Event::Control { kind: kind::WINDOW_UPDATE, stream, payload, .. } => match stream {
                    0 => self.connection_window += number(payload),
                    _ => self.stream_window += number(payload),
                },
                Event::Control { kind: kind::RST_STREAM | kind::GOAWAY, .. } => self.ended = true,
                Event::Control { kind: kind::HEADERS, flags, .. } => self.ended |= flags & END_STREAM != 0,
                Event::Control { .. } => {}
            }
        }
        self.report();
    }

    /// Gives the server its windows back when half of them is used.
    fn report(&mut self) {
        if self.unreported > STREAM_WINDOW / 2 {
            let more = std::mem::take(&mut self.unreported).to_be_bytes();
            frames::put(&mut self.out, kind::WINDOW_UPDATE, 0, 0, &more);
            frames::put(&mut self.out, kind::WINDOW_UPDATE, 0, STREAM, &more);
        }
    }

    /// Where a message for the stream is written; `pump` then moves it on.
    pub fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// What is to be written to the socket: as much of the stream's bytes as the server has room for. The caller takes off what it
    /// has written.
    pub fn pump(&mut self) -> &mut Vec<u8> {
        let mut sent = 0;
        while sent < self.waiting.len() {
            let room = self.stream_window.min(self.connection_window).max(0) as usize;
            let size = room.min(MAX_FRAME).min(self.waiting.len() - sent);
            if size == 0 {
                break;
            }
            frames::put(&mut self.out, kind::DATA, 0, STREAM, &self.waiting[sent..sent + size]);
            sent += size;
            self.stream_window -= size as i64;
            self.connection_window -= size as i64;
        }
        self.waiting.drain(..sent);
        if self.waiting.is_empty() {
            // Ten thousand connections must not each keep the room of their largest message.
            self.waiting = Vec::new();
        }
        &mut self.out
    }

    /// Whether the server has ended the stream.
    pub fn is_ended(&self) -> bool {
        self.ended
    }
}

fn number(bytes: &[u8]) -> i64 {
    i64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) & 0x7fff_ffff)
}

/// The header block, all literals without indexing; the numbers are indices into HPACK's static table.
fn headers(path: &str) -> Vec<u8> {
    let mut block = vec![0x80 | 3, 0x80 | 6];
    let mut literal = |name: &[u8], value: &str| {
        block.extend_from_slice(name);
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
    };
    literal(&[4], path);
    literal(&[1], "tidegate");
    // 31 does not fit into the four bits of the index.
    literal(&[15, 31 - 15], "application/grpc");
    literal(b"\0\x02te", "trailers");
    block
}
