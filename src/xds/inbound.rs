//! What a client sends: gRPC messages, cut out of the body of its request.
//!
//! Below tonic's own decoder, because that copies each message into a buffer which it keeps: with an Envoy's node, which by default
//! comes with every request, 64 KiB a stream. Here a message is the chunks in which it arrived, and what is not looked at is not touched.

use std::collections::VecDeque;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::Body;
use tonic::Status;

use super::limits::{TooMuch, check_request};

/// Length of the prefix of a gRPC message: a flag and four bytes of length ("Length-Prefixed-Message" of gRPC over HTTP/2).
const PREFIX: usize = 5;

/// The messages of one request body.
#[derive(Debug)]
pub(super) struct Inbound<B> {
    body: B,
    read: Chunks,
}

impl<B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin> Inbound<B> {
    pub fn new(body: B) -> Inbound<B> {
        Inbound { body, read: Chunks::default() }
    }

    /// The next message; `None` when the client has ended the stream.
    ///
    /// # Errors
    /// What was sent is no gRPC message, too large, or the connection broke.
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Chunks>, Fault>> {
        loop {
            if let Some(message) = self.cut()? {
                return Poll::Ready(Ok(Some(message)));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(frame) => {
                    if let Ok(data) = frame.map_err(broken)?.into_data() {
                        self.read.push(data);
                    }
                }
                None if self.read.remaining() == 0 => return Poll::Ready(Ok(None)),
                None => return Poll::Ready(Err(Status::invalid_argument("the stream ended in the middle of a message").into())),
            }
        }
    }

    /// Cuts the first message off what was read, if all of it is there.
    fn cut(&mut self) -> Result<Option<Chunks>, Fault> {
        let Some(prefix) = self.read.peek::<PREFIX>() else { return Ok(None) };
        let [compressed, len @ ..] = prefix;
        let len = u32::from_be_bytes(len) as usize;
        if compressed != 0 {
            return Err(Status::unimplemented("compressed requests are not taken").into());
        }
        check_request(len)?;
        if self.read.remaining() < PREFIX + len {
            return Ok(None);
        }
        self.read.advance(PREFIX);
        Ok(Some(self.read.split_to(len)))
    }
}

/// Why there is no next message.
#[derive(Debug)]
pub(super) enum Fault {
    /// It would be longer than any may be.
    TooMuch(TooMuch),
    /// The stream ends with this.
    Status(Box<Status>),
}

impl From<TooMuch> for Fault {
    fn from(too_much: TooMuch) -> Fault {
        Fault::TooMuch(too_much)
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Fault {
        Fault::Status(Box::new(status))
    }
}

/// How a stream ends whose connection broke.
fn broken(error: impl Error + Send + Sync + 'static) -> Status {
    Status::from_error(Box::new(error))
}

/// Bytes in the pieces in which they came; mostly it is one.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// Empty only if there is nothing.
    first: Bytes,
    others: VecDeque<Bytes>,
    len: usize,
}

impl Chunks {
    fn push(&mut self, part: Bytes) {
        if part.is_empty() {
            return;
        }
        self.len += part.len();
        if self.first.is_empty() {
            self.first = part;
        } else {
            self.others.push_back(part);
        }
    }

    /// Takes a length-delimited field off the front, number and text, if it lies there in one piece, is a short text and `take` takes
    /// it. So are most fields of most requests, and there need not be as much ado as about others.
    pub fn take_text(&mut self, take: impl FnOnce(u32, &str) -> bool) -> bool {
        let Some((&[key, len], rest)) = self.first.split_first_chunk() else { return false };
        // Number and length are below 16 and 128, and so a byte each; 2 is the type of such fields.
        if key & 0x87 != 2 || len >= 0x80 {
            return false;
        }
        let text = rest.get(..usize::from(len)).and_then(|text| std::str::from_utf8(text).ok());
        let taken = text.is_some_and(|text| take(u32::from(key >> 3), text));
        if taken {
            self.advance(2 + usize::from(len));
        }
        taken
    }

    /// The first bytes, if so many are there.
    fn peek<const N: usize>(&self) -> Option<[u8; N]> {
        if let Some(first) = self.first.first_chunk() {
            return Some(*first);
        }
        let mut first = [0; N];
        let bytes = self.first.iter().chain(self.others.iter().flatten());
        (self.len >= N).then(|| {
            first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            first
        })
    }

    /// Takes so many bytes off the front; there must be as many.
    fn split_to(&mut self, len: usize) -> Chunks {
        let mut front = Chunks::default();
        while front.len < len && !self.first.is_empty() {
            let part = self.first.split_to(self.first.len().min(len - front.len));
            self.len -= part.len();
            front.push(part);
            self.move_up();
        }
        front
    }

    /// The next piece is the first if that is used up. Most of the time nothing is here: a stream that waits keeps no room for it.
    fn move_up(&mut self) {
        if self.first.is_empty() {
            self.first = self.others.pop_front().unwrap_or_default();
            if self.others.is_empty() {
                self.others = VecDeque::new();
            }
        }
    }
}

impl From<Bytes> for Chunks {
    fn from(part: Bytes) -> Chunks {
        let mut chunks = Chunks::default();
        chunks.push(part);
        chunks
    }
}

impl FromIterator<Bytes> for Chunks {
    fn from_iter<I: IntoIterator<Item = Bytes>>(parts: I) -> Chunks {
        let mut chunks = Chunks::default();
        parts.into_iter().for_each(|part| chunks.push(part));
        chunks
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn advance(&mut self, mut count: usize) {
        self.len -= count;
        while count > 0 && !self.first.is_empty() {
            let step = count.min(self.first.len());
            self.first.advance(step);
            count -= step;
            self.move_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use futures_util::{future, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    fn inbound(parts: &[&[u8]]) -> Inbound<impl Body<Data = Bytes, Error = Status> + Unpin> {
        let parts: Vec<_> = parts.iter().map(|part| Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(part)))).collect();
        Inbound::new(StreamBody::new(stream::iter(parts)))
    }

    /// All messages, and the fault with which the stream ended.
    fn read(parts: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Result<tonic::Code, TooMuch>>) {
        let (mut inbound, mut messages) = (inbound(parts), Vec::new());
        loop {
            match future::poll_fn(|cx| inbound.poll_message(cx)).now_or_never().expect("nothing to wait for") {
                Ok(Some(mut message)) => messages.push(message.copy_to_bytes(message.remaining()).to_vec()),
                Ok(None) => return (messages, None),
                Err(Fault::Status(status)) => return (messages, Some(Ok(status.code()))),
                Err(Fault::TooMuch(too_much)) => return (messages, Some(Err(too_much))),
            }
        }
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let bytes = b"\0\0\0\0\x03abc\0\0\0\0\0\0\0\0\0\x02de";
        let whole = vec![b"abc".to_vec(), vec![], b"de".to_vec()];
        assert_eq!(read(&[bytes]), (whole.clone(), None));
        for at in 0..bytes.len() {
            assert_eq!(read(&[&bytes[..at], &bytes[at..]]), (whole.clone(), None), "{at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single), (whole, None));
    }

    #[test]
    fn what_is_no_message_ends_the_stream_with_the_reason() {
        assert_eq!(read(&[b"\0\0\0\0\x03ab"]), (vec![], Some(Ok(tonic::Code::InvalidArgument))));
        assert_eq!(read(&[b"\x01\0\0\0\x01a"]), (vec![], Some(Ok(tonic::Code::Unimplemented))));
    }

    #[test]
    fn e6_a_request_beyond_the_limit_is_known_by_its_length() {
        assert_eq!(read(&[b"\0\x04\0\0\x01a"]), (vec![], Some(Err(TooMuch::Request((64 << 20) + 1)))));
        assert_eq!(read(&[b"\0\x04\0\0\0a"]), (vec![], Some(Ok(tonic::Code::InvalidArgument))), "it is just not there");
    }
}
