//! The connection to a running server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status, Streaming};

use crate::admin::pb;
use crate::control::Served;

/// A server on this machine or the next answers at once or not at all.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest a single answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// Nodes a page: a message stays well below the 4 MiB that gRPC clients take.
const PAGE: u32 = 500;
/// Status of a very large directory.
const MESSAGE_MAX: usize = 64 << 20;

/// Where the server is.
#[derive(Debug, Clone, clap::Args)]
pub struct Server {
    /// Address of the server's admin port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:18001", env = "TIDEGATE_SERVER")]
    server: String,
    #[command(flatten)]
    tls: Tls,
}

/// TLS to the server.
#[derive(Debug, Clone, clap::Args)]
pub struct Tls {
    /// CA of the admin port's certificate: connects by TLS
    #[arg(long, value_name = "FILE", env = "TIDEGATE_TLS_CA")]
    tls_ca: Option<PathBuf>,
    /// Certificate to show
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_key"], env = "TIDEGATE_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "TIDEGATE_TLS_KEY")]
    tls_key: Option<PathBuf>,
}

impl Server {
    /// A server at that address.
    pub fn at(server: &str, tls: &Tls) -> Server {
        Server { server: server.to_owned(), tls: tls.clone() }
    }

    /// The address without a scheme. One that is written must be the one that the other flags mean.
    fn address(&self) -> anyhow::Result<&str> {
        let written = self.server.trim_end_matches('/');
        match (written.split_once("://"), &self.tls.tls_ca) {
            (None, _) => Ok(written),
            (Some(("http", address)), None) | (Some(("https", address)), Some(_)) => Ok(address),
            (Some(("https", _)), None) => {
                bail!("--server {written}: name the CA of its certificate by --tls-ca, or write `host:port` if it has none")
            }
            (Some(("http", _)), Some(_)) => bail!("--server {written}: --tls-ca goes with `https://`, or with `host:port` alone"),
            _ => bail!("--server {written}: the admin port speaks gRPC; write `host:port`"),
        }
    }
}

impl Tls {
    /// What the flags say; `None` without them.
    fn config(&self) -> anyhow::Result<Option<ClientTlsConfig>> {
        let Some(ca) = &self.tls_ca else { return Ok(None) };
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca, "--tls-ca")?));
        let own = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        Ok(Some(match own {
            Some((cert, key)) => tls.identity(Identity::from_pem(read(cert, "--tls-cert")?, read(key, "--tls-key")?)),
            None => tls,
        }))
    }
}

fn read(path: &Path, flag: &str) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{flag} {} cannot be read", path.display()))
}

/// A client of the admin port.
#[derive(Debug)]
pub struct Client {
    inner: pb::admin_client::AdminClient<Channel>,
    address: String,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// The address is none, or nobody answers there.
    pub async fn connect(server: &Server) -> anyhow::Result<Client> {
        let (address, tls) = (server.address()?.to_owned(), server.tls.config()?);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .with_context(|| format!("--server {address}: write `host:port`, for example `127.0.0.1:18001`"))?;
        if endpoint.uri().port_u16().is_none() {
            let host = endpoint.uri().host().unwrap_or("127.0.0.1");
            bail!("--server {address}: the port is missing; write `host:port`, for example `{host}:18001`");
        }
        let endpoint = match tls {
            Some(tls) => endpoint.tls_config(tls).context("--tls-ca, --tls-cert or --tls-key is of no use")?,
            None => endpoint,
        };
        let channel = endpoint.connect_timeout(CONNECT).connect().await;
        let channel = channel.map_err(|error| unreachable(&address, &root(&error)))?;
        let inner = pb::admin_client::AdminClient::new(channel).max_decoding_message_size(MESSAGE_MAX);
        Ok(Client { inner, address })
    }

    /// The status, of one service or of all (`""`).
    ///
    /// # Errors
    /// The server does not answer, or knows no such service.
    pub async fn status(&mut self, service: &str) -> anyhow::Result<pb::Status> {
        let request = timed(pb::GetStatusRequest { service: service.to_owned() });
        let answer = self.inner.get_status(request).await.map_err(|status| self.refused(&status))?;
        Ok(answer.into_inner().status.unwrap_or_default())
    }

    /// The texts that are served, and how far each service is.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn served(&mut self) -> anyhow::Result<Served> {
        let request = timed(pb::GetServedRequest {});
        let served = self.inner.get_served(request).await.map_err(|status| self.refused(&status))?.into_inner();
        Ok(Served {
            files: served.files.into_iter().map(|file| (file.path, file.text)).collect(),
            config: Some(served.config).filter(|config| !config.is_empty()),
            states: served.states.into_iter().map(|state| (state.service, state.json)).collect(),
        })
    }

    /// All nodes.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn nodes(&mut self) -> anyhow::Result<pb::ListNodesResponse> {
        let mut all = pb::ListNodesResponse::default();
        loop {
            let request = timed(pb::ListNodesRequest { page_size: PAGE, page_token: all.next_page_token.clone() });
            let page = self.inner.list_nodes(request).await.map_err(|status| self.refused(&status))?.into_inner();
            all.nodes.extend(page.nodes);
            all.next_page_token = page.next_page_token;
            if all.next_page_token.is_empty() {
                // Nodes come and go while pages are read; the count is of those that were read.
                all.total = u32::try_from(all.nodes.len()).unwrap_or(u32::MAX);
                return Ok(all);
            }
        }
    }

    /// The status now and after every change.
    ///
    /// # Errors
    /// The server does not answer, or knows no such service.
    pub async fn watch(&mut self, service: &str) -> anyhow::Result<Streaming<pb::WatchResponse>> {
        let request = pb::WatchRequest { service: service.to_owned() };
        let answer = self.inner.watch(request).await.map_err(|status| self.refused(&status))?;
        Ok(answer.into_inner())
    }

    /// Says what a person wants.
    ///
    /// # Errors
    /// The server does not answer, knows no such service, or cannot write it down.
    pub async fn order(&mut self, order: pb::OrderRequest) -> anyhow::Result<Ordered> {
        let status = match self.inner.order(timed(order)).await {
            Ok(ordered) => return Ok(Ordered::Done(ordered.into_inner())),
            Err(status) => status,
        };
        let refused = |kind| Ok(Ordered::Refused { kind, text: status.message().to_owned() });
        match status.code() {
            Code::Aborted => refused("stale"),
            Code::FailedPrecondition => refused("not_now"),
            Code::PermissionDenied => refused("not_yours"),
            _ if std::error::Error::source(&status).is_some() => {
                let lost = "the connection was lost before the answer: whether it is done, `tidegate history` tells";
                Err(self.refused(&status).context(lost))
            }
            _ => Err(self.refused(&status)),
        }
    }

    /// What happened to a service, or to all (`""`), newest first.
    ///
    /// # Errors
    /// The server does not answer, knows no such service, or cannot read its journal.
    pub async fn history(&mut self, service: &str, limit: u32) -> anyhow::Result<Vec<pb::HistoryEntry>> {
        let (mut entries, mut page_token) = (Vec::new(), String::new());
        while entries.len() < limit as usize {
            let page_size = (limit as usize - entries.len()).min(PAGE as usize) as u32;
            let request = timed(pb::ListHistoryRequest { service: service.to_owned(), page_size, page_token });
            let page = self.inner.list_history(request).await.map_err(|status| self.refused(&status))?.into_inner();
            entries.extend(page.entries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(entries)
    }

    fn refused(&self, status: &Status) -> anyhow::Error {
        match status.code() {
            Code::NotFound | Code::InvalidArgument | Code::DataLoss => anyhow!("{}", status.message()),
            // The server's own words, and not those of a connection that broke.
            Code::Unavailable if std::error::Error::source(status).is_none() => anyhow!("{}", status.message()),
            Code::Unimplemented => anyhow!(
                "{} answers, but is no admin port of tidegate; --server (TIDEGATE_SERVER) wants the --admin address of `tidegate serve`, \
                 18001 unless changed",
                self.address
            ),
            _ => unreachable(&self.address, status.message()),
        }
    }
}

/// What came of an order.
#[derive(Debug)]
pub enum Ordered {
    /// It is done.
    Done(pb::OrderResponse),
    /// It is not, and nothing has changed.
    Refused {
        /// `stale`, `not_now` or `not_yours`.
        kind: &'static str,
        /// Why, in the server's words.
        text: String,
    },
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ANSWER);
    request
}

fn unreachable(address: &str, reason: &str) -> anyhow::Error {
    anyhow!(
        "no tidegate server answers at {address}: {reason}\n\
         Is `tidegate serve` running there? Its --admin address is what --server (TIDEGATE_SERVER) wants."
    )
}

/// The last cause of an error, which is the one that people know: `Connection refused`.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
