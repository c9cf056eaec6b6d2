//! The service itself: each call reads what is published at that moment.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::nodes::{page, read_token};
use super::updates::updates;
use super::{convert, pb};
use crate::control::ServerStatus;
use crate::diag::Problem;
use crate::xds::{Board, Nodes};

const PAGE: usize = 500;
const PAGE_MAX: usize = 2000;

/// The implementation of `tidegate.admin.v1.Admin`.
#[derive(Debug, Clone)]
pub struct Admin {
    status: watch::Receiver<Arc<ServerStatus>>,
    board: Arc<Board>,
    shutdown: CancellationToken,
}

impl Admin {
    /// A service over what `control` publishes and what the streams put on the board. Its `Watch` streams would keep a port open
    /// for ever; they end on `shutdown`, and when the sender of `status` is gone.
    pub fn new(status: watch::Receiver<Arc<ServerStatus>>, board: Arc<Board>, shutdown: CancellationToken) -> Admin {
        Admin { status, board, shutdown }
    }

    /// Full name of the gRPC service.
    pub const NAME: &'static str = "tidegate.admin.v1.Admin";

    /// The tonic service, to be mounted.
    pub fn into_server(self) -> pb::admin_server::AdminServer<Admin> {
        pb::admin_server::AdminServer::new(self)
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// Waits for a status newer than the one `status_now` read; `None` when none will come.
    pub(super) async fn changed(&mut self) -> Option<()> {
        tokio::select! {
            changed = self.status.changed() => changed.ok(),
            () = self.shutdown.cancelled() => None,
        }
    }

    /// The status at this moment, of one service or of all (`""`).
    pub(super) fn status_now(&mut self, service: &str) -> pb::Status {
        let status = self.status.borrow_and_update().clone();
        status_message(&status, &self.board, service)
    }
}

fn status_message(status: &ServerStatus, board: &Board, service: &str) -> pb::Status {
    let streams = board.streams();
    let nodes = Nodes::of(&streams);
    let asked: Vec<_> = status.services.iter().filter(|s| service.is_empty() || s.name == service).collect();
    let fleets = asked.first().filter(|_| !service.is_empty()).map_or(&[][..], |s| &s.fleets);
    let fleet = pb::Fleet { sync: Some(nodes.sync(&[], &status.config)), lagging: nodes.lagging(fleets, &status.config) };
    pb::Status {
        server: Some(convert::server(status)),
        services: asked.into_iter().map(|s| convert::service(s, nodes.sync(&s.fleets, &status.config))).collect(),
        problems: status.problems.iter().filter(|p| concerns(p, service, status)).map(convert::problem).collect(),
        fleet: Some(fleet),
    }
}

/// Whether a problem is one of the service's file. A service that was never served is known by its file's name alone.
fn concerns(problem: &Problem, service: &str, status: &ServerStatus) -> bool {
    let file = problem.primary.file.path.as_str();
    let stem = file.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(stem, _)| stem);
    service.is_empty() || stem == Some(service) || status.services.iter().any(|s| s.name == service && s.file == file)
}

/// Refuses a service that nobody has heard of.
fn known(service: &str, status: &ServerStatus) -> Result<(), Status> {
    let served = || status.services.iter().map(|s| s.name.as_str());
    if service.is_empty() || served().any(|name| name == service) || status.problems.iter().any(|p| concerns(p, service, status)) {
        return Ok(());
    }
    let likely = served().map(|name| (strsim::jaro_winkler(name, service), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match likely {
        Some((likeness, name)) if likeness > 0.8 => format!("; did you mean `{name}`?"),
        Some(_) => format!("; served are: {}", served().take(10).collect::<Vec<_>>().join(", ")),
        None => "; no service is being served".to_owned(),
    };
    Err(Status::not_found(format!("no service is named `{service}`{hint}")))
}

#[tonic::async_trait]
impl pb::admin_server::Admin for Admin {
    async fn get_status(&self, request: Request<pb::GetStatusRequest>) -> Result<Response<pb::GetStatusResponse>, Status> {
        let service = request.into_inner().service;
        let status = self.status.borrow().clone();
        known(&service, &status)?;
        let status = status_message(&status, &self.board, &service);
        Ok(Response::new(pb::GetStatusResponse { status: Some(status) }))
    }

    async fn list_nodes(&self, request: Request<pb::ListNodesRequest>) -> Result<Response<pb::ListNodesResponse>, Status> {
        let request = request.into_inner();
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(read_token(token).ok_or_else(|| Status::invalid_argument("page_token is not one of ours"))?),
        };
        let size = if request.page_size == 0 { PAGE } else { PAGE_MAX.min(request.page_size as usize) };
        let config = self.status.borrow().config.clone();
        let streams = self.board.streams();
        Ok(Response::new(page(&Nodes::of(&streams), &config, size, after)))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        known(&service, &self.status.borrow())?;
        Ok(Response::new(Box::pin(updates(self.clone(), service))))
    }
}
