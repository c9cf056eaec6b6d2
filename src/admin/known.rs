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

/// The most bytes that the name of a service has: longer ones are none, and are compared with nothing.
const NAME_MAX: usize = 253;

/// A service's name as a request has it, or `""` for all.
///
/// # Errors
/// INVALID_ARGUMENT: nothing is named like that.
pub(super) fn name(service: String) -> Result<String, Status> {
    match service.len() {
        ..=NAME_MAX => Ok(service),
        bytes => Err(Status::invalid_argument(format!("`service` has {bytes} bytes; {NAME_MAX} are the most"))),
    }
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
    let shown = short(service, SHOWN);
    if status.problems.iter().any(|problem| concerns(problem, service, status)) {
        return Status::not_found(format!("`{shown}` is not being served: its file never was without errors"));
    }
    let likely = served().map(|name| (strsim::jaro_winkler(name, service), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match likely {
        Some((likeness, name)) if likeness > 0.8 => format!("; did you mean `{name}`?"),
        Some(_) => format!("; served are: {}", served().take(10).collect::<Vec<_>>().join(", ")),
        None => "; no service is being served".to_owned(),
    };
    Status::not_found(format!("no service is named `{shown}`{hint}"))
}

/// The most characters of a name that was asked for, as an error repeats it.
const SHOWN: usize = 80;

/// A text of at most so many characters; what is cut off is marked.
pub(super) fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_longer_than_any_is_compared_with_nothing() {
        assert_eq!(name("x".repeat(253)).unwrap().len(), 253);
        let refused = name("x".repeat(4_000_000)).unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (tonic::Code::InvalidArgument, "`service` has 4000000 bytes; 253 are the most")
        );
    }

    #[test]
    fn a_name_is_repeated_in_part() {
        let error = unknown(&"ä".repeat(120), &ServerStatus::default());
        let want = format!("no service is named `{}…`; no service is being served", "ä".repeat(80));
        assert_eq!(error.message(), want);
    }
}
