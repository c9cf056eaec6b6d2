//! Services that are asked for by name.

use tonic::Status;

use crate::control::ServerStatus;
use crate::diag::Problem;

/// Whether a problem is one of the service's file. A service that was never served is known by its file's name alone.
pub(super) fn concerns(problem: &Problem, service: &str, status: &ServerStatus) -> bool {
    let file = problem.primary.file.path.as_str();
    let stem = file.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(stem, _)| stem);
    service.is_empty() || stem == Some(service) || status.services.iter().any(|s| s.name == service && s.file == file)
}

/// Refuses a service that nobody has heard of.
pub(super) fn known(service: &str, status: &ServerStatus) -> Result<(), Status> {
    let is_served = status.services.iter().any(|s| s.name == service);
    if service.is_empty() || is_served || status.problems.iter().any(|p| concerns(p, service, status)) {
        return Ok(());
    }
    Err(unknown(service, status))
}

/// NOT_FOUND, with the services that may have been meant.
pub(super) fn unknown(service: &str, status: &ServerStatus) -> Status {
    let served = || status.services.iter().map(|s| s.name.as_str());
    if status.problems.iter().any(|problem| concerns(problem, service, status)) {
        return Status::not_found(format!("`{service}` is not being served: its file never was without errors"));
    }
    let likely = served().map(|name| (strsim::jaro_winkler(name, service), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match likely {
        Some((likeness, name)) if likeness > 0.8 => format!("; did you mean `{name}`?"),
        Some(_) => format!("; served are: {}", served().take(10).collect::<Vec<_>>().join(", ")),
        None => "; no service is being served".to_owned(),
    };
    Status::not_found(format!("no service is named `{service}`{hint}"))
}
