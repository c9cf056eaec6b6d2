//! The status as a text.

use comfy_table::CellAlignment;

use super::history_text::newest;
use super::look::{Look, Tone, clean, clean_lines};
use super::rollout_text::{self, is_stuck};
use super::time::{age, moment};
use crate::admin::pb;

/// The status as people read it. `service` is the one that was asked for, or `""`: one is told in more detail, with what happened to it
/// last, newest first.
pub fn status_text(status: &pb::Status, service: &str, history: &[pb::HistoryEntry], look: &Look) -> String {
    let mut parts = vec![headline(status, look)];
    parts.extend(directory(status, look));
    match status.services.as_slice() {
        [] => parts.push(no_services(status, service)),
        [one] if !service.is_empty() => {
            parts.push(detail(one, look));
            parts.extend(rollout_text::detail(one, look));
            parts.extend(newest(history, look));
        }
        services => {
            parts.push(services_table(services, look));
            parts.extend(rollouts(services, look));
        }
    }
    parts.extend(fleet(status, service, look));
    parts.extend(otherwise(status, look));
    parts.extend(problems(status, look));
    parts.join("\n\n") + "\n"
}

/// Whether everything is as the files say and everyone holds it.
pub fn is_well(status: &pb::Status) -> bool {
    let ready = status.server.as_ref().is_some_and(|server| server.ready && server.directory_problem.is_empty());
    let synced = |sync: &Option<pb::Sync>| sync.as_ref().is_none_or(|sync| sync.in_sync == sync.nodes);
    ready
        && status.problems.iter().all(|problem| problem.severity() != pb::Severity::Error)
        && status.services.iter().all(|service| stale(service).is_none() && synced(&service.sync) && !is_stuck(service))
}

fn headline(status: &pb::Status, look: &Look) -> String {
    let server = status.server.clone().unwrap_or_default();
    let mut words = vec![look.paint(Tone::Strong, &format!("tidegate {}", server.version))];
    match moment(server.loaded_at) {
        Some(at) => words.push(format!("generation {}, loaded {} ago", server.generation, age(look.now, at))),
        None => words.push("nothing loaded yet".to_owned()),
    }
    let fleet = status.fleet.as_ref().and_then(|fleet| fleet.sync).unwrap_or_default();
    words.push(match fleet.nodes {
        0 => "no Envoy connected".to_owned(),
        _ => format!("{} of {} {} in sync", fleet.in_sync, fleet.nodes, plural(fleet.nodes, "node")),
    });
    words.join(" · ")
}

fn directory(status: &pb::Status, look: &Look) -> Option<String> {
    let server = status.server.as_ref()?;
    if !server.directory_problem.is_empty() {
        return Some(look.paint(Tone::Bad, &clean(&server.directory_problem)));
    }
    (!server.ready).then(|| look.paint(Tone::Caution, "Not ready: Envoys are refused until the first load is complete."))
}

fn no_services(status: &pb::Status, service: &str) -> String {
    let broken = !status.problems.is_empty();
    match service {
        "" => "No services are being served.".to_owned(),
        name if broken => format!("{} is not being served: its file never was without errors.", clean(name)),
        name => format!("{} is not being served.", clean(name)),
    }
}

fn services_table(services: &[pb::Service], look: &Look) -> String {
    let mut table =
        look.table(&["SERVICE", "VERSION", "SHARE", "ENDPOINTS", "RULES", "FILE", "IN SYNC"], &["SERVICE", "VERSION", "FILE"]);
    let wide = widest(services.iter().flat_map(|service| &service.versions));
    for service in services {
        for (at, version) in service.versions.iter().enumerate() {
            let first = at == 0;
            let text = |text: String| if first { text } else { String::new() };
            let (tone, state) = file_words(service, look);
            table.add_row([
                look.cell(Tone::Strong, text(clean(&service.name))),
                version_cell(service, version, look),
                share_cell(version, wide, look),
                look.cell(Tone::Plain, endpoint_count(version)).set_alignment(CellAlignment::Right),
                look.cell(Tone::Plain, text(rule_count(service))).set_alignment(CellAlignment::Right),
                look.cell(tone, text(state)),
                look.cell(sync_tone(service), text(sync_count(service))),
            ]);
        }
    }
    table.trim_fmt()
}

/// A line for each service that is being released, or was undone.
fn rollouts(services: &[pb::Service], look: &Look) -> Option<String> {
    let told = |service: &pb::Service| Some((clean(&service.name), rollout_text::line(service, look)?));
    let told: Vec<(String, String)> = services.iter().filter_map(told).collect();
    let wide = told.iter().map(|(name, _)| name.chars().count()).max()?;
    let lines = told.iter().map(|(name, line)| format!("\n  {name:<wide$}  {line}"));
    Some(look.paint(Tone::Strong, "Rollouts:") + &lines.collect::<String>())
}

fn detail(service: &pb::Service, look: &Look) -> String {
    let (tone, state) = file_words(service, look);
    let every = |list: &[String], none: &str| if list.is_empty() { none.to_owned() } else { clean(&list.join(", ")) };
    let mut lines = vec![look.paint(Tone::Strong, &clean(&service.name))];
    let mut line = |name: &str, tone: Tone, text: &str| lines.push(format!("  {name:<9}{}", look.paint(tone, text)));
    line("file", tone, &state);
    if let Some(stale) = stale(service) {
        line("", Tone::Caution, &format!("its last good content is served: {}", clean(&stale.problem)));
    }
    line("hosts", Tone::Plain, &every(&service.hosts, "none"));
    line("path", Tone::Plain, &clean(&service.path));
    line("fleets", Tone::Plain, &every(&service.fleets, "every node"));
    line("rules", Tone::Plain, &every(&service.rules, "none"));
    line("in sync", sync_tone(service), &sync_words(service));
    line("revision", Tone::Plain, &service.revision.to_string());
    let mut table = look.table(&["VERSION", "SHARE", "ENDPOINTS"], &["VERSION", "ENDPOINTS"]);
    let wide = widest(&service.versions);
    for version in &service.versions {
        let endpoints = every(&version.endpoints, "none");
        let endpoints = look.cell(Tone::Plain, endpoints);
        table.add_row([version_cell(service, version, look), share_cell(version, wide, look), endpoints]);
    }
    format!("{}\n\n{}", lines.join("\n"), table.trim_fmt())
}

fn version_cell(service: &pb::Service, version: &pb::Version, look: &Look) -> comfy_table::Cell {
    let name = clean(&version.name);
    look.cell(Tone::Plain, if version.name == service.stable { format!("{name} (stable)") } else { name })
}

/// Characters of the longest share.
fn widest<'a>(versions: impl IntoIterator<Item = &'a pb::Version>) -> usize {
    versions.into_iter().filter_map(|version| version.share.as_ref()).map(|share| share.text.len()).max().unwrap_or(0)
}

/// The share in words, and as a bar where there is room.
fn share_cell(version: &pb::Version, wide: usize, look: &Look) -> comfy_table::Cell {
    let share = version.share.clone().unwrap_or_default();
    let tone = if share.thousandths == 0 { Tone::Dim } else { Tone::Strong };
    let bar = bar(share.thousandths, look.bar_cells());
    look.cell(tone, format!("{:>wide$} {bar}", share.text).trim_end())
}

/// A bar that is full at 100 % alone; less than half a cell is not drawn.
fn bar(thousandths: u32, cells: u32) -> String {
    let rounded = (thousandths.min(100_000) * cells + 50_000) / 100_000;
    let filled = match thousandths {
        0 => 0,
        1..100_000 => rounded.min(cells.saturating_sub(1)),
        _ => cells,
    };
    "█".repeat(filled as usize) + &"░".repeat((cells - filled) as usize)
}

fn endpoint_count(version: &pb::Version) -> String {
    match version.endpoints.as_slice() {
        [dns] if dns.starts_with("dns:") => "dns".to_owned(),
        endpoints => endpoints.len().to_string(),
    }
}

fn rule_count(service: &pb::Service) -> String {
    if service.rules.is_empty() { "-".to_owned() } else { service.rules.len().to_string() }
}

/// What there is to say of a file whose last good content is served.
pub fn stale(service: &pb::Service) -> Option<&pb::file_state::Stale> {
    match service.file_state.as_ref()?.state.as_ref()? {
        pb::file_state::State::Stale(stale) => Some(stale),
        pb::file_state::State::Current(_) => None,
    }
}

fn file_words(service: &pb::Service, look: &Look) -> (Tone, String) {
    let file = clean(&service.file);
    match stale(service) {
        None => (Tone::Plain, file),
        Some(stale) => {
            let since = moment(stale.since).map(|since| format!(" for {}", age(look.now, since))).unwrap_or_default();
            (Tone::Caution, format!("{file} (stale{since})"))
        }
    }
}

fn sync_count(service: &pb::Service) -> String {
    let sync = service.sync.unwrap_or_default();
    format!("{}/{}", sync.in_sync, sync.nodes)
}

fn sync_words(service: &pb::Service) -> String {
    let sync = service.sync.unwrap_or_default();
    let mut words = sync_count(service);
    if sync.rejecting > 0 {
        words += &format!(", {} rejecting", sync.rejecting);
    }
    if sync.waiting > 0 {
        words += &format!(", {} waiting", sync.waiting);
    }
    words
}

fn sync_tone(service: &pb::Service) -> Tone {
    let sync = service.sync.unwrap_or_default();
    match sync {
        pb::Sync { rejecting: 1.., .. } => Tone::Bad,
        pb::Sync { nodes: 0, .. } => Tone::Dim,
        _ if sync.in_sync == sync.nodes => Tone::Good,
        _ => Tone::Caution,
    }
}

fn fleet(status: &pb::Status, service: &str, look: &Look) -> Option<String> {
    let fleet = status.fleet.as_ref()?;
    let sync = fleet.sync.unwrap_or_default();
    if sync.nodes == 0 {
        return Some(NOBODY.to_owned());
    }
    if fleet.lagging.is_empty() {
        return None;
    }
    let mut lines = vec![look.paint(Tone::Caution, "Not in sync:")];
    for node in &fleet.lagging {
        lines.push(format!("  {} ({}): {}", clean(&node.node), clean(&node.cluster), clean(&node.reason)));
    }
    // Of one service, only the nodes that get it are named.
    let meant = status.services.first().filter(|_| !service.is_empty()).and_then(|service| service.sync).unwrap_or(sync);
    let more = (meant.nodes.saturating_sub(meant.in_sync) as usize).saturating_sub(fleet.lagging.len());
    if more > 0 {
        lines.push(format!("  and {more} more: `tidegate fleet` lists them all"));
    }
    Some(lines.join("\n"))
}

/// What to do while nobody is connected.
pub const NOBODY: &str = "No Envoy is connected. `tidegate bootstrap` prints a bootstrap for one.";

fn problems(status: &pb::Status, look: &Look) -> Option<String> {
    if status.problems.is_empty() {
        return None;
    }
    let count = |severity| status.problems.iter().filter(|problem| problem.severity() == severity).count() as u32;
    let (errors, warnings) = (count(pb::Severity::Error), count(pb::Severity::Warning));
    let words: Vec<String> = [(errors, "error"), (warnings, "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {}", plural(count, word)))
        .collect();
    let tone = if errors > 0 { Tone::Bad } else { Tone::Caution };
    let title = look.paint(tone, &format!("{} in the files:", words.join(" and ")));
    let drawn: Vec<String> = status.problems.iter().map(|problem| clean_lines(&problem.rendered).trim_end().to_owned()).collect();
    Some(format!("{title}\n\n{}", drawn.join("\n\n")))
}

/// Services of which another version serves than the files say, because a person said so.
fn otherwise(status: &pb::Status, look: &Look) -> Option<String> {
    let told = |service: &pb::Service| {
        let instead = service.instead.as_ref()?;
        let ago = moment(instead.since).map(|since| format!(" {} ago", age(look.now, since))).unwrap_or_default();
        let (version, stable, actor) = (clean(&instead.version), clean(&service.stable), clean(&instead.actor));
        let name = clean(&service.name);
        Some(format!("\n  {name}: {version} serves instead of {stable}, as {actor} said{ago}; say `stable: {version}` in the file"))
    };
    let lines: String = status.services.iter().filter_map(told).collect();
    (!lines.is_empty()).then(|| look.paint(Tone::Caution, "Not as the files say:") + &lines)
}

fn plural(count: u32, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_full_only_when_shares_are() {
        let filled = |thousandths| bar(thousandths, 20).chars().filter(|c| *c == '█').count();
        let have: Vec<usize> = [0, 1, 2_500, 10_000, 50_000, 99_999, 100_000].into_iter().map(filled).collect();
        assert_eq!(have, [0, 0, 1, 2, 10, 19, 20]);
        assert_eq!((bar(33_333, 10).as_str(), bar(33_333, 0).as_str()), ("███░░░░░░░", ""));
    }

    #[test]
    fn a_usual_terminal_is_not_too_narrow() {
        let share = |thousandths, text: &str| Some(pb::Share { thousandths, text: text.into() });
        let version = |name: &str, share| pb::Version { name: name.into(), share, endpoints: vec!["127.0.1.11:8080".into()] };
        let service = pb::Service {
            name: "checkout".into(),
            file: "shop/checkout-in-the-north.yaml".into(),
            stable: "v41".into(),
            versions: vec![version("v41", share(90_000, "90%")), version("v42", share(10_000, "10%"))],
            ..pb::Service::default()
        };
        for width in [80, 90, 100, 120] {
            let look = Look { color: false, width: Some(width), now: jiff::Timestamp::UNIX_EPOCH };
            let text = services_table(std::slice::from_ref(&service), &look);
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}:\n{text}");
            assert!(text.contains("v41 (stable)") && text.contains("ENDPOINTS") && text.contains("90%"), "{width}:\n{text}");
            assert_eq!(text.contains('█'), width >= 88, "{width}:\n{text}");
        }
    }

    #[test]
    fn nodes_that_are_not_named_are_counted() {
        let look = Look { color: false, width: None, now: jiff::Timestamp::UNIX_EPOCH };
        let lagging = vec![pb::Lagging { node: "a".into(), cluster: "edge".into(), reason: "why".into() }];
        let sync = |nodes, in_sync| Some(pb::Sync { nodes, in_sync, ..pb::Sync::default() });
        let services = vec![pb::Service { sync: sync(5, 3), ..pb::Service::default() }];
        let fleet = Some(pb::Fleet { sync: sync(10, 3), lagging });
        let status = pb::Status { services, fleet, ..pb::Status::default() };
        assert!(status_text(&status, "", &[], &look).contains("  a (edge): why\n  and 6 more"));
        assert!(status_text(&status, "x", &[], &look).contains("  a (edge): why\n  and 1 more"));
    }

    #[test]
    fn not_well_is_whatever_differs_from_the_files() {
        let server = pb::Server { ready: true, ..pb::Server::default() };
        let well = pb::Status { server: Some(server.clone()), ..pb::Status::default() };
        assert!(is_well(&well));
        assert!(!is_well(&pb::Status::default()), "not ready");
        let gone = pb::Server { directory_problem: "gone".into(), ..server };
        assert!(!is_well(&pb::Status { server: Some(gone), ..well.clone() }));
        let problem = |severity: pb::Severity| pb::Problem { severity: severity.into(), ..pb::Problem::default() };
        assert!(!is_well(&pb::Status { problems: vec![problem(pb::Severity::Error)], ..well.clone() }));
        assert!(is_well(&pb::Status { problems: vec![problem(pb::Severity::Warning)], ..well.clone() }));
        let service = |nodes, in_sync| pb::Service {
            sync: Some(pb::Sync { nodes, in_sync, ..pb::Sync::default() }),
            ..pb::Service::default()
        };
        assert!(!is_well(&pb::Status { services: vec![service(3, 2)], ..well.clone() }));
        assert!(is_well(&pb::Status { services: vec![service(3, 3)], ..well.clone() }));
        let released = |phase: pb::Phase| {
            let rollout = Some(pb::Rollout { phase: phase.into(), ..pb::Rollout::default() });
            pb::Status { services: vec![pb::Service { rollout, ..service(3, 3) }], ..well.clone() }
        };
        assert!(!is_well(&released(pb::Phase::Stuck)));
        let goes_back = |people| {
            let waiting = Some(pb::Waiting { people, ..pb::Waiting::default() });
            let mut status = released(pb::Phase::Returning);
            status.services[0].rollout.as_mut().unwrap().waiting = waiting;
            is_well(&status)
        };
        assert!(goes_back(false) && !goes_back(true), "a hook that refuses keeps endpoints where they are");
        assert!(is_well(&released(pb::Phase::Running)) && is_well(&released(pb::Phase::Off)), "it is as a person wants it");
    }
}
