//! A server on a simulated host.

use std::collections::BTreeMap;
use std::future::ready;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tidegate::diag::SourceFile;
use tidegate::model::{self, Config, Node, Traffic};
use tidegate::snapshot::{Service, Snapshot, Transport, View};
use tidegate::translate;
use tidegate::xds::{Board, Limits, Metrics, Peer, Server, Timing};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use turmoil::Sim;
use turmoil::net::{TcpListener, TcpStream};

/// Its port.
pub const PORT: u16 = 18_000;

/// What a server serves, and what it knows of its clients. It outlives the server.
#[derive(Clone)]
pub struct Site {
    published: Arc<watch::Sender<Option<Arc<Snapshot>>>>,
    board: Arc<Mutex<Arc<Board>>>,
}

impl Site {
    /// A site of these services, each with one version that takes all.
    pub fn new(services: &[(&str, &str)]) -> Site {
        let site = Site { published: Arc::new(watch::Sender::new(None)), board: Arc::default() };
        site.publish(services);
        site
    }

    /// The files change.
    pub fn publish(&self, services: &[(&str, &str)]) {
        let services = services
            .iter()
            .map(|(service, version)| (service.to_string(), Arc::new(Service::new(objects(service, version)))))
            .collect();
        let before = self.published.borrow().clone();
        let generation = before.as_ref().map_or(0, |before| before.generation()) + 1;
        let snapshot = Snapshot::new(generation, services, Arc::new(Config::default()), before.as_deref());
        self.published.send_replace(Some(Arc::new(snapshot)));
    }

    /// What every node that is connected like this should have.
    pub fn view(&self, transport: Transport) -> Arc<View> {
        let snapshot = self.published.borrow().clone().expect("something is published");
        snapshot.view(&Node::default(), transport)
    }

    /// Streams that the server knows of.
    pub fn connected(&self) -> usize {
        self.board().streams().len()
    }

    /// Nodes that have asked for everything, and have acknowledged it.
    pub fn in_sync(&self) -> usize {
        let mut nodes: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        for stream in self.board().streams() {
            nodes.entry(stream.node.id.clone()).or_default().extend(stream.types.values().map(|of_type| of_type.in_sync));
        }
        nodes.values().filter(|types| types.len() == 3 && types.iter().all(|in_sync| *in_sync)).count()
    }

    /// The board of the next server is empty.
    pub fn forget_streams(&self) {
        *self.board.lock().expect("a board") = Arc::default();
    }

    fn board(&self) -> Arc<Board> {
        self.board.lock().expect("a board").clone()
    }

    /// Puts the server on a host called `server`.
    pub fn serve(&self, sim: &mut Sim<'_>) {
        let site = self.clone();
        sim.host("server", move || {
            let site = site.clone();
            async move { Ok(site.run().await?) }
        });
    }

    async fn run(&self) -> io::Result<()> {
        let timing = Timing { drain: Duration::from_secs(5), ..Timing::default() };
        let shutdown = CancellationToken::new();
        let server = Server::new(self.published.subscribe(), self.board(), Metrics::default(), timing, Limits::default(), shutdown);
        let listener = TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT)).await?;
        loop {
            let (stream, address) = listener.accept().await?;
            tokio::spawn(converse(stream, address, server.clone()));
        }
    }
}

/// Serves a connection to its end.
async fn converse(stream: TcpStream, address: SocketAddr, server: Server) {
    let peer = Peer { address: Some(address), ..Peer::default() };
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        ready(server.answer(request).map_err(|other| format!("{} is not served here", other.uri())))
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(30)).keep_alive_timeout(Duration::from_secs(10));
    // How it ends is the client's affair.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

fn objects(service: &str, version: &str) -> translate::ServiceObjects {
    let text = format!(
        "service: {service}\nhosts: [{service}.example.com]\nversions:\n  {version}: [\"127.0.1.11:8080\"]\nstable: {version}\n"
    );
    let file = Arc::new(SourceFile { path: format!("{service}.yaml"), text });
    let release = model::read_release(&file, &|_| None).value.expect("a good file");
    translate::service(&release, &Traffic::at_rest(&release)).expect("good messages")
}
