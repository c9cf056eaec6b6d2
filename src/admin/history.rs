//! The history, as it is told.

use tonic::Status;

use super::convert::{share, timestamp};
use super::pb;
use crate::control::{Desk, HistoryEntry, HistoryPage};
use crate::model::Split;

const PAGE: usize = 50;
const PAGE_MAX: usize = 1000;

/// A page of the history, as it was asked for.
///
/// # Errors
/// INVALID_ARGUMENT for a token that is none, DATA_LOSS for a journal that cannot be read.
pub(super) async fn page(desk: &Desk, request: &pb::ListHistoryRequest) -> Result<pb::ListHistoryResponse, Status> {
    let before = match request.page_token.as_str() {
        "" => None,
        token => Some(token.parse().map_err(|_| Status::invalid_argument("page_token is not one of ours"))?),
    };
    let size = if request.page_size == 0 { PAGE } else { PAGE_MAX.min(request.page_size as usize) };
    let HistoryPage { entries, next } = look(desk, &request.service, before, size).await?;
    let next_page_token = next.map(|next| next.to_string()).unwrap_or_default();
    Ok(pb::ListHistoryResponse { entries: entries.iter().map(entry).collect(), next_page_token })
}

/// The newest things that happened to a service, or to all (`""`), off the threads that must not wait for a disk.
///
/// # Errors
/// DATA_LOSS: the journal cannot be read.
pub(super) async fn look(desk: &Desk, service: &str, before: Option<u64>, limit: usize) -> Result<HistoryPage, Status> {
    let (desk, service) = (desk.clone(), Some(service.to_owned()).filter(|service| !service.is_empty()));
    let found = tokio::task::spawn_blocking(move || desk.history_page(service.as_deref(), before, limit)).await;
    let found = found.map_err(|panic| Status::internal(panic.to_string()))?;
    found.map_err(|error| Status::data_loss(error.to_string()))
}

fn entry(entry: &HistoryEntry) -> pb::HistoryEntry {
    let event = &entry.event;
    let (step, steps) = event.step.unwrap_or_default();
    pb::HistoryEntry {
        sequence: entry.sequence,
        service: entry.service.clone(),
        event: event.what.as_str().to_owned(),
        at: Some(timestamp(event.at)),
        rollout: event.rollout,
        candidate: event.candidate.clone().unwrap_or_default(),
        revision: event.revision,
        step,
        steps,
        text: event.text.clone(),
        actor: event.by.as_ref().map(|actor| actor.name.clone()).unwrap_or_default(),
        claimed: event.by.as_ref().is_some_and(|actor| actor.claimed),
        reason: event.reason.clone().unwrap_or_default(),
        before: split(&event.before),
        after: split(&event.after),
        generation: entry.generation,
    }
}

fn split(split: &Split) -> Vec<pb::SplitPart> {
    let part = |(version, of): &(String, crate::model::Share)| pb::SplitPart { version: version.clone(), share: Some(share(*of)) };
    split.shares().iter().map(part).collect()
}
