//! `tidegate lint`.

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

use super::look::Look;
use super::offline::Files;
use super::{Outcome, code, output};
use crate::control::Compiled;
use crate::diag;

/// Checks a directory of release files as the server would
///
/// Every problem of every file in one run. Exit code 0 when there are no errors, 1 when there are, 2 when there is nothing to check.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value = "text", env = "TIDEGATE_LINT_OUTPUT")]
    output: Output,
    /// Warnings count as errors for the exit code
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_LINT_DENY_WARNINGS")]
    deny_warnings: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// A JSON array
    Json,
    /// Annotations for GitHub Actions
    Github,
}

/// Runs the command.
pub fn run(args: Args) -> Outcome {
    let compiled = args.files.compile()?;
    let problems = compiled.problems.as_slice();
    match args.output {
        Output::Json => output::print_json(&diag::to_json(problems))?,
        Output::Github => output::print(&diag::to_github(problems))?,
        Output::Text => {
            output::print(&diag::render(problems, Look::of_stdout().color))?;
            // Not among the problems, so that these can be piped on.
            eprintln!("{}", summary(&compiled));
        }
    }
    let fine = |problem: &diag::Problem| !problem.is_error() && !args.deny_warnings;
    Ok(code(problems.iter().all(fine)))
}

fn summary(compiled: &Compiled) -> String {
    let errors = compiled.problems.iter().filter(|problem| problem.is_error()).count();
    let (files, warnings) = (compiled.releases, compiled.problems.len() - errors);
    let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!("{}: {}, {}", count(files, "release file"), count(errors, "error"), count(warnings, "warning"))
}
