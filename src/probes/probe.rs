//! One question to an endpoint.

use std::error::Error as _;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::health::Outcome;
use super::{Target, Way};

/// Who asks.
const ASKER: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer. Nobody is told: an endpoint that is away is what is looked for.
type Unanswered = Box<dyn std::error::Error + Send + Sync>;

/// Asks on a connection of its own, since whether one can be made is part of the question.
pub(super) async fn probe(target: &Target) -> Outcome {
    match tokio::time::timeout(target.how.timeout, ask(target.endpoint.address, &target.how.way)).await {
        Ok(Ok(true)) => Outcome::Good,
        Ok(Ok(false)) => Outcome::Bad,
        Ok(Err(_)) | Err(_) => Outcome::Silent,
    }
}

async fn ask(address: SocketAddr, way: &Way) -> Result<bool, Unanswered> {
    match way {
        Way::Connect => Ok(TcpStream::connect(address).await.map(|_| true)?),
        Way::Http1 { host, path } => {
            // HTTP/1.1 has the path alone in its first line, and the host in a header.
            http1(address, Request::get(path).header(HOST, host).header(USER_AGENT, ASKER).body(Empty::new())?).await
        }
        Way::Http2 { host, path } => {
            http2(address, Request::get(format!("http://{host}{path}")).header(USER_AGENT, ASKER).body(Empty::new())?).await
        }
        Way::Grpc { host } => grpc(address, host).await,
    }
}

async fn http1(address: SocketAddr, request: Request<Empty<Bytes>>) -> Result<bool, Unanswered> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(is_good(sender.send_request(request).await?.status()))
}

async fn http2(address: SocketAddr, request: Request<Empty<Bytes>>) -> Result<bool, Unanswered> {
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(is_good(sender.send_request(request).await?.status()))
}

/// Envoy takes 200 alone.
fn is_good(status: StatusCode) -> bool {
    status == StatusCode::OK
}

async fn grpc(address: SocketAddr, host: &str) -> Result<bool, Unanswered> {
    let origin = format!("http://{host}").parse()?;
    let channel = Channel::from_shared(format!("http://{address}"))?.origin(origin).user_agent(HeaderValue::from_static(ASKER))?;
    let mut client = HealthClient::new(channel.connect().await?);
    match client.check(HealthCheckRequest::default()).await {
        Ok(answer) => Ok(answer.into_inner().status() == ServingStatus::Serving),
        // A status with a cause was made here, from a connection that failed; one without came from the endpoint.
        Err(status) if status.source().is_some() => Err(status.into()),
        Err(_) => Ok(false),
    }
}
