//! The command line.
//!
//! Owns: the flags, the texts and the exit codes of `tidegate`. One file a subcommand; what a command prints is made by pure functions
//! from the messages of the API, with the terminal's width, colours and the time as arguments. Called by: `main`.
//!
//! Exit codes, the same for all commands: 0 fine, 1 problems were found, 2 could not run.

mod address;
mod bootstrap;
mod changes;
mod client;
mod completions;
mod demo;
mod explain;
mod explain_json;
mod explain_text;
mod fleet;
mod fleet_text;
mod follow;
mod history;
mod history_text;
mod journal;
mod lint;
mod look;
mod offline;
mod one_file;
mod order;
mod output;
mod plan;
mod plan_json;
mod plan_text;
mod render;
mod rollout_changes;
mod rollout_text;
mod seen;
mod serve;
mod simulate;
mod state;
mod status;
mod status_text;
mod time;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::admin::pb::Verb;

/// An Envoy xDS control plane for releases: release files in, weighted traffic out.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Every flag also reads a variable, which its help names: serve --warm-timeout reads TIDEGATE_WARM_TIMEOUT.\n\
    Exit codes: 0 fine, 1 problems were found, 2 could not run.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Demo(demo::Args),
    Bootstrap(bootstrap::Args),
    Lint(lint::Args),
    Render(render::Args),
    Plan(plan::Args),
    Explain(explain::Args),
    Simulate(simulate::Args),
    Status(status::Args),
    Fleet(fleet::Args),
    Watch(watch::Args),
    History(history::Args),
    /// Ends the wait of the step under way: its time, its approval or its data
    ///
    /// Exit code 0 when it is done (with --wait: and acknowledged), 1 when it is refused or not acknowledged in time, 2 when the
    /// command could not run. The same for approve, pause, resume, abort, retry, skip and undo.
    Promote(order::PromoteArgs),
    /// Approves of the step under way
    Approve(order::Args),
    /// Holds a rollout where it is
    Pause(order::Args),
    /// Lets a rollout that was paused go on
    Resume(order::Args),
    /// Calls a rollout off: everything back to stable, at once
    Abort(order::Args),
    /// Begins a rollout that was called off again, or a step that is stuck
    Retry(order::Args),
    /// Passes over the step under way, whether it is a test or not
    Skip(order::Args),
    /// Goes back to the version before, at once, also when the rollout is over
    Undo(order::Args),
    Journal(journal::Args),
    Completions(completions::Args),
}

/// Problems were found: the command ran, and what it looked at is not as it should be.
const PROBLEMS: u8 = 1;
/// The command could not run.
const FAILED: u8 = 2;

/// What a command ends with: an exit code, or why it could not run.
type Outcome = anyhow::Result<ExitCode>;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        // Whoever reads the output has had enough, as `head` has after ten lines.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::from(FAILED)
        }
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Bootstrap(args) => bootstrap::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Render(args) => render::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Status(args) => status::run(args),
        Command::Fleet(args) => fleet::run(args),
        Command::Watch(args) => watch::run(args),
        Command::History(args) => history::run(args),
        Command::Promote(args) => order::promote(args),
        Command::Approve(args) => order::order(Verb::Approve, args),
        Command::Pause(args) => order::order(Verb::Pause, args),
        Command::Resume(args) => order::order(Verb::Resume, args),
        Command::Abort(args) => order::order(Verb::Abort, args),
        Command::Retry(args) => order::order(Verb::Retry, args),
        Command::Skip(args) => order::order(Verb::Skip, args),
        Command::Undo(args) => order::order(Verb::Undo, args),
        Command::Journal(args) => journal::run(args),
        Command::Completions(args) => completions::run(args),
    }
}

/// An error and its causes, each once: many texts name their cause already, in the middle of the sentence.
fn told(error: &anyhow::Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let first = causes.next().unwrap_or_default();
    causes.fold(first, |said, cause| if said.contains(&cause) { said } else { format!("{said}: {cause}") })
}

/// The code for whether all is well.
fn code(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::from(PROBLEMS) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::serve::ServeError;

    #[test]
    fn a_cause_is_told_once() {
        let (addr, source) = ("127.0.3.1:19000".parse().unwrap(), std::io::Error::from_raw_os_error(98));
        let bind = anyhow::Error::from(ServeError::Bind { addr, flag: "--xds", source });
        let want = "cannot listen on 127.0.3.1:19000: Address already in use (os error 98); choose another address by --xds";
        assert_eq!(told(&bind), want);
        assert_eq!(told(&bind.context("serving")), format!("serving: {want}"));
    }

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    /// Each command, and those below it.
    fn commands() -> Vec<clap::Command> {
        let below = |command: &clap::Command| {
            let own = command.get_subcommands().cloned().collect::<Vec<_>>();
            std::iter::once(command.clone()).chain(own).collect::<Vec<_>>()
        };
        Cli::command().get_subcommands().flat_map(below).collect()
    }

    /// What a running server and those who ask it are set up with may stand in one environment. Commands that make something of files
    /// have flags of the same names that mean something else, so theirs are named after the command; but what they read is what the
    /// server reads, and they are let in to it as others are.
    #[test]
    fn every_flag_reads_a_variable_of_its_own() {
        for command in commands() {
            let own = ["bootstrap", "explain", "lint", "plan", "render", "simulate"].contains(&command.get_name());
            for flag in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
                let long = flag.get_long().unwrap_or_default();
                let shared = long == "config" || (command.get_name() == "plan" && long.starts_with("tls-"));
                let name = if own && !shared { format!("{} {long}", command.get_name()) } else { long.to_owned() };
                let want = format!("TIDEGATE_{}", name.replace(['-', ' '], "_").to_uppercase());
                let have = flag.get_env().map(|name| name.to_string_lossy().into_owned());
                assert_eq!(have.as_ref(), Some(&want), "{} --{long}", command.get_name());
            }
        }
    }

    #[test]
    fn flags_that_share_a_variable_mean_the_same() {
        let commands = commands();
        let mut known = std::collections::BTreeMap::new();
        for flag in commands.iter().flat_map(clap::Command::get_arguments) {
            let Some(name) = flag.get_env() else { continue };
            let takes: Vec<String> = flag.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            let means =
                (flag.get_id().clone(), flag.get_value_names().map(<[_]>::to_vec), takes, flag.get_default_values().to_vec());
            assert_eq!(known.entry(name).or_insert_with(|| means.clone()), &means, "{}", name.display());
        }
    }
}
