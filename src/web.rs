//! The HTTP port: readiness, liveness, metrics.
//!
//! Owns: the routes. Called by: `serve` mounts [`router`]. Reads what is published and holds no state.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::control::ServerStatus;
use crate::telemetry::Metrics;

const INDEX: &str = concat!(
    "tidegate ",
    env!("CARGO_PKG_VERSION"),
    "\n\n/readyz   200 once the first load is being served, else 503 and why not\n\
     /livez    200 while the process answers\n\
     /metrics  OpenMetrics text\n"
);

#[derive(Clone)]
struct Sources {
    status: watch::Receiver<Arc<ServerStatus>>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

/// The routes of the HTTP port. It is not ready any more as soon as `stop` is cancelled.
pub fn router(status: watch::Receiver<Arc<ServerStatus>>, metrics: Arc<Metrics>, stop: CancellationToken) -> Router {
    Router::new()
        .route("/", get(INDEX))
        .route("/livez", get("ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Sources { status, metrics, stop })
}

/// Serves the HTTP port until `shutdown`.
///
/// # Errors
/// The port was lost.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn readyz(State(sources): State<Sources>) -> (StatusCode, String) {
    if sources.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready: the server is shutting down\n".to_owned());
    }
    match not_ready(&sources.status.borrow()) {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

async fn metrics_text(State(sources): State<Sources>) -> Response {
    match sources.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics cannot be written: {error}\n")).into_response(),
    }
}

/// Why nothing is served yet; `None` when it is. Once ready stays ready: a directory that breaks later takes no Envoy's traffic.
fn not_ready(status: &ServerStatus) -> Option<String> {
    if status.ready {
        return None;
    }
    if let Some(reason) = &status.directory {
        return Some(reason.clone());
    }
    let Some(first) = status.problems.first() else { return Some("the first load is not finished".to_owned()) };
    let (line, column) = first.position();
    let place = format!("{}:{line}:{column}", first.primary.file.path);
    let problems = match status.problems.len() {
        1 => "1 problem".to_owned(),
        count => format!("{count} problems; the first"),
    };
    Some(format!("no complete load yet, {problems}: {place}: {}", first.title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    async fn ask(status: ServerStatus, path: &str) -> (StatusCode, String, String) {
        let (_sender, status) = watch::channel(Arc::new(status));
        let seen = telemetry::Seen {
            status: status.clone(),
            board: Default::default(),
            loads: Default::default(),
            orders: Default::default(),
            notices: Default::default(),
        };
        let metrics = telemetry::Metrics::new(&Default::default(), seen);
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(status, Arc::new(metrics), CancellationToken::new()).oneshot(request).await.unwrap();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let code = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (code, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn not_ready_says_why() {
        let (code, _, body) = ask(ServerStatus::default(), "/readyz").await;
        assert_eq!((code, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "not ready: the first load is not finished\n"));
        let gone = ServerStatus { directory: Some("releases does not exist".into()), ..ServerStatus::default() };
        assert_eq!(ask(gone, "/readyz").await.2, "not ready: releases does not exist\n");
    }

    #[tokio::test]
    async fn one_problem_is_not_problems() {
        use crate::diag::{Label, Problem, Severity, SourceFile};
        let file = Arc::new(SourceFile { path: "a.yaml".into(), text: "service: a\n".into() });
        let primary = Label { file, span: 0..7, text: String::new() };
        let (title, related) = ("wrong".to_owned(), Vec::new());
        let problem = Problem { code: "T001", severity: Severity::Error, title, primary, related, help: None };
        let status = |problems| ServerStatus { problems, ..ServerStatus::default() };
        let said = not_ready(&status(vec![problem.clone()])).unwrap();
        assert_eq!(said, "no complete load yet, 1 problem: a.yaml:1:1: wrong");
        let said = not_ready(&status(vec![problem.clone(), problem])).unwrap();
        assert_eq!(said, "no complete load yet, 2 problems; the first: a.yaml:1:1: wrong");
    }

    #[tokio::test]
    async fn ready_stays_ready_when_the_directory_breaks() {
        let status = ServerStatus { ready: true, directory: Some("gone".into()), ..ServerStatus::default() };
        let (code, _, body) = ask(status, "/readyz").await;
        assert_eq!((code, body.as_str()), (StatusCode::OK, "ok\n"));
    }

    #[tokio::test]
    async fn alive_before_ready() {
        assert_eq!(ask(ServerStatus::default(), "/livez").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_openmetrics() {
        let (code, kind, body) = ask(ServerStatus::default(), "/metrics").await;
        assert_eq!((code, kind.as_str()), (StatusCode::OK, Metrics::CONTENT_TYPE));
        assert!(body.contains("tidegate_connected_nodes 0") && body.ends_with("# EOF\n"), "{body}");
    }

    #[tokio::test]
    async fn the_index_names_every_page() {
        let (_, _, body) = ask(ServerStatus::default(), "/").await;
        assert!(["/readyz", "/livez", "/metrics"].iter().all(|path| body.contains(path)), "{body}");
    }
}
