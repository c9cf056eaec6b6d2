//! Which service a request is for.

use std::cmp::Reverse;

use super::{Release, Request};

/// The releases that a request is for, the one that Envoy gives it to first. Of the hosts in all of them only the one that fits
/// best counts: its services alone are asked, those with the longest path first. `releases` are what one Envoy is given.
pub fn takers<'a>(releases: &[&'a Release], request: &Request) -> Vec<&'a Release> {
    let fits: Vec<(&'a Release, Fit)> =
        releases.iter().filter_map(|release| Some((*release, fit(release, request.host())?))).collect();
    let best = fits.iter().map(|(_, fit)| *fit).max();
    let on_it = fits.into_iter().filter(|(_, fit)| Some(*fit) == best).map(|(release, _)| release);
    let mut takers: Vec<&Release> = on_it.filter(|release| is_under(request.path(), &release.path)).collect();
    takers.sort_by_key(|release| (Reverse(release.path.len()), &release.service));
    takers
}

/// How well a host fits; the greater the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It is `*`.
    Any,
    /// It is a suffix, `*.example.com`, of so many bytes.
    Suffix(usize),
    /// It is the name itself.
    Exact,
}

/// How well the best of a release's hosts fits one that is asked for; `None` if none does.
pub(super) fn fit(release: &Release, host: &str) -> Option<Fit> {
    release.hosts.iter().filter_map(|pattern| fit_of(pattern, host)).max()
}

/// A pattern stands for one character at least: `*.example.com` does not include `.example.com`.
fn fit_of(pattern: &str, host: &str) -> Option<Fit> {
    match pattern.strip_prefix('*') {
        None => (pattern == host).then_some(Fit::Exact),
        Some("") => Some(Fit::Any),
        Some(suffix) => (host.len() > suffix.len() && host.ends_with(suffix)).then_some(Fit::Suffix(suffix.len())),
    }
}

/// Whether a path lies under a service's own, which separates at slashes.
pub(super) fn is_under(path: &str, own: &str) -> bool {
    path == own || path.strip_prefix(own.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Upstream, Version};

    /// A release of two versions, `v1` being stable.
    pub(in crate::model) fn release(service: &str, hosts: &[&str], path: &str) -> Release {
        let version = |name: &str| Version { name: name.into(), backends: crate::model::Backends::Listed(vec![]) };
        Release {
            service: service.into(),
            hosts: hosts.iter().map(|host| (*host).into()).collect(),
            path: path.into(),
            fleets: vec![],
            versions: vec![version("v1"), version("v2")],
            stable: "v1".into(),
            split: None,
            plan: None,
            rules: vec![],
            upstream: Upstream::default(),
        }
    }

    #[test]
    fn paths_separate_at_slashes() {
        for (path, own, want) in [
            ("/", "/", true),
            ("/cart", "/", true),
            ("/cart", "/cart", true),
            ("/cart/7", "/cart", true),
            ("/cartoons", "/cart", false),
            ("/cart", "/cart/", false),
            ("/cart/", "/cart/", true),
            ("/cart/7", "/cart/", true),
            ("/", "/cart", false),
            ("", "/", false),
            ("*", "/", false),
        ] {
            assert_eq!(is_under(path, own), want, "{path} under {own}");
        }
    }

    #[test]
    fn the_host_that_fits_best_counts_alone() {
        let all = [
            release("any", &["*"], "/"),
            release("suffix", &["*.example.com"], "/"),
            release("longer", &["*.eu.example.com"], "/"),
            release("cart", &["shop.example.com", "a.eu.example.com"], "/cart"),
            release("shop", &["shop.example.com"], "/"),
        ];
        let all: Vec<&Release> = all.iter().collect();
        for (host, path, want) in [
            ("shop.example.com", "/", &["shop"][..]),
            ("shop.example.com", "/cart/7", &["cart", "shop"]),
            ("SHOP.example.com:8080", "/cartoons", &["shop"]),
            ("b.example.com", "/cart", &["suffix"]),
            ("b.eu.example.com", "/", &["longer"]),
            ("example.com", "/", &["any"]),
            (".example.com", "/", &["any"]),
            // Envoy answers 404: the host is known by name, and nothing on it has this path.
            ("a.eu.example.com", "/", &[]),
        ] {
            let found: Vec<&str> =
                takers(&all, &Request::new("GET", host, path)).iter().map(|release| release.service.as_str()).collect();
            assert_eq!(found, want, "{host}{path}");
        }
    }
}
