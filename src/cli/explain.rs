//! `tidegate explain`.

use anyhow::bail;
use clap::ValueEnum;

use super::look::Look;
use super::offline::Files;
use super::{Outcome, code, explain_json, explain_text, output};
use crate::control::Compiled;
use crate::diag;
use crate::model::{By, Decision, Release, Request, Sent, Traffic, decide, may_meet, preview_host, preview_rule, takers};

/// Tells which version a request gets, by which rule, and how likely
///
/// As the files say it, without a release going on; for a candidate, what its share comes to while it is released is told beside it,
/// and its `preview` leads to it. Exit
/// code 0 when the request is answered by a service and the files have no errors, else 1.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// The service to ask; by default the one that Envoy gives the request to by its host and path
    #[arg(long, value_name = "NAME", env = "TIDEGATE_EXPLAIN_SERVICE")]
    service: Option<String>,
    /// As nodes of this fleet have it; by default all services are taken together
    #[arg(long, value_name = "NAME", env = "TIDEGATE_EXPLAIN_FLEET")]
    fleet: Option<String>,
    #[command(flatten)]
    request: RequestArgs,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value = "text", env = "TIDEGATE_EXPLAIN_OUTPUT")]
    output: Output,
}

/// The request.
#[derive(Debug, Clone, clap::Args)]
struct RequestArgs {
    /// The request's method
    #[arg(long, default_value = "GET", env = "TIDEGATE_EXPLAIN_METHOD")]
    method: String,
    /// The host that is asked for; by default the service's first
    #[arg(long, required_unless_present = "service", env = "TIDEGATE_EXPLAIN_HOST")]
    host: Option<String>,
    /// The path, as Envoy has it once `.` and `..` are resolved; a query string may be behind it
    #[arg(long, default_value = "/", value_parser = path, env = "TIDEGATE_EXPLAIN_PATH")]
    path: String,
    /// A header; may be given several times
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header, env = "TIDEGATE_EXPLAIN_HEADER")]
    headers: Vec<(String, String)>,
    /// A cookie; may be given several times
    #[arg(long = "cookie", value_name = "NAME=VALUE", value_parser = cookie, env = "TIDEGATE_EXPLAIN_COOKIE")]
    cookies: Vec<String>,
    /// A query parameter, as the URL has it; may be given several times
    #[arg(long = "query", value_name = "NAME=VALUE", env = "TIDEGATE_EXPLAIN_QUERY")]
    query: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// A JSON object; its fields are in docs/operations.md
    Json,
}

fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err(format!("a path begins with a slash: `/{text}`")) }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write name and value with a colon between: `x-canary: always`")?;
    match name {
        "" => Err("before the colon stands the header's name: `x-canary: always`".to_owned()),
        name if name.eq_ignore_ascii_case("host") => Err("the host is said by --host".to_owned()),
        name => Ok((name.to_owned(), value.to_owned())),
    }
}

fn cookie(text: &str) -> Result<String, String> {
    text.contains('=').then(|| text.to_owned()).ok_or("write name and value: `beta=1`".to_owned())
}

impl RequestArgs {
    /// The request; `host` is what is asked for where no host is said.
    fn request(&self, host: &str) -> Request {
        let request = Request::new(&self.method, self.host.as_deref().unwrap_or(host), &self.path);
        let request = self.query.iter().fold(request, |request, text| request.with_query(text));
        let request = self.headers.iter().fold(request, |request, (name, value)| request.with_header(name, value));
        self.cookies.iter().fold(request, |request, text| request.with_cookie(text))
    }
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Explained<'a> {
    /// A service sends it to its versions.
    Sent(&'a Release, Sent),
    /// Nobody does, or not the one that was named, and why.
    Not(Option<&'a Release>, String),
}

/// Runs the command.
pub fn run(args: Args) -> Outcome {
    let compiled = args.files.compile()?;
    if !compiled.problems.is_empty() {
        eprint!("{}", diag::render(&compiled.problems, Look::of_stderr().color));
    }
    let given = given(&compiled, args.fleet.as_deref())?;
    let named = args.service.as_deref().map(|name| named(&given, name)).transpose()?;
    let request = args.request.request(&named.map(own_host).unwrap_or_default());
    let explained = match named {
        Some(release) => of_one(release, &given, &request),
        None => of_all(&given, &request)?,
    };
    match args.output {
        Output::Text => output::print(&explain_text::text(&explained, &request, &Look::of_stdout()))?,
        Output::Json => output::print_json(&explain_json::json(&explained, &request))?,
    }
    let errors = compiled.problems.iter().any(diag::Problem::is_error);
    Ok(code(matches!(explained, Explained::Sent(..)) && !errors))
}

/// What the nodes of a fleet are given; everything, if none is named.
fn given<'a>(compiled: &'a Compiled, fleet: Option<&str>) -> anyhow::Result<Vec<&'a Release>> {
    let fleets: Vec<&str> = compiled.config.fleets.iter().map(|fleet| fleet.name.as_str()).collect();
    if let Some(fleet) = fleet.filter(|fleet| !fleets.contains(fleet)) {
        bail!("there is no fleet `{fleet}`; there are: {}", fleets.join(", "));
    }
    let is_given = |release: &&Release| {
        release.fleets.is_empty() || fleet.is_none_or(|fleet| release.fleets.iter().any(|other| other == fleet))
    };
    Ok(compiled.served.iter().filter(is_given).collect())
}

fn named<'a>(given: &[&'a Release], name: &str) -> anyhow::Result<&'a Release> {
    let Some(release) = given.iter().find(|release| release.service == name) else {
        let names: Vec<&str> = given.iter().map(|release| release.service.as_str()).collect();
        bail!("no good file is of the service `{name}`; there are: {}", names.join(", "));
    };
    Ok(release)
}

/// A host that a service is asked by.
fn own_host(release: &Release) -> String {
    release.hosts.first().map(|host| host.replace('*', "any")).unwrap_or_default()
}

/// What one service does with a request, if Envoy gives it the request at all.
fn of_one<'a>(release: &'a Release, given: &[&'a Release], request: &Request) -> Explained<'a> {
    let sent = match decide(release, &looked_at(release), request) {
        // On nodes that get both, no file may name another's preview host.
        Decision::Sent(sent) if sent.by == By::Preview => return Explained::Sent(release, sent),
        Decision::Sent(sent) => sent,
        Decision::OtherHost => return Explained::Not(Some(release), other_host(release)),
        Decision::OtherPath => return Explained::Not(Some(release), format!("it answers under `{}` only", release.path)),
    };
    let rivals: Vec<&Release> = given.iter().copied().filter(|other| may_meet(&release.fleets, &other.fleets)).collect();
    match takers(&rivals, request).first() {
        Some(first) if *first == release => Explained::Sent(release, sent),
        Some(first) => Explained::Not(Some(release), format!("`{}` takes it, {}", first.service, claim(first))),
        None => Explained::Not(Some(release), "another service names this very host, and nothing there has this path".to_owned()),
    }
}

/// What is looked at: what is served without a release going on, and the ways to a candidate that there are during one.
fn looked_at(release: &Release) -> Traffic {
    let at_rest = Traffic::at_rest(release);
    let Some(candidate) = release.plan.as_ref().and_then(|plan| plan.candidate.as_deref()) else { return at_rest };
    let rules = preview_rule(release, candidate).into_iter().chain(at_rest.rules).collect();
    Traffic { rules, preview: preview_host(release, candidate), ..at_rest }
}

fn other_host(release: &Release) -> String {
    format!("it answers on {} only", release.hosts.join(", "))
}

fn claim(release: &Release) -> String {
    format!("which answers on {} under `{}`", release.hosts.join(", "), release.path)
}

/// What the service does that Envoy gives a request to.
fn of_all<'a>(given: &[&'a Release], request: &Request) -> anyhow::Result<Explained<'a>> {
    let is_preview = |release: &&&Release| looked_at(release).preview.is_some_and(|preview| preview.host == request.host());
    let previews: Vec<&Release> = given.iter().filter(is_preview).copied().collect();
    let takers = if previews.is_empty() { takers(given, request) } else { previews };
    let Some(first) = takers.first().copied() else { return Ok(Explained::Not(None, nobody(given))) };
    let alike: Vec<&str> = takers.iter().filter(|other| other.path == first.path).map(|other| other.service.as_str()).collect();
    if alike.len() > 1 {
        bail!("{} answer there, on different fleets; say which by --fleet or --service", alike.join(", "));
    }
    Ok(of_one(first, given, request))
}

/// What there is instead; of many services the first alone.
fn nobody(given: &[&Release]) -> String {
    const MOST: usize = 20;
    let line = |release: &&Release| format!("\n  `{}`, {}", release.service, claim(release));
    let more = given.len().saturating_sub(MOST);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    format!("no service answers there; there are:{}{more}", given.iter().take(MOST).map(line).collect::<String>())
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
