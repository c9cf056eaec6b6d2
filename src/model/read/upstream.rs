//! `upstream`.

use std::time::Duration;

use super::fields::{Fields, each, some_items};
use super::http::path;
use super::scalar::{duration, number, share, text, word};
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::Node;
use crate::model::{HealthCheck, Limits, Outlier, Protocol, Retry, RetryOn, Share, Tls, Upstream, code};

const KEYS: [&str; 8] = ["protocol", "connect_timeout", "timeout", "retry", "health_check", "outlier", "limits", "tls"];
const PROTOCOLS: [(&str, Protocol); 3] = [("http1", Protocol::Http1), ("http2", Protocol::Http2), ("grpc", Protocol::Grpc)];
const RETRY_ON: [RetryOn; 7] = [
    RetryOn::FiveXx,
    RetryOn::GatewayError,
    RetryOn::Reset,
    RetryOn::ConnectFailure,
    RetryOn::RefusedStream,
    RetryOn::Unavailable,
    RetryOn::ResourceExhausted,
];

/// Reads `upstream`.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<Upstream> {
    let fields = Fields::of(notes, node, "`upstream`", &KEYS)?;
    let default = Upstream::default();
    let protocol = fields.get("protocol").map(|node| word(notes, node, "`protocol`", &PROTOCOLS));
    let grpc = protocol == Some(Some(Protocol::Grpc));
    let connect_timeout = fields.get("connect_timeout").map(|node| duration(notes, node, "`connect_timeout`"));
    let timeout = fields.get("timeout").map(|node| duration(notes, node, "`timeout`"));
    let retry = fields.get("retry").map(|node| retry(notes, node));
    let health_check = fields.get("health_check").map(|node| health_check(notes, node, grpc));
    let outlier = fields.get("outlier").map(|node| outlier(notes, node));
    let limits = fields.get("limits").map(|node| limits(notes, node));
    let tls = fields.get("tls").map(|node| tls(notes, node));
    Some(Upstream {
        protocol: protocol.unwrap_or(Some(default.protocol))?,
        connect_timeout: connect_timeout.unwrap_or(Some(default.connect_timeout))?,
        timeout: all(timeout)?,
        retry: all(retry)?,
        health_check: all(health_check)?,
        outlier: all(outlier)?,
        limits: limits.unwrap_or(Some(default.limits))?,
        tls: all(tls)?,
    })
}

/// A value that may be left out but not be wrong.
fn all<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(None) => None,
        other => Some(other.flatten()),
    }
}

fn retry(notes: &mut Notes, node: &Node) -> Option<Retry> {
    let fields = Fields::of(notes, node, "`retry`", &["on", "tries", "per_try_timeout"])?;
    let on = fields.need(notes, "on", "[5xx, reset]").and_then(|node| retry_on(notes, node));
    let tries = fields.get("tries").map(|node| number(notes, node, "`tries`", 1..=10));
    let per_try_timeout = fields.get("per_try_timeout").map(|node| duration(notes, node, "`per_try_timeout`"));
    Some(Retry { on: on?, tries: tries.unwrap_or(Some(1))?, per_try_timeout: all(per_try_timeout)? })
}

fn retry_on(notes: &mut Notes, node: &Node) -> Option<Vec<RetryOn>> {
    let words = RETRY_ON.map(|on| (on.as_str(), on));
    let items = some_items(notes, node, "`on`")?;
    let mut on: Vec<RetryOn> = each(items, |item| word(notes, item, "a reason to try again", &words))?;
    let mut seen = std::collections::HashSet::new();
    on.retain(|reason| seen.insert(*reason));
    Some(on)
}

fn health_check(notes: &mut Notes, node: &Node, grpc: bool) -> Option<HealthCheck> {
    let fields = Fields::of(notes, node, "`health_check`", &["path", "every", "timeout", "healthy", "unhealthy"])?;
    let found = if grpc { fields.get("path") } else { fields.need(notes, "path", "/healthz") };
    let path = found.map(|node| path(notes, node, "`path`").map(str::to_owned));
    let every = fields.get("every").map(|node| duration(notes, node, "`every`"));
    let timeout = fields.get("timeout").map(|node| duration(notes, node, "`timeout`"));
    let healthy = fields.get("healthy").map(|node| number(notes, node, "`healthy`", 1..=100));
    let unhealthy = fields.get("unhealthy").map(|node| number(notes, node, "`unhealthy`", 1..=100));
    Some(HealthCheck {
        path: if grpc { path.unwrap_or(Some(String::new()))? } else { path?? },
        every: every.unwrap_or(Some(Duration::from_secs(5)))?,
        timeout: timeout.unwrap_or(Some(Duration::from_secs(1)))?,
        healthy: healthy.unwrap_or(Some(2))?,
        unhealthy: unhealthy.unwrap_or(Some(3))?,
    })
}

fn outlier(notes: &mut Notes, node: &Node) -> Option<Outlier> {
    let fields = Fields::of(notes, node, "`outlier`", &["consecutive_5xx", "eject_for", "max_ejected"])?;
    let consecutive = fields.get("consecutive_5xx").map(|node| number(notes, node, "`consecutive_5xx`", 1..=10_000));
    let eject_for = fields.get("eject_for").map(|node| duration(notes, node, "`eject_for`"));
    let max_ejected = fields.get("max_ejected").map(|node| whole_share(notes, node, "`max_ejected`"));
    Some(Outlier {
        consecutive_5xx: consecutive.unwrap_or(Some(5))?,
        eject_for: eject_for.unwrap_or(Some(Duration::from_secs(30)))?,
        max_ejected: max_ejected.unwrap_or(Share::from_thousandths(50_000))?,
    })
}

/// Envoy knows this one in whole per cent only.
fn whole_share(notes: &mut Notes, node: &Node, what: &str) -> Option<Share> {
    let share = share(notes, node, what)?;
    if share.thousandths() % 1000 != 0 {
        let title = format!("{what}: {} is not in whole per cent", quoted(&share.to_string()));
        notes.error(code::NOT_A_SHARE, &node.span, title).help(format!("write `{}%`", share.thousandths().div_ceil(1000)));
        return None;
    }
    Some(share)
}

fn limits(notes: &mut Notes, node: &Node) -> Option<Limits> {
    let fields = Fields::of(notes, node, "`limits`", &["connections", "pending", "requests", "retries"])?;
    let mut limit = |key: &str| all(fields.get(key).map(|node| number(notes, node, &format!("`{key}`"), 1..=u32::MAX)));
    let (connections, pending, requests, retries) = (limit("connections"), limit("pending"), limit("requests"), limit("retries"));
    Some(Limits { connections: connections?, pending: pending?, requests: requests?, retries: retries? })
}

fn tls(notes: &mut Notes, node: &Node) -> Option<Tls> {
    let fields = Fields::of(notes, node, "`tls`", &["sni", "ca"])?;
    let mut read = |key: &str| all(fields.get(key).map(|node| text(notes, node, &format!("`{key}`")).map(str::to_owned)));
    let (sni, ca) = (read("sni"), read("ca"));
    if fields.get("ca").is_none() {
        notes
            .warning(code::TLS_UNVERIFIED, fields.anchor(), "certificates of endpoints are not verified")
            .help("name the bundle to trust: `ca: /etc/ssl/certs/ca-certificates.crt`, a path on the Envoys' machines");
    }
    Some(Tls { sni: sni?, ca: ca? })
}
