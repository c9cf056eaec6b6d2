//! How a demo shows itself.

use std::io;
use std::time::Duration;

use super::frame::Frame;

/// Shows a demo.
pub trait Face: Send {
    /// A new part of the story begins, so long after the start.
    ///
    /// # Errors
    /// It could not be shown.
    fn title(&mut self, at: Duration, text: &str) -> io::Result<()>;

    /// Something happened, so long after the start. The text may have several lines.
    ///
    /// # Errors
    /// It could not be shown.
    fn event(&mut self, at: Duration, text: &str) -> io::Result<()>;

    /// This is how things look now; called several times a second.
    ///
    /// # Errors
    /// It could not be shown.
    fn frame(&mut self, frame: &Frame) -> io::Result<()>;

    /// No more frames come, for now.
    ///
    /// # Errors
    /// It could not be shown.
    fn rest(&mut self) -> io::Result<()>;
}

/// An event as text: its time, and further lines below the first.
pub(super) fn told(at: Duration, text: &str) -> String {
    format!("{:5.1} s  {}\n", at.as_secs_f64(), text.replace('\n', "\n         "))
}
