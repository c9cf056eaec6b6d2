//! One notice on its way to one target.

use std::sync::Arc;
use std::time::Duration;

use super::notice::{body, content_type};
use super::{Answer, Call, Caller, Counts, Notice};
use crate::model::NoticeFormat;

/// How often a target is tried.
const TRIES: u32 = 5;
/// Longest wait for a target's answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before the next try, by token and tries so far.
pub(super) type Wait = fn(&str, u32) -> Duration;

/// What every delivery needs.
#[derive(Debug)]
pub(super) struct Post {
    pub caller: Caller,
    pub source: String,
    pub wait: Wait,
    pub counts: Arc<Counts>,
}

impl Post {
    /// Tells it, until it is told or there is no use. Secrets of the target may be anywhere in its URL but in the host, which alone is
    /// logged.
    pub async fn deliver(&self, notice: &Notice, url: &str, format: NoticeFormat) {
        match self.told(notice, url, format).await {
            Ok(()) => self.counts.count_sent(),
            Err(reason) => {
                self.counts.count_failed();
                let (service, event, host) = (&notice.service, notice.event.as_str(), host(url));
                tracing::warn!(%service, event, host, %reason, "a notification is given up");
            }
        }
    }

    async fn told(&self, notice: &Notice, url: &str, format: NoticeFormat) -> Result<(), String> {
        let body = body(notice, format, &self.source);
        let call = Call { token: notice.id.clone(), url: url.to_owned(), timeout: TIMEOUT, body };
        let mut attempt = 1;
        loop {
            match self.caller.post(&call, content_type(format)).await {
                Answer::Go => return Ok(()),
                Answer::Stop(reason) => return Err(reason),
                Answer::Again(reason) if attempt == TRIES => return Err(format!("{reason}, at the {attempt}th try")),
                Answer::Again(_) => tokio::time::sleep((self.wait)(&notice.id, attempt)).await,
            }
            attempt += 1;
        }
    }
}

fn host(url: &str) -> String {
    url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
}
