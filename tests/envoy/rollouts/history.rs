//! What happened, as the journal has it.

use tidegate::control::HistoryEntry;
use tidegate::rollout::Happened;

use crate::server::Server;

/// Entries at most; no test makes as many.
const MOST: usize = 1000;

/// All that happened to `checkout`, oldest first.
pub fn history(server: &Server) -> Vec<HistoryEntry> {
    let mut all = server.desk().history(Some("checkout"), None, MOST).expect("a history");
    all.reverse();
    all
}

/// The same, each as what it was and the share of a version after it: `Step 5%`.
pub fn told(server: &Server, version: &str) -> Vec<String> {
    history(server).iter().map(|entry| line(entry, version)).collect()
}

/// Of those the ones that move, or could: that a version is drained comes when it comes.
pub fn moves(server: &Server, version: &str) -> Vec<String> {
    let moves = history(server).into_iter().filter(|entry| entry.event.what != Happened::Drained);
    moves.map(|entry| line(&entry, version)).collect()
}

fn line(entry: &HistoryEntry, version: &str) -> String {
    format!("{:?} {}", entry.event.what, entry.event.after.share_of(version))
}
