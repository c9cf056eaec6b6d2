//! A connection of HTTP/2 without a client behind it: frames, as they are.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{LIMIT, TestServer};

/// Types of frames (RFC 9113 section 6).
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
/// `SETTINGS_MAX_CONCURRENT_STREAMS` (section 6.5.2).
pub const MAX_STREAMS: u16 = 3;

pub struct Raw(TcpStream);

#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub body: Vec<u8>,
}

impl Raw {
    /// Connects, and sends the preface and settings that say nothing.
    pub async fn open(server: &TestServer) -> Raw {
        let mut raw = Raw(TcpStream::connect(server.xds()).await.expect("a connection"));
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
        raw
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("sent");
    }

    /// The next frame. The end of the connection fails.
    pub async fn next(&mut self) -> Frame {
        let mut head = [0; 9];
        tokio::time::timeout(LIMIT, self.0.read_exact(&mut head)).await.expect("in time").expect("a connection that lasts");
        let mut body = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut body).await.expect("all of it");
        Frame { kind: head[3], flags: head[4], body }
    }

    /// The next frame of that type.
    pub async fn next_of(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().await;
            if frame.kind == kind {
                return frame;
            }
        }
    }
}

impl Frame {
    /// What a frame of settings says of one.
    pub fn setting(&self, id: u16) -> Option<u32> {
        let of = |six: &[u8]| (u16::from_be_bytes([six[0], six[1]]), u32::from_be_bytes([six[2], six[3], six[4], six[5]]));
        self.body.chunks_exact(6).map(of).find(|(found, _)| *found == id).map(|(_, value)| value)
    }
}
