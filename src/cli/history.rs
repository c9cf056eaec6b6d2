//! `tidegate history`.

use std::process::ExitCode;

use super::Outcome;
use super::client::{Client, Server};
use super::history_text::history_text;
use super::look::Look;
use super::output::{self, Output};
use crate::admin::history_entry_json;

/// Shows what happened to a service: what, when, by whom and why
///
/// Newest first. With -o json each entry is an object on a line of its own.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service; without it, all of them
    name: Option<String>,
    /// Entries at most
    #[arg(long, value_name = "COUNT", default_value_t = 50, env = "TIDEGATE_LIMIT")]
    limit: u32,
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
    let entries = Client::connect(&args.server).await?.history(&service, args.limit).await?;
    match args.output {
        Output::Json => {
            let lines: Vec<String> = entries.iter().map(|entry| history_entry_json(entry).to_string()).collect();
            output::print(&lines.join("\n"))?;
        }
        Output::Text => output::print(&history_text(&entries, &service, &Look::of_stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}
