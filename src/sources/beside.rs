//! Paths that stand in the configuration file.

use std::path::{Path, absolute};

use super::tree::CONFIG;

/// The path to ask for a file by that the configuration file names: relative to the folder that the configuration file is in. `config`
/// is its own path, as a [`Generation`](super::Generation) tells it.
pub fn beside_config(config: &str, written: &str) -> String {
    // The one that lies in the directory is known by its name alone, and what is asked for is relative to the directory too.
    if config == CONFIG {
        return written.to_owned();
    }
    let folder = Path::new(config).parent().unwrap_or(Path::new(""));
    let path = folder.join(written);
    absolute(&path).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_configuration_file() {
        let here = std::env::current_dir().unwrap();
        let here = here.display();
        for (config, written, want) in [
            ("tidegate.yaml", "tls/server.pem", "tls/server.pem".to_owned()),
            ("tidegate.yaml", "/etc/server.pem", "/etc/server.pem".to_owned()),
            ("/etc/gate.yaml", "tls/server.pem", "/etc/tls/server.pem".to_owned()),
            ("/etc/gate.yaml", "/srv/server.pem", "/srv/server.pem".to_owned()),
            ("conf/gate.yaml", "server.pem", format!("{here}/conf/server.pem")),
            ("./tidegate.yaml", "server.pem", format!("{here}/server.pem")),
        ] {
            assert_eq!(beside_config(config, written), want, "{written} of {config}");
        }
    }
}
