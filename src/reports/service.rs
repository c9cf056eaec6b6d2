//! The driver: moves messages between a session, the table and the connection.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::load_stats::v3::load_reporting_service_server::{
    LoadReportingService, LoadReportingServiceServer,
};
use envoy_types::pb::envoy::service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse};
use envoy_types::pb::google::protobuf;
use futures_util::stream;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use super::ask::{Ask, Clusters};
use super::loads::Loads;
use super::node;
use super::sample::{BadReport, samples};
use super::session::{Client, Session, Step};
use crate::snapshot::{Kind, Node, Snapshot, Transport};
use crate::xds::{Peer, Published};

/// Largest report taken, in bytes: fifty thousand clusters with some localities each.
const MAX_REPORT: usize = 16 << 20;

/// The server of load reports. Clones share everything.
#[derive(Debug, Clone)]
pub struct Server {
    published: Published,
    loads: Arc<Loads>,
    interval: Duration,
    ids: Arc<AtomicU64>,
}

impl Server {
    /// Full name of the gRPC service; for health checks.
    pub const NAME: &'static str = "envoy.service.load_stats.v3.LoadReportingService";

    /// A server that writes reports, asked for every `interval`, into `loads`. Its streams end with their connections.
    pub fn new(published: Published, loads: Arc<Loads>, interval: Duration) -> Server {
        Server { published, loads, interval, ids: Arc::default() }
    }

    /// The tonic service, to be mounted.
    pub fn into_service(self) -> LoadReportingServiceServer<Server> {
        LoadReportingServiceServer::new(self).max_decoding_message_size(MAX_REPORT)
    }
}

#[tonic::async_trait]
impl LoadReportingService for Server {
    type StreamLoadStatsStream = Pin<Box<dyn futures_util::Stream<Item = Result<LoadStatsResponse, Status>> + Send>>;

    async fn stream_load_stats(
        &self,
        request: Request<Streaming<LoadStatsRequest>>,
    ) -> Result<Response<Self::StreamLoadStatsStream>, Status> {
        let stream = Stream {
            id: self.ids.fetch_add(1, Ordering::Relaxed),
            server: self.clone(),
            peer: Peer::of(request.extensions()),
            wanted: self.loads.wanted(),
            inbound: request.into_inner(),
            reporter: None,
        };
        let answers = stream::unfold(Some(stream), |stream| async {
            let mut stream = stream?;
            match stream.next().await {
                Ok(answer) => answer.map(|answer| (Ok(answer), Some(stream))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// One stream.
struct Stream {
    id: u64,
    server: Server,
    peer: Peer,
    /// Clusters of which single endpoints matter.
    wanted: watch::Receiver<Arc<BTreeSet<String>>>,
    inbound: Streaming<LoadStatsRequest>,
    /// Set by the first request.
    reporter: Option<Reporter>,
}

struct Reporter {
    node: Node,
    session: Session,
    /// The peer may speak for the node. Before the first load nobody can tell, and the stream waits.
    admitted: bool,
}

impl Stream {
    /// The next answer, `None` when the client has ended the stream.
    async fn next(&mut self) -> Result<Option<LoadStatsResponse>, Status> {
        loop {
            let step = self.reporter.as_mut().and_then(|reporter| reporter.session.poll(Instant::now()));
            match step {
                Some(Step::Ask(ask)) => return Ok(Some(answer(&ask))),
                Some(Step::Renegotiate) => {
                    return Err(Status::unavailable("what is to be reported has changed: open a new stream"));
                }
                None => {}
            }
            if !self.wait().await? {
                return Ok(None);
            }
        }
    }

    /// Waits until something happens. False when the client has ended the stream.
    async fn wait(&mut self) -> Result<bool, Status> {
        let wake_at = self.reporter.as_ref().and_then(|reporter| reporter.session.wake_at());
        let alarm = async {
            match wake_at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let gone = || Status::unavailable("the server ends this connection: open another");
        tokio::select! {
            biased;
            () = self.peer.line.closing() => return Err(gone()),
            request = self.inbound.message() => match request? {
                Some(request) => self.on_request(request)?,
                None => return Ok(false),
            },
            changed = self.server.published.changed() => {
                changed.map_err(|_| gone())?;
                self.settle()?;
            }
            changed = self.wanted.changed() => {
                changed.map_err(|_| gone())?;
                self.settle()?;
            }
            () = alarm => {}
        }
        Ok(true)
    }

    fn on_request(&mut self, request: LoadStatsRequest) -> Result<(), Status> {
        // The first request says who is there, and is a report only if it says more; after it an empty report is one too.
        let is_report = self.reporter.is_some() || !request.cluster_stats.is_empty();
        match &self.reporter {
            None => self.introduce(request.node)?,
            Some(reporter) => check_node(&reporter.node, request.node.as_ref().map(|node| node.id.as_str()))?,
        }
        let reporter = self.reporter.as_mut().filter(|reporter| is_report && reporter.admitted);
        let Some(reporter) = reporter else { return Ok(()) };
        let samples = samples(request.cluster_stats, &self.wanted.borrow()).map_err(refusal)?;
        reporter.session.reported();
        self.server.loads.report(self.id, &samples, reporter.session.client().reading(), Instant::now());
        Ok(())
    }

    fn introduce(&mut self, told: Option<envoy_types::pb::envoy::config::core::v3::Node>) -> Result<(), Status> {
        let missing = || Status::invalid_argument("the first request of a stream must name the node: node.id is empty");
        let mut told = told.ok_or_else(missing)?;
        if told.id.is_empty() {
            return Err(missing());
        }
        let features = std::mem::take(&mut told.client_features);
        let node = node::node(told);
        let client = Client::of(&node, &features);
        self.reporter = Some(Reporter { node, session: Session::new(client), admitted: false });
        self.settle()
    }

    /// With what is loaded now: whether the peer may speak for the node, and what the node should be asked.
    fn settle(&mut self) -> Result<(), Status> {
        let snapshot = self.server.published.borrow_and_update().clone();
        let (Some(reporter), Some(snapshot)) = (&mut self.reporter, snapshot) else { return Ok(()) };
        self.peer.may_speak_for(&reporter.node, &snapshot)?;
        let client = reporter.session.client();
        if !std::mem::replace(&mut reporter.admitted, true) {
            tracing::debug!(node = %reporter.node.id, stream = self.id, ?client, "a node reports its load");
            self.server.loads.open(self.id, &reporter.node.id);
        }
        let clusters = if client.sends_all { Clusters::All } else { Clusters::Named(names(&snapshot, &reporter.node)) };
        let endpoints = !self.wanted.borrow_and_update().is_empty();
        reporter.session.want(Ask::new(clusters, self.server.interval).with_endpoints(endpoints));
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.reporter.as_ref().is_some_and(|reporter| reporter.admitted) {
            self.server.loads.close(self.id);
        }
    }
}

/// The clusters that a node is served; their names are the same however it is connected.
fn names(snapshot: &Snapshot, node: &Node) -> Vec<Arc<str>> {
    snapshot.view(node, Transport::Aggregated).of(Kind::Cluster).iter().map(|(name, _)| name.clone()).collect()
}

fn answer(ask: &Ask) -> LoadStatsResponse {
    let interval = ask.interval();
    let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
    let interval = protobuf::Duration { seconds, nanos: interval.subsec_nanos() as i32 };
    let (clusters, send_all_clusters) = match &ask.clusters {
        Clusters::All => (Vec::new(), true),
        Clusters::Named(names) => (names.iter().map(|name| name.to_string()).collect(), false),
    };
    LoadStatsResponse {
        clusters,
        send_all_clusters,
        load_reporting_interval: Some(interval),
        report_endpoint_granularity: ask.endpoints,
    }
}

fn refusal(bad: BadReport) -> Status {
    match bad {
        BadReport::TooMany(_) => Status::resource_exhausted(bad.to_string()),
        BadReport::Name(_) => Status::invalid_argument(bad.to_string()),
    }
}

/// A node may be repeated, but one stream must not speak for two.
fn check_node(known: &Node, told: Option<&str>) -> Result<(), Status> {
    match told {
        Some(told) if !told.is_empty() && told != known.id => Err(Status::invalid_argument(format!(
            "this stream belongs to node {:?}, and a report on it came from {told:?}",
            known.id
        ))),
        _ => Ok(()),
    }
}
