//! Everything at once on this machine: some versions of a toy service, the control plane, a real Envoy and traffic, and a story that
//! is told by editing the release file, and by what people say to the server.
//!
//! Owns: the story, its stage and how it is shown. Called by: `cli demo`. Whatever way it ends, nothing is left running and the
//! scratch folder is gone.

mod face;
mod file;
mod frame;
mod lines;
mod live;
mod options;
mod play;
mod stage;
mod story;
mod summary;
mod terminal;
mod told;
mod window;

pub use face::Face;
pub use lines::Lines;
pub use live::Live;
pub use options::{DemoError, Options};
pub use play::run;
pub use summary::Summary;
pub use terminal::face;
