//! The entrance of a gRPC port: connections are let in as its door says, which may change while it is open.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

use crate::tls::{Acceptor, Door, Doors, identities};
use crate::xds::{Line, Peer, PeerShown};

/// How long a handshake may take. Who only holds a connection open does so for no longer.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause when the system has no more sockets to give.
const BREATHER: Duration = Duration::from_millis(100);

/// Which of the doors is a port's.
pub(super) type Which = fn(&Doors) -> &Door;

/// Lets connections in and passes them on, until nobody takes them any more.
pub(super) async fn admit(
    listener: TcpListener,
    mut doors: watch::Receiver<Option<Doors>>,
    which: Which,
    admitted: mpsc::Sender<Connection>,
) {
    let (mut handshakes, mut over) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
    // Until it is known how to let them in, connections wait.
    let mut door = tokio::select! {
        found = doors.wait_for(Option::is_some) => match found {
            Ok(doors) => doors.as_ref().map(which).cloned().unwrap_or_default(),
            Err(_) => return,
        },
        () = admitted.closed() => return,
    };
    loop {
        tokio::select! {
            changed = doors.changed() => {
                if changed.is_err() {
                    return;
                }
                let new = doors.borrow_and_update().as_ref().map(which).cloned().unwrap_or_default();
                if !new.is_like(&door) {
                    std::mem::take(&mut over).store(true, Ordering::Relaxed);
                    handshakes.abort_all();
                }
                door = new;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    // It is a matter of speed alone, and one that is closed already says so soon enough.
                    let _ = stream.set_nodelay(true);
                    let arrival = Arrival { address, over: over.clone(), admitted: admitted.clone() };
                    match &door {
                        Door::Open => arrival.pass(Socket::Plain(stream), PeerShown::Plain).await,
                        Door::Guarded(acceptor) => drop(handshakes.spawn(arrival.shake_hands(stream, acceptor.clone()))),
                        Door::Shut => tracing::debug!(%address, "a connection is not let in: there is no certificate to show"),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATHER).await;
                }
            },
            Some(_) = handshakes.join_next() => {}
            () = admitted.closed() => return,
        }
    }
}

/// A connection at the door.
struct Arrival {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    admitted: mpsc::Sender<Connection>,
}

impl Arrival {
    async fn shake_hands(self, stream: TcpStream, acceptor: Acceptor) {
        let address = self.address;
        let tls = match tokio::time::timeout(HANDSHAKE, acceptor.handshakes().accept(stream)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => return tracing::info!(%address, %error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!(%address, "a TLS handshake took too long"),
        };
        let shown = match tls.get_ref().1.peer_certificates().and_then(<[_]>::first) {
            Some(certificate) => PeerShown::Certificate(identities(certificate).into()),
            None => PeerShown::Encrypted,
        };
        self.pass(Socket::Tls(Box::new(tls)), shown).await;
    }

    async fn pass(self, socket: Socket, shown: PeerShown) {
        let peer = Peer { address: Some(self.address), shown, line: Line::default() };
        // If nobody takes it, the port is closing.
        let _ = self.admitted.send(Connection { socket, peer, over: self.over }).await;
    }
}

enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that was let in. It ends when it would not be let in any more.
pub(super) struct Connection {
    socket: Socket,
    peer: Peer,
    over: Arc<AtomicBool>,
}

impl Connection {
    /// The other end.
    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    fn check(&self) -> io::Result<()> {
        if self.over.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "this port lets connections in by another rule now"));
        }
        Ok(())
    }
}

/// Does the same with whichever socket it is.
macro_rules! socket {
    ($connection:expr, $socket:ident => $do:expr) => {
        match &mut $connection.get_mut().socket {
            Socket::Plain(stream) => {
                let $socket = Pin::new(stream);
                $do
            }
            Socket::Tls(stream) => {
                let $socket = Pin::new(stream.as_mut());
                $do
            }
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        socket!(self, socket => socket.poll_read(cx, buf))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        socket!(self, socket => socket.poll_write(cx, buf))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.check()?;
        socket!(self, socket => socket.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket!(self, socket => socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket!(self, socket => socket.poll_shutdown(cx))
    }
}
