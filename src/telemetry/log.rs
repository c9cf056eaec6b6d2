//! Structured logs, to standard error: standard output belongs to what a command prints.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not one.
    #[error(
        "`{filter}` is not a log filter: {reason}; write a level (error, warn, info, debug, trace) or directives such as `info,tidegate::xds=debug`"
    )]
    Filter {
        /// As it was given.
        filter: String,
        /// Why not.
        reason: String,
    },
    /// Somebody else set up logs in this process.
    #[error("logs are already set up in this process")]
    Twice,
}

/// Sets up logs for the whole process.
///
/// # Errors
/// When the filter is not one, or when logs were set up before.
pub fn init(filter: &str, format: Format) -> Result<(), Error> {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt().with_env_filter(directives(filter)?).with_writer(std::io::stderr).with_ansi(color);
    let done = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    done.map_err(|_| Error::Twice)
}

/// A level alone is meant for tidegate: the libraries under it stay at warnings.
fn directives(filter: &str) -> Result<EnvFilter, Error> {
    let wrong = |reason: String| Error::Filter { filter: filter.to_owned(), reason };
    // An empty text would be read as the level `error`.
    if filter.trim().is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    let level = tracing::level_filters::LevelFilter::from_str(filter.trim());
    let text = match level {
        Ok(level) => format!("warn,tidegate={level}"),
        // A single word that is no level would be read as the name of a module, and a typo would silence everything.
        Err(_) if !filter.contains(['=', ',', ':']) => return Err(wrong("it is no level".to_owned())),
        Err(_) => filter.to_owned(),
    };
    EnvFilter::try_new(text).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_tidegate_alone() {
        let text = directives("debug").unwrap().to_string();
        assert!(text.contains("tidegate=debug") && text.contains("warn"), "{text}");
    }

    #[test]
    fn directives_are_taken_as_they_are() {
        assert_eq!(directives("tidegate::xds=trace").unwrap().to_string(), "tidegate::xds=trace");
    }

    #[test]
    fn a_typo_does_not_silence_the_log() {
        for filter in ["inof", "", "tidegate=inof"] {
            let error = directives(filter).unwrap_err().to_string();
            assert!(error.contains("write a level"), "{filter}: {error}");
        }
    }
}
