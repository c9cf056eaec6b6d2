//! What clients may ask of the server: one of them, and all together.
//!
//! The bounds are far above what any Envoy does, and far below what would hurt others.

use std::time::Duration;

use tonic::Status;

use super::bucket::Rate;
use super::request::{DeltaRequest, Request};

/// Bounds on streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Streams open at a time. One more is refused with RESOURCE_EXHAUSTED.
    pub streams: usize,
    /// New streams, over all clients. What comes faster waits before anything is done for it.
    pub openings: Rate,
    /// Longest such wait. Who would wait longer is refused with UNAVAILABLE at once, and comes back after a pause.
    pub opening_wait: Duration,
    /// Requests on one stream. What comes faster stays unread for a while, and waits in the client's connection.
    pub requests: Rate,
    /// Names asked for on one stream, over all types. One more ends it with RESOURCE_EXHAUSTED.
    pub names: usize,
    /// Longest that a client may take nothing of what it is being sent, before its connection is ended; zero waits for ever.
    pub unread: Duration,
}

impl Default for Limits {
    /// Ten thousand Envoys that come at once are let in within a second; one that starts with thousands of clusters is not slowed
    /// down, even if it asks for each of them by a request of its own.
    fn default() -> Limits {
        Limits {
            streams: 100_000,
            openings: Rate { per_second: 5000, burst: 5000 },
            opening_wait: Duration::from_secs(5),
            requests: Rate { per_second: 500, burst: 5000 },
            names: 200_000,
            unread: Duration::from_secs(60),
        }
    }
}

/// Longest name of a resource or a node, in bytes.
const NAME: usize = 4096;
/// Longest node, in bytes. A real Envoy's is 61 kB, and metadata that somebody adds may be as long again.
const NODE: usize = 1 << 20;
/// Longest request, in bytes. A node that reconnects names everything it holds: 50 000 names are several MiB, more than gRPC's usual
/// limit of 4 MiB, with which it could never reconnect.
const REQUEST: usize = 64 << 20;
/// Longest text of a rejection that is kept, in bytes.
const TEXT: usize = 16 << 10;

/// Why something is more than a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// A name is too long.
    #[error("a name of {0} bytes: {NAME} are taken at most")]
    Name(usize),
    /// The node is too long.
    #[error("a node of {0} bytes: {NODE} are taken at most")]
    Node(usize),
    /// The request is too long.
    #[error("a request of {0} bytes: {REQUEST} are taken at most")]
    Request(usize),
    /// Too many names on a stream.
    #[error("more than {0} names on one stream")]
    Names(usize),
    /// Too many fields in a request, most of them names.
    #[error("more than {0} fields in one request")]
    Fields(usize),
}

impl From<TooMuch> for Status {
    fn from(too_much: TooMuch) -> Status {
        Status::resource_exhausted(too_much.to_string())
    }
}

impl Limits {
    /// Checks a request by itself, and cuts the text of a rejection to what is kept of it.
    ///
    /// # Errors
    /// A name is too long, or the client holds more than it may ask for.
    pub fn check(&self, request: &mut Request) -> Result<(), TooMuch> {
        let error = match request {
            Request::Sotw(request) => {
                request.names.iter().try_for_each(|name| check_name(name))?;
                &mut request.error
            }
            Request::Delta(request) => {
                let DeltaRequest { subscribe, unsubscribe, initial, .. } = &*request;
                subscribe.iter().chain(unsubscribe).chain(initial.keys()).try_for_each(|name| check_name(name))?;
                self.check_count(initial.len())?;
                &mut request.error
            }
        };
        error.iter_mut().for_each(|text| text.truncate(text.floor_char_boundary(TEXT)));
        Ok(())
    }

    /// Checks how many names are asked for on a stream.
    ///
    /// # Errors
    /// There are too many.
    pub fn check_count(&self, names: usize) -> Result<(), TooMuch> {
        if names > self.names { Err(TooMuch::Names(self.names)) } else { Ok(()) }
    }
}

/// Checks the id of a node, or the name of a resource.
///
/// # Errors
/// It is too long.
pub fn check_name(name: &str) -> Result<(), TooMuch> {
    if name.len() > NAME { Err(TooMuch::Name(name.len())) } else { Ok(()) }
}

/// Checks the length of a node that is still encoded, in bytes.
///
/// # Errors
/// It is too long.
pub fn check_node(len: usize) -> Result<(), TooMuch> {
    if len > NODE { Err(TooMuch::Node(len)) } else { Ok(()) }
}

/// Checks the length of a request that is still to come, in bytes.
///
/// # Errors
/// It is too long.
pub fn check_request(len: usize) -> Result<(), TooMuch> {
    if len > REQUEST { Err(TooMuch::Request(len)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::SotwRequest;

    #[test]
    fn names_are_bounded_in_length_and_number() {
        let (limits, long) = (Limits { names: 3, ..Limits::default() }, "n".repeat(NAME + 1));
        let sotw = |name: &str| Request::Sotw(SotwRequest { names: vec!["a".into(), name.into()], ..SotwRequest::default() });
        assert_eq!(limits.check(&mut sotw(&long)), Err(TooMuch::Name(NAME + 1)));
        assert_eq!(limits.check(&mut sotw(&long[1..])), Ok(()));
        let mut dropped = Request::Delta(DeltaRequest { unsubscribe: vec![long], ..DeltaRequest::default() });
        assert_eq!(limits.check(&mut dropped), Err(TooMuch::Name(NAME + 1)));
        assert_eq!((limits.check_count(3), limits.check_count(4)), (Ok(()), Err(TooMuch::Names(3))));
        assert_eq!(Status::from(TooMuch::Names(3)).code(), tonic::Code::ResourceExhausted);
    }

    #[test]
    fn the_text_of_a_rejection_is_cut_between_characters() {
        let text = format!("{}ä", "x".repeat(TEXT - 1));
        let mut request = Request::Sotw(SotwRequest { error: Some(text), ..SotwRequest::default() });
        Limits::default().check(&mut request).unwrap();
        assert_eq!(request.error().map(str::len), Some(TEXT - 1));
    }
}
