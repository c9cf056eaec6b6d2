//! `tidegate status`.

use super::client::{Client, Server};
use super::look::Look;
use super::output::{self, Output};
use super::status_text::{is_well, status_text};
use super::{Outcome, code};
use crate::admin::status_json;

/// Shows what a running server serves, and whether it is what the files say
///
/// Exit code 1 while files have errors, anything is stale or not ready, or a connected node is not in sync.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this service, in more detail
    name: Option<String>,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value = "text", env = "TIDEGATE_OUTPUT")]
    output: Output,
    #[command(flatten)]
    server: Server,
}

/// Runs the command.
#[tokio::main(flavor = "current_thread")]
pub async fn run(args: Args) -> Outcome {
    let service = args.name.unwrap_or_default();
    let status = Client::connect(&args.server).await?.status(&service).await?;
    match args.output {
        Output::Json => output::print_json(&status_json(&status))?,
        Output::Text => output::print(&status_text(&status, &service, &Look::of_stdout()))?,
    }
    Ok(code(is_well(&status)))
}
