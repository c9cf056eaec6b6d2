//! One release file as it was read and translated.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Problem, Severity, SourceFile};
use crate::model::{self, Document, Release, Traffic};
use crate::snapshot::Service;
use crate::translate::{self, Invalid, Known, ServiceObjects};

pub use crate::sources::Files;

/// A release file, the endpoint files it refers to, and what they come to. Made again only when one of these texts changes.
#[derive(Debug)]
pub struct Reading {
    /// The file as a document.
    pub document: Document<Release>,
    /// Its translation; `None` if the file has errors.
    pub service: Option<Arc<Service>>,
    /// What there is to say of it.
    pub problems: Vec<Problem>,
    endpoint_files: BTreeMap<String, Option<Arc<SourceFile>>>,
}

impl Reading {
    /// Reads a release file.
    pub fn new(file: &Arc<SourceFile>, files: &Files) -> Reading {
        Reading::after(None, file, files)
    }

    /// The same, at the cost of what is other than in how the file read before: what is equal is neither translated nor checked again.
    pub fn after(before: Option<&Reading>, file: &Arc<SourceFile>, files: &Files) -> Reading {
        let document = model::read_release(file, &|path| files.get(path).cloned());
        let endpoint_files = document.endpoint_files.iter().map(|path| (path.clone(), files.get(path).cloned())).collect();
        let mut problems = document.problems.clone();
        let known = before.and_then(Reading::known);
        let service = match document.value.as_ref().map(|release| translated(release, known)) {
            Some(Ok(objects)) => Some(Arc::new(Service::after(before.and_then(|before| before.service.as_deref()), objects))),
            Some(Err(invalid)) => {
                problems.extend(invalid.iter().map(|invalid| refused_by_envoy(&document, invalid)));
                None
            }
            None => None,
        };
        Reading { document, service, problems, endpoint_files }
    }

    /// Whether reading these files again would come to the same.
    pub fn is_of(&self, file: &Arc<SourceFile>, files: &Files) -> bool {
        self.document.file == *file && self.endpoint_files.iter().all(|(path, text)| files.get(path) == text.as_ref())
    }

    /// The release, if the file is good.
    pub fn release(&self) -> Option<&Release> {
        self.service.as_ref().and(self.document.value.as_ref())
    }

    /// What the release is translated to at rest, if the file is good.
    pub(super) fn known(&self) -> Option<Known<'_>> {
        let at_rest = self.service.as_ref()?.objects();
        self.document.value.as_ref().map(|release| Known { release, at_rest })
    }

    /// What is wrong with the file first of all, in one line; empty if nothing is.
    pub fn first_error(&self) -> String {
        self.problems.iter().find(|problem| problem.severity == Severity::Error).map(Problem::one_line).unwrap_or_default()
    }

    /// Path of the file.
    pub fn path(&self) -> &str {
        &self.document.file.path
    }

    /// The files this reading is made of, by path.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Arc<SourceFile>)> {
        let endpoints = self.endpoint_files.iter().filter_map(|(path, file)| Some((path.as_str(), file.as_ref()?)));
        endpoints.chain([(self.path(), &self.document.file)])
    }
}

/// What a release is served as at rest; refused also if what its rollout comes to is, which must not show in the middle of it.
fn translated(release: &Release, known: Option<Known<'_>>) -> Result<ServiceObjects, Vec<Invalid>> {
    let at_rest = translate::service_after(known, release, &Traffic::at_rest(release))?;
    let known = Some(Known { release, at_rest: &at_rest });
    Traffic::examples(release).iter().try_for_each(|traffic| translate::service_after(known, release, traffic).map(drop))?;
    Ok(at_rest)
}

/// Envoy's own rules refuse what the file asks for, although the file's own do not.
fn refused_by_envoy(document: &Document<Release>, invalid: &Invalid) -> Problem {
    let (title, help) = match &invalid.rule {
        Some(rule) => (
            format!("Envoy cannot be told rule `{rule}`: {}", invalid.reason),
            "say it with less: `in`, `prefix`, `suffix`, `contains`, or several rules",
        ),
        None => (
            format!("Envoy would refuse this release: {invalid}"),
            "the rule is Envoy's own; please report the file, because tidegate should have said this in its own words",
        ),
    };
    let primary = document.place(invalid.rule.as_deref());
    Problem { code: "T900", severity: Severity::Error, title, primary, related: Vec::new(), help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Strategy, Subject};

    const TEXT: &str = "service: shop
hosts: [shop.example.com]
versions: {v1: [\"127.0.1.1:80\"], v2: [\"127.0.1.2:80\"]}
stable: v1
candidate: v2
blue_green: {preview: {header: {x-try: \"1\"}}}
";

    #[test]
    fn what_a_rollout_comes_to_is_refused_before_it_begins() {
        let file = Arc::new(SourceFile { path: "shop.yaml".into(), text: TEXT.into() });
        let mut release = model::read_release(&file, &|_| None).value.unwrap();
        assert!(translated(&release, None).is_ok());
        let Some(Strategy::BlueGreen(plan)) = release.plan.as_mut().map(|plan| &mut plan.strategy) else { panic!("no plan") };
        plan.preview.as_mut().unwrap().header[0].subject = Subject::Header("x\ntry".into());
        let refused = translated(&release, None).unwrap_err();
        assert!(refused[0].field.ends_with("match.headers[0].name"), "{refused:?}");
        assert!(translate::service(&release, &Traffic::at_rest(&release)).is_ok(), "at rest nothing would be seen of it");
    }
}
