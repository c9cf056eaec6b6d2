//! A file as it was read.

use std::sync::Arc;

use super::notes::Notes;
use super::yaml::Span;
use crate::diag::{Label, Problem, SourceFile};

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Document<T> {
    /// The file.
    pub file: Arc<SourceFile>,
    /// What it says; `None` if and only if there is an error among the problems.
    pub value: Option<T>,
    /// Everything that is wrong with it: the file's own problems by place, then those of its endpoint files.
    pub problems: Vec<Problem>,
    /// The endpoint files it refers to, each once, whether they were there or not: relative to what the release file's own path is
    /// relative to, or absolute if written so.
    pub endpoint_files: Vec<String>,
    pub(super) places: Places,
}

/// Where things stand that are later compared with other files.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// The service's name.
    pub service: Span,
    /// Each host, lower case.
    pub hosts: Vec<(String, Span)>,
    /// Each fleet named.
    pub fleets: Vec<(String, Span)>,
    /// Each rule by its name.
    pub rules: Vec<(String, Span)>,
    /// The key of the plan's strategy; empty without a plan.
    pub strategy: &'static str,
    /// Parts of the plan by their keys: `canary.steps[1]`.
    pub plan: Vec<(String, Span)>,
    /// The host of the plan's preview, lower case.
    pub preview: Option<(String, Span)>,
    /// Files of the configuration by the keys they stand under: `xds.certificate`.
    pub tls: Vec<(String, Span)>,
}

impl Places {
    /// Each host that the file takes for itself: those it answers to, and that of its preview.
    pub fn claimed(&self) -> impl Iterator<Item = &(String, Span)> {
        self.hosts.iter().chain(&self.preview)
    }
}

impl<T> Document<T> {
    pub(super) fn new(
        file: &Arc<SourceFile>,
        value: Option<T>,
        notes: Notes,
        places: Places,
        endpoint_files: Vec<String>,
    ) -> Document<T> {
        let value = value.filter(|_| !notes.has_errors());
        Document { file: file.clone(), value, problems: notes.finish(), endpoint_files, places }
    }

    /// Where a rule stands; the service's name, if there is no such rule or none is asked for.
    pub fn place(&self, rule: Option<&str>) -> Label {
        let rule = rule.and_then(|rule| self.places.rules.iter().find(|(name, _)| name == rule));
        self.label(rule.map_or(&self.places.service, |(_, span)| span), "")
    }

    /// Where a part of the plan stands, by the keys and numbers on the way to it: `candidate`, `canary.steps[1]`,
    /// `then[0].blue_green.before[0]`, counted from 0. If it is not written, the nearest part around it; else the strategy, and
    /// without a plan the service's name.
    pub fn place_of_plan(&self, key: &str) -> Label {
        let around = std::iter::successors(Some(key), |key| key.rfind(['.', '[']).and_then(|end| key.get(..end)));
        let found = around.chain([self.places.strategy]).find_map(|key| self.places.plan.iter().find(|(name, _)| name == key));
        self.label(found.map_or(&self.places.service, |(_, span)| span), "")
    }

    /// Where a file of the configuration is named, by the keys it stands under: `xds.certificate`.
    pub fn place_of_tls(&self, key: &str) -> Label {
        let found = self.places.tls.iter().find(|(name, _)| name == key);
        self.label(found.map_or(&(0..0), |(_, span)| span), "")
    }

    pub(super) fn label(&self, span: &Span, text: impl Into<String>) -> Label {
        Label { file: self.file.clone(), span: span.clone(), text: text.into() }
    }
}

/// Whether a file of that path, relative to the watched directory, is a release file: `*.yaml` or `*.yml`, nothing hidden on the
/// way, no endpoint file (`*.endpoints.yaml`) and not the server's own `tidegate.yaml` at the top. What editors leave behind
/// (`x.yaml~`, `.x.yaml.swp`) and a ConfigMap's `..data` are thereby left out.
pub fn is_release_file(path: &str) -> bool {
    let hidden = path.split('/').any(|part| part.starts_with('.') && part != "." && part != "..");
    let stem = path.strip_suffix(".yaml").or_else(|| path.strip_suffix(".yml"));
    let named = stem.is_some_and(|stem| !stem.is_empty() && !stem.ends_with('/') && !stem.ends_with(".endpoints"));
    named && !hidden && path.trim_start_matches("./") != "tidegate.yaml"
}

#[cfg(test)]
mod tests {
    use super::is_release_file;

    #[test]
    fn only_release_files_are_read_as_such() {
        for path in ["checkout.yaml", "team/checkout.yml", "team/tidegate.yaml", "./a.yaml", "endpoints.yaml"] {
            assert!(is_release_file(path), "{path}");
        }
        for path in [
            "tidegate.yaml",
            "./tidegate.yaml",
            "checkout.yaml~",
            ".checkout.yaml.swp",
            ".checkout.yaml",
            "..data/checkout.yaml",
            "..2026_11_21/checkout.yaml",
            ".git/checkout.yaml",
            "search.endpoints.yaml",
            "search.endpoints.yml",
            "search.endpoints.json",
            "README.md",
            "a/.yaml",
            "#checkout.yaml#",
            "yaml",
            "",
        ] {
            assert!(!is_release_file(path), "{path}");
        }
    }
}
