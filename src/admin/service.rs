//! The service itself: each call reads what is published at that moment.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::known::{concerns, known, name, unknown};
use super::nodes::{page, read_token};
use super::updates::updates;
use super::{convert, history, order, pb};
use crate::control::{Desk, HistoryEntry, OrderError, ServerStatus};
use crate::rollout::Refused;
use crate::xds::{Board, Nodes};

const PAGE: usize = 500;
const PAGE_MAX: usize = 2000;

/// The implementation of `tidegate.admin.v1.Admin`.
#[derive(Debug, Clone)]
pub struct Admin {
    status: watch::Receiver<Arc<ServerStatus>>,
    board: Arc<Board>,
    desk: Desk,
    shutdown: CancellationToken,
}

impl Admin {
    /// A service over what `control` publishes and what the streams put on the board; orders go to the desk. Its `Watch` streams would
    /// keep a port open for ever; they end on `shutdown`, and when the sender of `status` is gone.
    pub fn new(status: watch::Receiver<Arc<ServerStatus>>, board: Arc<Board>, desk: Desk, shutdown: CancellationToken) -> Admin {
        Admin { status, board, desk, shutdown }
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

    /// Why an order was not done. Who comes too late is told what has happened since; a journal that cannot be read is no reason to say
    /// less of the order itself.
    async fn not_done(&self, service: &str, error: OrderError) -> Status {
        if let OrderError::Unknown(_) = error {
            return unknown(service, &self.status.borrow());
        }
        let mut since: Vec<HistoryEntry> = Vec::new();
        if let OrderError::Refused(Refused::Stale { meant, .. }) = &error
            && let Ok(page) = history::look(&self.desk, service, None, order::SINCE_MAX).await
        {
            since.extend(page.entries.into_iter().filter(|entry| entry.event.revision > *meant));
        }
        order::refused(&error, &since)
    }
}

fn status_message(status: &ServerStatus, board: &Board, service: &str) -> pb::Status {
    let streams = board.streams();
    let nodes = Nodes::of(&streams);
    let asked: Vec<_> = status.services.iter().filter(|s| service.is_empty() || s.name == service).collect();
    let fleets = asked.first().filter(|_| !service.is_empty()).map_or(&[][..], |s| &s.fleets);
    let fleet = pb::Fleet { sync: Some(nodes.sync(&[], 0, &status.config).0), lagging: nodes.lagging(fleets, &status.config) };
    pb::Status {
        server: Some(convert::server(status)),
        services: asked.into_iter().map(|s| convert::service(s, nodes.sync(&s.fleets, s.snapshot, &status.config))).collect(),
        problems: status.problems.iter().filter(|p| concerns(p, service, status)).map(convert::problem).collect(),
        fleet: Some(fleet),
    }
}

#[tonic::async_trait]
impl pb::admin_server::Admin for Admin {
    async fn get_status(&self, request: Request<pb::GetStatusRequest>) -> Result<Response<pb::GetStatusResponse>, Status> {
        let service = name(request.into_inner().service)?;
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
        let service = name(request.into_inner().service)?;
        known(&service, &self.status.borrow())?;
        Ok(Response::new(Box::pin(updates(self.clone(), service))))
    }

    async fn order(&self, request: Request<pb::OrderRequest>) -> Result<Response<pb::OrderResponse>, Status> {
        let (service, command) = order::read(request)?;
        let ordered = match self.desk.order(&service, command).await {
            Ok(ordered) => ordered,
            Err(error) => return Err(self.not_done(&service, error).await),
        };
        let (at, text) = (Some(convert::timestamp(ordered.at)), ordered.text);
        Ok(Response::new(pb::OrderResponse { text, revision: ordered.revision, snapshot: ordered.snapshot, at }))
    }

    async fn list_history(&self, request: Request<pb::ListHistoryRequest>) -> Result<Response<pb::ListHistoryResponse>, Status> {
        let request = request.into_inner();
        let request = pb::ListHistoryRequest { service: name(request.service)?, ..request };
        let page = history::page(&self.desk, &request).await?;
        if page.entries.is_empty() && request.page_token.is_empty() {
            // One that is served no more may have a history; one that has none must be there.
            known(&request.service, &self.status.borrow())?;
        }
        Ok(Response::new(page))
    }

    async fn get_served(&self, _: Request<pb::GetServedRequest>) -> Result<Response<pb::GetServedResponse>, Status> {
        let served = self.desk.served().await.ok_or_else(|| Status::unavailable("the server is ending"))?;
        let file = |(path, text)| pb::ServedFile { path, text };
        let state = |(service, json)| pb::ServedState { service, json };
        Ok(Response::new(pb::GetServedResponse {
            files: served.files.into_iter().map(file).collect(),
            config: served.config.unwrap_or_default(),
            states: served.states.into_iter().map(state).collect(),
        }))
    }
}
