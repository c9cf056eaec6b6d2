//! Reading files: from the spanned tree to the types, noting everything that is wrong on the way.
//!
//! A reader takes a node and gives `Some` only for what is right; what is wrong it notes and goes on, so that one run tells all.
//! Nobody complains of a thing twice: what is [`Value::Broken`](super::yaml::Value::Broken) or was noted already is passed over.

mod ab_test;
mod address;
mod blue_green;
mod canary;
mod checks;
mod condition;
mod config;
mod endpoint_file;
mod fields;
mod hook;
mod http;
mod notification;
mod places;
mod plan;
mod port_tls;
mod regex;
mod release;
mod rolling;
mod rules;
mod scalar;
mod shares;
mod test;
mod then;
mod upstream;
mod versions;
mod windows;

use std::sync::Arc;

use self::endpoint_file::EndpointFiles;
use super::document::Places;
use super::notes::Notes;
use super::{Config, Document, Release, yaml};
use crate::diag::SourceFile;

/// Reads a release file. `endpoint_file` gives the text of the files that `file:` refers to, by the path that
/// [`Document::endpoint_files`] names, or nothing if there is no such file.
pub fn read_release(file: &Arc<SourceFile>, endpoint_file: &dyn Fn(&str) -> Option<Arc<SourceFile>>) -> Document<Release> {
    let mut notes = Notes::new(file);
    let mut places = Places::default();
    let mut files = EndpointFiles::new(&file.path, endpoint_file);
    let root = yaml::parse(&mut notes);
    let release = root.and_then(|root| release::read(&mut notes, &mut files, &mut places, &root));
    Document::new(file, release, notes, places, files.into_paths())
}

/// Reads `tidegate.yaml`.
pub fn read_config(file: &Arc<SourceFile>) -> Document<Config> {
    let mut notes = Notes::new(file);
    let mut places = Places::default();
    let config = yaml::parse(&mut notes).and_then(|root| config::read(&mut notes, &mut places, &root));
    Document::new(file, config, notes, places, Vec::new())
}

#[cfg(test)]
mod any_text;
#[cfg(test)]
mod tests;
