#![allow(missing_docs)]
use super::*;
use crate::diag::{Problem, SourceFile};
use std::sync::Arc;
#[derive(Debug)]
pub struct Document<T> {
    pub file: Arc<SourceFile>,
    pub value: Option<T>,
    pub problems: Vec<Problem>,
    pub endpoint_files: Vec<String>,
}
pub struct Conflict {
    pub problem: Problem,
    pub file: String,
}
pub fn conflicts(_: &[&Document<Release>], _: &Config) -> Vec<Conflict> {
    vec![]
}
pub fn is_release_file(path: &str) -> bool {
    path.ends_with(".yaml")
}
pub fn read_config(file: &Arc<SourceFile>) -> Document<Config> {
    let v: serde_yaml::Value = serde_yaml::from_str(&file.text).unwrap_or_default();
    let mut c = Config::default();
    if let Some(m) = v.get("listeners").and_then(|l| l.as_mapping()) {
        for (k, l) in m {
            c.listeners.push(Listener {
                name: k.as_str().unwrap().into(),
                bind: l.get("bind").unwrap().as_str().unwrap().parse().unwrap(),
                fleets: vec![],
                access_log: false,
            });
        }
    }
    Document { file: file.clone(), value: Some(c), problems: vec![], endpoint_files: vec![] }
}
pub fn read_release(file: &Arc<SourceFile>, _: &dyn Fn(&str) -> Option<Arc<SourceFile>>) -> Document<Release> {
    let value = (|| {
        let v: serde_yaml::Value = serde_yaml::from_str(&file.text).ok()?;
        let s = |k: &str| v.get(k).and_then(|x| x.as_str()).map(str::to_owned);
        let versions: Vec<Version> = v
            .get("versions")?
            .as_mapping()?
            .iter()
            .map(|(k, e)| Version {
                name: k.as_str().unwrap().into(),
                backends: Backends::Listed(
                    e.as_sequence().unwrap().iter().map(|e| Endpoint { address: e.as_str().unwrap().parse().unwrap() }).collect(),
                ),
            })
            .collect();
        let split = v.get("split").and_then(|x| x.as_mapping()).map(|m| {
            Split::new(
                versions
                    .iter()
                    .map(|ver| {
                        (
                            ver.name.clone(),
                            m.get(&*ver.name).and_then(|x| x.as_str()).map_or(Share::ZERO, |x| {
                                Share::from_thousandths((x.trim_end_matches('%').parse::<f64>().unwrap() * 1000.0) as u32).unwrap()
                            }),
                        )
                    })
                    .collect(),
            )
            .unwrap()
        });
        Some(Release {
            service: s("service")?,
            hosts: v.get("hosts")?.as_sequence()?.iter().map(|h| h.as_str().unwrap().to_owned()).collect(),
            path: s("path").unwrap_or("/".into()),
            fleets: vec![],
            stable: s("stable")?,
            versions,
            split,
            rules: vec![],
            upstream: Upstream::default(),
        })
    })();
    Document { file: file.clone(), value, problems: vec![], endpoint_files: vec![] }
}
