//! The stream behind `Watch`: complete messages, newest wins.

use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::{Admin, pb};

/// Messages of one stream are at least this far apart; changes in between are folded into one.
const APART: Duration = Duration::from_millis(100);

/// What one watcher has seen.
struct Watcher {
    admin: Admin,
    service: String,
    board: watch::Receiver<u64>,
    last: Option<(pb::Status, Instant)>,
}

/// The status now, and then after every change that shows in it. Ends when the server does.
pub(super) fn updates(admin: Admin, service: String) -> impl Stream<Item = Result<pb::WatchResponse, Status>> + Send + 'static {
    let board = admin.board().changes();
    let watcher = Watcher { admin, service, board, last: None };
    stream::unfold(watcher, |mut watcher| async move {
        let status = watcher.next().await?;
        Some((Ok(pb::WatchResponse { status: Some(status) }), watcher))
    })
}

impl Watcher {
    /// The next status that differs from the one before; `None` when nothing more will come.
    async fn next(&mut self) -> Option<pb::Status> {
        loop {
            if let Some((_, at)) = &self.last {
                let next_at = *at + APART;
                self.changed().await?;
                sleep_until(next_at).await;
            }
            self.board.mark_unchanged();
            let status = self.admin.status_now(&self.service);
            if self.last.as_ref().is_none_or(|(last, _)| *last != status) {
                self.last = Some((status.clone(), Instant::now()));
                return Some(status);
            }
        }
    }

    async fn changed(&mut self) -> Option<()> {
        tokio::select! {
            changed = self.admin.changed() => changed,
            changed = self.board.changed() => changed.ok(),
        }
    }
}
