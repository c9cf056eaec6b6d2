//! Endpoint files: lists of groups in Prometheus' `file_sd` form, as YAML or JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::address::endpoint;
use super::fields::{Fields, each, entries, items};
use super::scalar::any_scalar;
use crate::diag::SourceFile;
use crate::model::Endpoint;
use crate::model::notes::Notes;
use crate::model::yaml::{self, Node};

/// The label that gives a group to one version alone.
const VERSION: &str = "version";

/// Some endpoints, and the version that they are of, if the file says so.
#[derive(Debug, Clone)]
struct Group {
    version: Option<String>,
    endpoints: Vec<Endpoint>,
}

/// What became of an endpoint file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no such file.
    Missing,
    /// It is broken, which has been noted.
    Broken,
    /// What it says for the version asked for.
    Endpoints(Vec<Endpoint>),
}

/// The endpoint files of one release, each read once.
pub(super) struct EndpointFiles<'a> {
    folder: &'a str,
    open: &'a dyn Fn(&str) -> Option<Arc<SourceFile>>,
    read: BTreeMap<String, Option<Option<Vec<Group>>>>,
    paths: Vec<String>,
}

impl<'a> EndpointFiles<'a> {
    /// For the release file of that path.
    pub fn new(release: &'a str, open: &'a dyn Fn(&str) -> Option<Arc<SourceFile>>) -> Self {
        let folder = release.rfind('/').map_or("", |slash| &release[..=slash]);
        EndpointFiles { folder, open, read: BTreeMap::new(), paths: Vec::new() }
    }

    /// The paths of all files that were asked for.
    pub fn into_paths(self) -> Vec<String> {
        self.paths
    }

    /// The path of a file as the release file writes it, put right.
    pub fn resolve(&self, written: &str) -> String {
        let absolute = written.starts_with('/') || self.folder.starts_with('/');
        let joined = if written.starts_with('/') { written.to_owned() } else { format!("{}{written}", self.folder) };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match parts.last() {
                Some(last) if part == ".." && *last != ".." => drop(parts.pop()),
                None if part == ".." && absolute => {}
                _ => parts.push(part),
            }
        }
        let path = parts.join("/");
        if absolute { format!("/{path}") } else { path }
    }

    /// The endpoints of a version in the file of that resolved path.
    pub fn endpoints(&mut self, notes: &mut Notes, path: &str, version: &str) -> Found {
        if !self.read.contains_key(path) {
            let groups = (self.open)(path).map(|file| read(notes, &file));
            self.read.insert(path.to_owned(), groups);
            self.paths.push(path.to_owned());
        }
        match self.read.get(path) {
            Some(Some(Some(groups))) => Found::Endpoints(of_version(groups, version)),
            Some(Some(None)) => Found::Broken,
            _ => Found::Missing,
        }
    }
}

/// The endpoints of the groups that are for that version, each once.
fn of_version(groups: &[Group], version: &str) -> Vec<Endpoint> {
    let mine = groups.iter().filter(|group| group.version.as_deref().is_none_or(|of| of == version));
    let mut seen = std::collections::HashSet::new();
    mine.flat_map(|group| &group.endpoints).copied().filter(|endpoint| seen.insert(*endpoint)).collect()
}

fn read(notes: &mut Notes, file: &Arc<SourceFile>) -> Option<Vec<Group>> {
    let mut own = Notes::new(file);
    let groups = yaml::parse(&mut own).and_then(|root| {
        let items = items(&mut own, &root, "an endpoint file")?;
        each(items, |node| group(&mut own, node))
    });
    let groups = groups.filter(|_| !own.has_errors());
    notes.take(own);
    groups
}

fn group(notes: &mut Notes, node: &Node) -> Option<Group> {
    let fields = Fields::of(notes, node, "a group of endpoints", &["targets", "labels"])?;
    let version = fields.get("labels").map(|labels| version_label(notes, labels));
    let targets = fields.need(notes, "targets", "[\"127.0.1.11:8080\"]")?;
    let endpoints = items(notes, targets, "`targets`").and_then(|items| each(items, |node| endpoint(notes, node)));
    Some(Group { version: version.unwrap_or(Some(None))?, endpoints: endpoints? })
}

/// The version that labels name, if any; nothing at all if the labels are wrong.
fn version_label(notes: &mut Notes, labels: &Node) -> Option<Option<String>> {
    let entries = entries(notes, labels, "`labels`")?;
    let label = entries.iter().find(|entry| entry.key.text == VERSION);
    match label {
        Some(label) => any_scalar(notes, &label.value, "the label `version`").map(|scalar| Some(scalar.text.clone())),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_release_file() {
        for (release, written, want) in [
            ("search.yaml", "search.endpoints.json", "search.endpoints.json"),
            ("team/search.yaml", "search.endpoints.json", "team/search.endpoints.json"),
            ("team/search.yaml", "./x/../y.json", "team/y.json"),
            ("team/search.yaml", "../y.json", "y.json"),
            ("search.yaml", "../y.json", "../y.json"),
            ("search.yaml", "../../y.json", "../../y.json"),
            ("search.yaml", "/etc/y.json", "/etc/y.json"),
            ("/etc/search.yaml", "y.json", "/etc/y.json"),
            ("/search.yaml", "../../y.json", "/y.json"),
        ] {
            let files = EndpointFiles::new(release, &|_| None);
            assert_eq!(files.resolve(written), want, "{written} of {release}");
        }
    }
}
