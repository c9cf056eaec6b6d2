//! CSDS: what each client has and lacks, resource by resource, for every tool that speaks Envoy's client status API.
//!
//! It stands on the admin port alone: it tells of every node to whoever may ask. Answers are made piece by piece as they are read, so
//! that a fleet of ten thousand is never held in memory at once; what does not fit into one message comes in several on a stream,
//! and is refused with the way out where there is no stream. Holds no state.

mod answers;
mod config;
mod matching;
mod value;

use std::pin::Pin;
use std::sync::Arc;

use envoy_types::pb::envoy::service::status::v3::client_status_discovery_service_server::{
    ClientStatusDiscoveryService, ClientStatusDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::status::v3::{ClientStatusRequest, ClientStatusResponse};
use futures_util::stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::xds::Board;
use answers::Answers;
use matching::Matchers;

/// Largest request taken: some thousand node ids to match.
const MAX_REQUEST: usize = 1 << 20;
/// A message of a stream is about this large at most, unless one resource alone is larger.
const MESSAGE: usize = 1 << 20;
/// An answer without a stream is about this large at most: below what clients take by default, 4 MiB.
const FETCHED: usize = 3 << 20;

/// The implementation of `envoy.service.status.v3.ClientStatusDiscoveryService`.
#[derive(Debug, Clone)]
pub struct ClientStatus {
    board: Arc<Board>,
    shutdown: CancellationToken,
}

impl ClientStatus {
    /// Full name of the gRPC service; for health checks.
    pub const NAME: &'static str = "envoy.service.status.v3.ClientStatusDiscoveryService";

    /// A service over what the streams say of themselves. Its own streams end on `shutdown`.
    pub fn new(board: Arc<Board>, shutdown: CancellationToken) -> ClientStatus {
        ClientStatus { board, shutdown }
    }

    /// The tonic service, to be mounted on the admin port.
    pub fn into_server(self) -> ClientStatusDiscoveryServiceServer<ClientStatus> {
        ClientStatusDiscoveryServiceServer::new(self).max_decoding_message_size(MAX_REQUEST)
    }

    fn answers(&self, request: ClientStatusRequest, message: usize) -> Result<Answers, Status> {
        let matchers = Matchers::new(request.node_matchers).map_err(|bad| Status::invalid_argument(bad.to_string()))?;
        Ok(Answers::new(self.board.clone(), &matchers, !request.exclude_resource_contents, message))
    }
}

/// One stream: requests are answered one after the other.
struct Conversation {
    service: ClientStatus,
    inbound: Streaming<ClientStatusRequest>,
    answers: Option<Answers>,
}

impl Conversation {
    async fn next(&mut self) -> Result<Option<ClientStatusResponse>, Status> {
        loop {
            if let Some(response) = self.answers.as_mut().and_then(Iterator::next) {
                return Ok(Some(response));
            }
            tokio::select! {
                () = self.service.shutdown.cancelled() => return Err(Status::unavailable("the server is shutting down")),
                request = self.inbound.message() => match request? {
                    Some(request) => self.answers = Some(self.service.answers(request, MESSAGE)?),
                    None => return Ok(None),
                },
            }
        }
    }
}

#[tonic::async_trait]
impl ClientStatusDiscoveryService for ClientStatus {
    type StreamClientStatusStream = Pin<Box<dyn futures_util::Stream<Item = Result<ClientStatusResponse, Status>> + Send>>;

    async fn stream_client_status(
        &self,
        request: Request<Streaming<ClientStatusRequest>>,
    ) -> Result<Response<Self::StreamClientStatusStream>, Status> {
        let conversation = Conversation { service: self.clone(), inbound: request.into_inner(), answers: None };
        let responses = stream::unfold(Some(conversation), |conversation| async {
            let mut conversation = conversation?;
            match conversation.next().await {
                Ok(response) => response.map(|response| (Ok(response), Some(conversation))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(responses)))
    }

    async fn fetch_client_status(&self, request: Request<ClientStatusRequest>) -> Result<Response<ClientStatusResponse>, Status> {
        let mut answers = self.answers(request.into_inner(), FETCHED)?;
        let response = answers.next().unwrap_or_default();
        if answers.is_finished() {
            return Ok(Response::new(response));
        }
        Err(Status::resource_exhausted(format!(
            "the status of {} clients is more than {} MiB: pick some by node_matchers, leave out the contents by \
             exclude_resource_contents, or use StreamClientStatus, which answers in several messages",
            answers.clients(),
            FETCHED >> 20,
        )))
    }
}
