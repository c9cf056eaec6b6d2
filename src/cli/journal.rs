//! `tidegate journal`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use super::{Outcome, code, state};
use crate::store::{Copied, Row, SCHEMA, StoreError};

/// Looks into the journal of a server that does not run
///
/// It reads a copy, so the file stays as it is. Exit code 0 when all is well, 1 when something is damaged, 2 when there is nothing to
/// look at, or a server is using it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Prints the state of each rollout, then the history, oldest first: a JSON object a line
    Export(Which),
    /// Reads all of it and tells what is damaged
    Check(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The directory of release files that is served, if the server was given no --state
    #[arg(env = "TIDEGATE_DIR", required_unless_present = "state")]
    dir: Option<PathBuf>,
    /// The server's state folder
    #[arg(long, value_name = "DIR", env = "TIDEGATE_STATE")]
    state: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Outcome {
    let (mut out, mut problems) = (BufWriter::new(io::stdout().lock()), io::stderr().lock());
    match args.what {
        What::Export(which) => export(&which, Timestamp::now(), &mut out, &mut problems),
        What::Check(which) => check(&which, &mut out),
    }
}

fn export(which: &Which, now: Timestamp, out: &mut impl Write, problems: &mut impl Write) -> Outcome {
    let copy = opened(which)?;
    writeln!(out, "{}", json!({"schema": SCHEMA, "exported_at": now.round(Unit::Second)?.to_string()}))?;
    let mut well = true;
    copy.visit(|row| {
        match row {
            Ok(row) => writeln!(out, "{}", line(row))?,
            Err(damage) => {
                well = false;
                writeln!(problems, "{}: {damage}", copy.path().display())?;
            }
        }
        anyhow::Ok(())
    })?;
    out.flush()?;
    Ok(code(well))
}

/// What the store was given is JSON; what is not is shown as the text that it is.
fn line(row: Row) -> Value {
    let value = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
    match row {
        Row::Rollout { service, text } => json!({"rollout": service, "state": value(text)}),
        Row::Entry(entry) => json!({"sequence": entry.sequence, "service": entry.service, "entry": value(entry.text)}),
    }
}

#[derive(Default)]
struct Found {
    rollouts: usize,
    entries: usize,
    damages: Vec<String>,
}

fn check(which: &Which, out: &mut impl Write) -> Outcome {
    let mut found = Found::default();
    if let Err(error) = look(which, &mut found) {
        match error.downcast_ref() {
            // Beyond it nothing can be read.
            Some(StoreError::Damaged { path, reason }) => found.damages.push(format!("{}: {reason}", path.display())),
            _ => return Err(error),
        }
    }
    out.write_all(found.told().as_bytes())?;
    out.flush()?;
    Ok(code(found.damages.is_empty()))
}

fn look(which: &Which, found: &mut Found) -> anyhow::Result<()> {
    let copy = opened(which)?;
    copy.visit(|row| {
        match row {
            Ok(Row::Rollout { .. }) => found.rollouts += 1,
            Ok(Row::Entry(_)) => found.entries += 1,
            Err(damage) => found.damages.push(format!("{}: {damage}", copy.path().display())),
        }
        anyhow::Ok(())
    })?;
    Ok(copy.close()?)
}

impl Found {
    fn told(&self) -> String {
        let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let whole = format!("{}, {}", count(self.rollouts, "rollout", "rollouts"), count(self.entries, "entry", "entries"));
        if self.damages.is_empty() {
            return format!("fine: {whole}\n");
        }
        let damages: String = self.damages.iter().map(|damage| format!("{damage}\n")).collect();
        format!("{damages}{WAY_OUT}; whole: {whole}\n")
    }
}

const WAY_OUT: &str = "put a backup in its place; or save what is whole by `tidegate journal export` and move the file away: then \
    everything starts from the release files alone";

fn opened(which: &Which) -> anyhow::Result<Copied> {
    let folder = match (&which.state, &which.dir) {
        (Some(state), _) => state.clone(),
        (None, Some(dir)) => state::default_folder(dir)?,
        (None, None) => bail!("name the directory of release files, or the state folder by --state"),
    };
    Copied::of(&folder).map_err(|error| match error {
        StoreError::InUse(path) => {
            anyhow!("{} is in use by a server; stop it first, or ask it by `tidegate history`", path.display())
        }
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::ExitCode;

    use super::*;
    use crate::store::{Changes, Store};

    /// What a command printed, what it complained of, and its exit code or why it could not run.
    type Ran = (String, String, Result<ExitCode, String>);

    fn ran(command: &str, folder: &Path) -> Ran {
        let which = Which { dir: None, state: Some(folder.to_owned()) };
        let (mut out, mut problems) = (Vec::new(), Vec::new());
        let outcome = match command {
            "export" => export(&which, "2026-03-01T12:00:00.5Z".parse().unwrap(), &mut out, &mut problems),
            _ => check(&which, &mut out),
        };
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(out), text(problems), outcome.map_err(|error| error.to_string()))
    }

    fn filled(folder: &Path) -> Store {
        let store = Store::open(folder).unwrap();
        let history = ["{\"event\":\"started\"}", "no JSON"].map(|text| ("checkout".to_owned(), text.to_owned()));
        let rollouts = &[("checkout", Some("{\"step\": 2}".to_owned()))];
        store.write(&Changes { rollouts, history: &history, ..Changes::default() }).unwrap();
        store
    }

    /// Turns a byte of a record in the file itself.
    fn turn(file: &Path, text: &[u8]) {
        let mut bytes = std::fs::read(file).unwrap();
        let places: Vec<usize> = (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
        assert!(!places.is_empty());
        places.into_iter().for_each(|at| bytes[at] ^= 1);
        std::fs::write(file, bytes).unwrap();
    }

    #[test]
    fn the_journal_is_exported_line_by_line_and_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        drop(filled(dir.path()));
        let want = r#"{"schema":2,"exported_at":"2026-03-01T12:00:01Z"}
{"rollout":"checkout","state":{"step":2}}
{"sequence":1,"service":"checkout","entry":{"event":"started"}}
{"sequence":2,"service":"checkout","entry":"no JSON"}
"#;
        assert_eq!(ran("export", dir.path()), (want.to_owned(), String::new(), Ok(ExitCode::SUCCESS)));
        let want = "fine: 1 rollout, 2 entries\n";
        assert_eq!(ran("check", dir.path()), (want.to_owned(), String::new(), Ok(ExitCode::SUCCESS)));
    }

    #[test]
    fn a_byte_that_turned_is_a_problem_with_a_way_out() {
        let dir = tempfile::tempdir().unwrap();
        drop(filled(dir.path()));
        turn(&dir.path().join("tidegate.redb"), b"{\"step\": 2}");
        let (out, _, code) = ran("check", dir.path());
        assert_eq!(code, Ok(ExitCode::from(1)), "{out}");
        assert!(out.contains("the rollout of checkout does not match its checksum\n"), "{out}");
        assert!(out.ends_with(&format!("{WAY_OUT}; whole: 0 rollouts, 2 entries\n")), "{out}");

        let (out, problems, code) = ran("export", dir.path());
        assert_eq!(code, Ok(ExitCode::from(1)));
        assert!(out.contains("\"sequence\":2") && !out.contains("rollout"), "{out}");
        assert!(problems.contains("the rollout of checkout does not match its checksum"), "{problems}");
    }

    #[test]
    fn what_is_no_database_is_a_problem_and_what_cannot_be_looked_at_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (_, _, missing) = ran("check", dir.path());
        assert!(missing.unwrap_err().starts_with("there is no "));
        let store = filled(dir.path());
        for command in ["check", "export"] {
            let (_, _, in_use) = ran(command, dir.path());
            assert!(in_use.unwrap_err().ends_with("is in use by a server; stop it first, or ask it by `tidegate history`"));
        }
        drop(store);
        std::fs::write(dir.path().join("tidegate.redb"), b"not a database").unwrap();
        let (out, _, code) = ran("check", dir.path());
        assert_eq!(code, Ok(ExitCode::from(1)));
        assert!(out.contains(WAY_OUT), "{out}");
    }
}
