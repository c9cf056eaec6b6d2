//! A client's connection: socket, HTTP/2 and Envoy's behaviour put together.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::envoy::{Arrival, Envoy, Temper};
use crate::http2::Link;
use crate::plan::{Plan, Request};

/// Less than the smallest buffer that the system gives a socket.
const SMALLEST: usize = 1;

/// A client that is connected, or about to be.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    link: Link,
    envoy: Envoy,
    temper: Temper,
    /// Whether the server has said anything yet.
    heard: bool,
    ended: bool,
}

/// What reading brought.
#[derive(Debug, Default)]
pub struct Catch {
    /// Responses.
    pub arrivals: Vec<Arrival>,
    /// Bytes off the socket.
    pub bytes: u64,
    /// What the stream carried, if it was asked for.
    pub tap: Option<Vec<u8>>,
}

impl Connection {
    /// Begins to connect; its events come under its number.
    ///
    /// # Errors
    /// There are no sockets left.
    pub fn open(registry: &Registry, to: SocketAddr, number: usize, temper: Temper, plan: &Plan) -> std::io::Result<Connection> {
        let mut socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        if temper == Temper::Deaf {
            // Else the system reads in its stead.
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SMALLEST)?;
        }
        registry.register(&mut socket, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        let mut link = Link::open(plan.path());
        let envoy = Envoy::open(number, temper, plan, link.outbox());
        Ok(Connection { socket, link, envoy, temper, heard: false, ended: false })
    }

    /// Reads what is there, answers it, and writes what there is room for.
    pub fn turn(&mut self, plan: &Plan, scratch: &mut [u8], catch: &mut Catch) {
        if self.temper != Temper::Deaf || !self.heard {
            self.read(plan, scratch, catch);
        }
        self.write();
    }

    fn read(&mut self, plan: &Plan, scratch: &mut [u8], catch: &mut Catch) {
        loop {
            match self.socket.read(scratch) {
                Ok(0) => return self.ended = true,
                Ok(read) => {
                    self.heard = true;
                    catch.bytes += read as u64;
                    self.receive(&scratch[..read], plan, catch);
                    // A short read has emptied the socket; the next byte is the next event.
                    if read < scratch.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.ended |= !is_not_yet(&error),
            }
        }
    }

    fn receive(&mut self, bytes: &[u8], plan: &Plan, catch: &mut Catch) {
        let Connection { link, envoy, .. } = self;
        let mut requests = Vec::new();
        link.receive(bytes, |piece| {
            if let Some(tap) = &mut catch.tap {
                tap.extend_from_slice(piece);
            }
            envoy.receive(piece, plan, &mut requests, |arrival| catch.arrivals.push(arrival));
        });
        if !requests.is_empty() {
            link.outbox().extend_from_slice(&requests);
        }
        self.ended |= self.link.is_ended();
    }

    /// Says something of its own accord, unless it has not got through what it said before.
    pub fn say(&mut self, plan: &Plan, number: usize, request: &Request<'_>) -> bool {
        let free = self.link.outbox().is_empty();
        if free {
            plan.put(self.link.outbox(), number, request);
            self.write();
        }
        free
    }

    /// Whether it behaves as a client should.
    pub fn is_usual(&self) -> bool {
        self.temper == Temper::Usual
    }

    fn write(&mut self) {
        let out = self.link.pump();
        let mut written = 0;
        while written < out.len() && !self.ended {
            match self.socket.write(&out[written..]) {
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended |= !is_not_yet(&error);
                    break;
                }
            }
        }
        out.drain(..written);
        if out.is_empty() {
            *out = Vec::new();
        }
    }

    /// Whether the server has said anything yet.
    pub fn is_heard(&self) -> bool {
        self.heard
    }

    /// Whether it has had its first response of every kind.
    pub fn is_served(&self) -> bool {
        self.envoy.is_served()
    }

    /// Whether the stream or its connection has ended.
    pub fn is_ended(&self) -> bool {
        self.ended
    }
}

fn is_not_yet(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
