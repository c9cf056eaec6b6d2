//! Envoys on a simulated host, each on a connection of its own.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tidegate::snapshot::Kind;
use tidegate::xds::Variant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;
use turmoil::Sim;
use turmoil::net::TcpStream;

use super::envoy::{Envoy, KINDS};
use super::manner::{Manner, News, Said};
use super::server::PORT;

/// Longest time that a message on a stream of one type lies there before it is read: in the meantime those on others overtake it.
const SLACK: Duration = Duration::from_secs(1);

/// Some Envoys.
#[derive(Clone)]
pub struct Fleet(Vec<Arc<Mutex<Envoy>>>);

impl Fleet {
    /// So many that hold nothing.
    pub fn new(count: usize) -> Fleet {
        Fleet::of(&[Manner::USUAL], count)
    }

    /// So many of each of these manners.
    pub fn of(manners: &[Manner], count: usize) -> Fleet {
        let all = manners.iter().flat_map(|manner| std::iter::repeat_n(*manner, count));
        Fleet(all.map(|manner| Arc::new(Mutex::new(Envoy::new(manner)))).collect())
    }

    /// Lets them live on a host.
    pub fn live(&self, sim: &mut Sim<'_>, host: &str) {
        let nodes = self.0.clone();
        sim.host(host, move || {
            let nodes = nodes.clone();
            async move {
                for (n, node) in nodes.into_iter().enumerate() {
                    tokio::spawn(live(format!("node-{n}"), node));
                }
                std::future::pending().await
            }
        });
    }

    /// Whether it is so of all of them. Fails if anything was ever wrong with one.
    pub fn all(&self, good: impl Fn(&Envoy) -> bool) -> bool {
        self.0.iter().all(|node| {
            let node = lock(node);
            assert_eq!(node.faults(), [""; 0], "{:?}", node.manner());
            good(&node)
        })
    }

    /// Resources that they have been sent in all.
    pub fn resources(&self) -> usize {
        self.0.iter().map(|node| lock(node).resources).sum()
    }

    /// Connections that they have made in all.
    pub fn connections(&self) -> usize {
        self.0.iter().map(|node| lock(node).connections).sum()
    }
}

fn lock(node: &Mutex<Envoy>) -> MutexGuard<'_, Envoy> {
    node.lock().expect("a node")
}

/// Connects, and again whenever the connection ends.
async fn live(id: String, node: Arc<Mutex<Envoy>>) {
    loop {
        let ended = converse(&id, &node).await;
        tracing::debug!(id, ?ended, "a stream has ended");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn connect() -> Result<Channel, Status> {
    let connector = tower::service_fn(async |_| TcpStream::connect(("server", PORT)).await.map(TokioIo::new));
    let endpoint = Endpoint::from_static("http://server")
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .connect_timeout(Duration::from_secs(5));
    endpoint.connect_with_connector(connector).await.map_err(|error| Status::unavailable(error.to_string()))
}

/// A connection, from its beginning to the end of the first stream on it that ends.
async fn converse(id: &str, node: &Arc<Mutex<Envoy>>) -> Result<(), Status> {
    let channel = connect().await?;
    let manner = lock(node).manner();
    let mut streams = JoinSet::new();
    let mut lines: BTreeMap<Kind, UnboundedSender<Said>> = BTreeMap::new();
    let mut opened = Vec::new();
    for kind in KINDS {
        let line = match lines.first_key_value().filter(|_| !manner.typed) {
            Some((_, line)) => line.clone(),
            None => {
                let (line, said) = unbounded_channel();
                opened.push((kind, said));
                line
            }
        };
        lines.insert(kind, line);
    }
    let first = lock(node).begin();
    say(&lines, first);
    for (kind, said) in opened {
        let stream = Line { kind, channel: channel.clone(), id: id.to_owned(), node: node.clone(), lines: lines.clone() };
        match manner.variant {
            Variant::Sotw => streams.spawn(stream.run::<DiscoveryRequest, DiscoveryResponse>(said)),
            Variant::Delta => streams.spawn(stream.run::<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(said)),
        };
    }
    streams.join_next().await.expect("a stream").expect("no panic")
}

fn say(lines: &BTreeMap<Kind, UnboundedSender<Said>>, said: Vec<Said>) {
    said.into_iter().for_each(|said| drop(lines[&said.kind].send(said)));
}

/// A stream: of one kind, or of all.
struct Line {
    kind: Kind,
    channel: Channel,
    id: String,
    node: Arc<Mutex<Envoy>>,
    lines: BTreeMap<Kind, UnboundedSender<Said>>,
}

impl Line {
    /// Opens it when there is something to say on it, and takes what comes until it ends.
    async fn run<Q, R>(self, mut said: UnboundedReceiver<Said>) -> Result<(), Status>
    where
        Q: From<Said> + Message + Send + Sync + 'static,
        R: Into<News> + Message + Default + Send + Sync + 'static,
    {
        let manner = lock(&self.node).manner();
        let Some(mut first) = said.recv().await else { return Ok(()) };
        first.node = Some(Node { id: self.id.clone(), ..Node::default() });
        let requests = tokio_stream::once(first).chain(UnboundedReceiverStream::new(said)).map(Q::from);
        let mut grpc = tonic::client::Grpc::new(self.channel);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_str(&manner.path(self.kind)).expect("a path");
        let opened = grpc.streaming(tonic::Request::new(requests), path, ProstCodec::<Q, R>::default()).await?;
        let mut responses = opened.into_inner();
        let mut slack = fastrand::Rng::with_seed(self.id.bytes().map(u64::from).sum::<u64>() + self.kind as u64);
        while let Some(response) = responses.message().await? {
            if manner.typed {
                tokio::time::sleep(SLACK.mul_f64(slack.f64())).await;
            }
            let said = lock(&self.node).take(response.into());
            say(&self.lines, said);
        }
        Ok(())
    }
}
