//! Addresses in flags.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Reads an address to listen on. Names are not resolved: what they lead to may be several, or another tomorrow.
///
/// # Errors
/// It is none, or its port or its IP address is missing.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| {
        let example = match (text.trim(), text.rsplit_once(':')) {
            (port, None) if port.parse::<u16>().is_ok() => format!("127.0.0.1:{port}"),
            (_, Some((_, port))) if port.parse::<u16>().is_ok() => format!("127.0.0.1:{port}"),
            _ => "127.0.0.1:18000".to_owned(),
        };
        format!("write an IP address and a port, for example `{example}`")
    })
}

/// The configuration file that is named. By its usual name alone it would be the one in the directory.
///
/// # Errors
/// None.
pub fn config(text: &str) -> Result<PathBuf, Infallible> {
    Ok(if text == CONFIG { Path::new(".").join(CONFIG) } else { PathBuf::from(text) })
}

/// The usual name of the configuration file.
const CONFIG: &str = "tidegate.yaml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_answered_by_one() {
        assert_eq!(listen("127.0.0.1:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert!(listen("[::1]:8080").is_ok());
        for (text, example) in [
            ("localhost:1", "127.0.0.1:1"),
            ("8080", "127.0.0.1:8080"),
            (":8080", "127.0.0.1:8080"),
            ("127.0.0.1", "127.0.0.1:18000"),
            ("127.0.0.1:99999", "127.0.0.1:18000"),
            ("", "127.0.0.1:18000"),
        ] {
            let said = listen(text).unwrap_err();
            assert_eq!(said, format!("write an IP address and a port, for example `{example}`"), "{text}");
        }
    }
}
