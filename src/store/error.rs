//! Why the store cannot be used.

use std::path::PathBuf;

use super::database::SCHEMA;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("cannot make the state folder {path}: {source}; give another by --state")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another server has it open.
    #[error("{0} is in use by another tidegate; stop that one, or give this one a folder of its own by --state")]
    InUse(PathBuf),
    /// A newer tidegate wrote it.
    #[error(
        "{path} was written by a newer tidegate (schema {found}, this one knows {SCHEMA}); use that version, or another --state folder"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
    },
    /// It is damaged, or the disk is.
    #[error(
        "{path} cannot be read or written: {reason}; `tidegate journal check` tells all that is damaged, and without the file \
         everything starts from the release files alone: move it away"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which record, or what redb says.
        reason: String,
    },
    /// There is no file to look at.
    #[error("there is no {0}: no server has kept anything there; name the state folder of one by --state")]
    Missing(PathBuf),
    /// No copy can be made to look at.
    #[error(
        "cannot copy {path} to look at it: {source}; it must be readable, and the folder for temporary files needs room for it"
    )]
    Copy {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
