//! The wiring: sources, writer, streams and faces become one server.
//!
//! Owns: the ports, the tasks and their end. Every task is supervised: if one ends by itself, the server ends, and says which.
//! Called by: `cli serve`, `demo`, tests.

mod connection;
mod errands;
mod grpc;
mod options;
mod site;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, ClientStatus};
use crate::control::{self, Control, Desk, Inbox, ServerStatus, World};
use crate::hooks::Caller;
use crate::reports::Loads;
use crate::sources::Generation;
use crate::store::Store;
use crate::xds::{self, Board};
use crate::{admin, reports, sources, telemetry, translate, web};

pub use crate::xds::{Limits, Rate};
use connection::Lifetime;
pub use options::{Options, ServeError};
use site::Site;

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Address of the xDS port.
    pub xds: SocketAddr,
    /// Address of the admin port.
    pub admin: SocketAddr,
    /// Address of the HTTP port.
    pub http: SocketAddr,
    /// What the server says of itself.
    pub status: watch::Receiver<Arc<ServerStatus>>,
    /// The connected streams.
    pub board: Arc<Board>,
    /// What the Envoys report of their load.
    pub loads: Arc<Loads>,
    /// Where the writer of what is served is turned to.
    pub desk: Desk,
    shutdown: CancellationToken,
    tasks: JoinSet<Result<(), ServeError>>,
}

impl Running {
    /// Waits until the server has ended: by `shutdown`, or because a task of it could not go on.
    ///
    /// # Errors
    /// Why it could not go on.
    pub async fn wait(&mut self) -> Result<(), ServeError> {
        let mut first = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.unwrap_or_else(|panic| Err(ServeError::Task(panic.to_string())));
            first = first.and(ended);
            self.shutdown.cancel();
        }
        first
    }

    /// Ends the server: streams are closed, ports freed.
    ///
    /// # Errors
    /// A task had ended by itself before.
    pub async fn shutdown(mut self) -> Result<(), ServeError> {
        self.shutdown.cancel();
        self.wait().await
    }

    /// Ends the server when it is cancelled.
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}

/// Starts a server. It is bound to its ports when this returns; whether it is ready, `status` says.
///
/// # Errors
/// A port is taken, or the state folder cannot be used.
pub async fn start(options: Options) -> Result<Running, ServeError> {
    let (xds_listener, xds_addr) = bind(options.xds, "--xds").await?;
    let (admin_listener, admin_addr) = bind(options.admin, "--admin").await?;
    let (http_listener, http_addr) = bind(options.http, "--http").await?;
    let store = Store::open(&options.state)?;

    let (status_tx, status) = watch::channel(Arc::new(ServerStatus::default()));
    let (published_tx, published) = watch::channel(None);
    let (endpoint_files_tx, endpoint_files) = watch::channel(Default::default());
    let (board, counters, shutdown) = (Arc::new(Board::default()), xds::Metrics::default(), CancellationToken::new());

    let outputs = control::Outputs { status: status_tx, published: published_tx, endpoint_files: endpoint_files_tx };
    let decisions = control::Options { allow_empty: options.allow_empty, config_required: options.config.is_some() };
    let (errands, ends, health) = errands::errands();
    let loads = Arc::new(Loads::default());
    let may_be_empty = options.advance_without_nodes;
    let world = World { board: board.clone(), loads: loads.clone(), health, drain: options.drain, may_be_empty };
    let control = Control::new(decisions, store, outputs, world, errands)?;
    let (doors, (desk, inbox)) = (control.doors(), control.desk());
    let generations = sources::watch(options.sources(), endpoint_files);
    let caller = tokio::task::spawn_blocking(Caller::new).await.map_err(|panic| ServeError::Task(panic.to_string()))??;

    let reporting = reports::Server::new(published.clone(), loads.clone(), options.load_report_interval);
    let streams = xds::Server::new(published, board.clone(), counters.clone(), options.timing(), options.limits, shutdown.clone());
    let faces = Admin::new(status.clone(), board.clone(), desk.clone(), shutdown.clone()).into_server();
    let clients = ClientStatus::new(board.clone(), shutdown.clone()).into_server();

    let mut tasks = JoinSet::new();
    // What streams are told goes on until the last of them has ended.
    let over = CancellationToken::new();
    tasks.spawn(write(control, desk.clone(), inbox, generations, over.clone()));
    let notices = ends.run(caller, format!("//{admin_addr}/tidegate"), desk.clone(), &mut tasks);
    let seen =
        telemetry::Seen { status: status.clone(), board: board.clone(), loads: loads.clone(), orders: desk.orders(), notices };
    let metrics = Arc::new(telemetry::Metrics::new(&counters, seen));
    let names: Vec<&str> = xds::Server::service_names().into_iter().chain([reports::Server::NAME]).collect();
    let (xds_routes, health) =
        grpc::routes(&[translate::descriptor_set()], &names, |routes| routes.add_service(reporting.into_service()))?;
    let xds_site = Site::new(Some(streams.clone()), xds_routes);
    let (ready, stop) = (status.clone(), shutdown.clone());
    tasks.spawn(async move {
        grpc::report(health, &names, ready, stop).await;
        Ok(())
    });
    // The admin port serves at once: what there is to see before the first load is why there has been none.
    let (described, names) = ([admin::descriptor_set(), translate::descriptor_set()], [Admin::NAME, ClientStatus::NAME]);
    let (admin_routes, health) = grpc::routes(&described, &names, |routes| routes.add_service(faces).add_service(clients))?;
    for name in names {
        health.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    }
    let xds_port = grpc::Port {
        listener: xds_listener,
        doors: (doors.clone(), |doors| &doors.xds),
        lifetime: options.lifetime(),
        stop: shutdown.clone(),
    };
    let admin_port = grpc::Port {
        listener: admin_listener,
        doors: (doors, |doors| &doors.admin),
        lifetime: Lifetime::default(),
        stop: shutdown.clone(),
    };
    let end = over.clone().drop_guard();
    tasks.spawn(async move {
        let _end = end;
        tokio::select! {
            () = grpc::serve(xds_port, xds_site) => Ok(()),
            never = streams.watch_over_streams() => match never {},
        }
    });
    tasks.spawn(async move {
        grpc::serve(admin_port, Site::new(None, admin_routes)).await;
        Ok(())
    });
    let router = web::router(status.clone(), metrics, shutdown.clone());
    tasks.spawn(async move {
        let served = web::serve(http_listener, router, over.cancelled_owned()).await;
        served.map_err(|error| ServeError::Port("HTTP", error.to_string()))
    });

    Ok(Running { xds: xds_addr, admin: admin_addr, http: http_addr, status, board, loads, desk, shutdown, tasks })
}

/// Gives the writer one generation after another until the server is shut down, and waits until it has put down its pen: the store is
/// free for the next server when this ends.
async fn write(
    control: Control,
    desk: Desk,
    inbox: Inbox,
    mut generations: mpsc::Receiver<Generation>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let (runtime, down) = (tokio::runtime::Handle::current(), stop.clone());
    let writer = tokio::task::spawn_blocking(move || control.run(inbox, &runtime, down));
    let ended = loop {
        tokio::select! {
            generation = generations.recv() => match generation {
                Some(generation) => {
                    if !desk.read(generation).await {
                        break Err(ServeError::Task("the writer of what is served".into()));
                    }
                }
                None => break Err(ServeError::Task("the watching of the directory".into())),
            },
            () = stop.cancelled() => break Ok(()),
        }
    };
    stop.cancel();
    drop((desk, generations));
    let written = writer.await.map_err(|panic| ServeError::Task(panic.to_string()))?;
    written?;
    ended
}

async fn bind(addr: SocketAddr, flag: &'static str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Bind { addr, flag, source };
    let listener = listen(addr).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// Connections that may wait to be accepted; the system takes less if it allows less. A fleet that comes back all at once is thousands,
/// and one that finds no room tries again only after a second.
const BACKLOG: u32 = 4096;

fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does: a port that was ours a moment ago may still have connections that end.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}
