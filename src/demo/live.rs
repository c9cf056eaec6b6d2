//! A demo drawn in place, for a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use super::Face;
use super::face::told;
use super::file::VERSIONS;
use super::frame::Frame;
use super::window::Part;

/// Cells of a full bar at the most.
const BAR: usize = 48;
/// Cells beside the bar.
const BESIDE: usize = 30;
/// Part of a cell, in eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Colours of the versions, in their order.
const COLOURS: [&str; VERSIONS.len()] = ["34", "32", "35", "36"];

/// Draws frames over one another, with the newest events above them.
#[derive(Debug)]
pub struct Live<W: Write> {
    out: W,
    colour: bool,
    width: fn() -> usize,
    /// Lines of the frame on the screen.
    drawn: usize,
}

impl<W: Write + Send> Live<W> {
    /// Draws on a terminal. `width` tells its columns, whenever it is asked.
    pub fn new(out: W, colour: bool, width: fn() -> usize) -> Live<W> {
        Live { out, colour, width, drawn: 0 }
    }

    /// The text that takes the drawn frame away.
    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write + Send> Face for Live<W> {
    fn title(&mut self, at: Duration, text: &str) -> io::Result<()> {
        let text = if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { format!("== {text}") };
        self.event(at, &text)
    }

    fn event(&mut self, at: Duration, text: &str) -> io::Result<()> {
        let text = self.erase() + &told(at, text);
        self.write(&text)
    }

    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let width = (self.width)().clamp(40, 200);
        let pen = Pen { colour: self.colour, width };
        let lines = pen.draw(frame);
        // Hidden while the frame is drawn anew, so that it does not flicker through it.
        let mut text = String::from("\x1b[?25l") + &self.erase();
        for line in &lines {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("\x1b[?25h");
        self.drawn = lines.len();
        self.write(&text)
    }

    fn rest(&mut self) -> io::Result<()> {
        let text = self.erase();
        self.write(&text)
    }
}

/// A demo that is cut short leaves the cursor where it belongs.
impl<W: Write> Drop for Live<W> {
    fn drop(&mut self) {
        // The terminal may be gone: then nobody misses the cursor.
        let _ = self.out.write_all(b"\x1b[?25h");
        let _ = self.out.flush();
    }
}

/// Draws one frame as lines, none wider than the terminal.
struct Pen {
    colour: bool,
    width: usize,
}

impl Pen {
    fn draw(&self, frame: &Frame) -> Vec<String> {
        let mut lines = vec![String::new(), self.paint("1", &frame.title), String::new()];
        lines.push(self.paint("2", &frame.file.display().to_string()));
        lines.extend(frame.says.iter().map(|line| self.cut(&format!("  {line}"))));
        lines.extend(frame.problem.iter().map(|problem| self.paint("31", problem)));
        if let Some((title, steps)) = &frame.release {
            lines.push(String::new());
            lines.push(self.paint("2", title));
            lines.extend(steps.iter().map(|step| self.cut(&format!("  {step}"))));
        }
        lines.push(String::new());
        lines.push(self.paint("2", "everybody"));
        lines.extend(self.bars(&frame.traffic));
        if !frame.testers.is_empty() {
            lines.push(self.paint("2", "testers"));
            lines.extend(self.bars(&frame.testers));
        }
        lines.push(String::new());
        let failed = if frame.failed == 0 { "0 failed".into() } else { self.paint("31", &format!("{} failed", frame.failed)) };
        lines.push(format!("{} requests, {failed}", frame.requests));
        lines.push(self.paint("2", &format!("{:5.1} s  {}", frame.at.as_secs_f64(), frame.event)));
        lines
    }

    fn bars(&self, parts: &[(String, Part)]) -> Vec<String> {
        let cells = BAR.min(self.width.saturating_sub(BESIDE));
        let bar = |(version, part): &(String, Part)| {
            let (bar, pad) = bar(part.share, cells);
            let colour = VERSIONS.iter().zip(COLOURS).find(|(name, _)| *name == version).map_or("0", |(_, colour)| colour);
            let bar = self.paint(colour, &bar);
            format!("  {version:5} {bar}{pad} {:5.1} % {:5.0}/s", part.share * 100.0, part.rate)
        };
        parts.iter().map(bar).collect()
    }

    fn paint(&self, style: &str, text: &str) -> String {
        let text = self.cut(text);
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text }
    }

    fn cut(&self, text: &str) -> String {
        text.chars().take(self.width.saturating_sub(1)).collect()
    }
}

/// A bar of a share, and the blanks that fill it up.
fn bar(share: f64, cells: usize) -> (String, String) {
    let eighths = (share.clamp(0.0, 1.0) * cells as f64 * 8.0).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    let mut pad = String::new();
    // Writing to a string cannot fail.
    let _ = write!(pad, "{:1$}", "", cells - bar.chars().count());
    (bar, pad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let part = |share| Part { rate: share * 200.0, share };
        Frame {
            at: Duration::from_millis(12_340),
            title: "25 %".into(),
            file: "/tmp/releases/checkout.yaml".into(),
            says: vec!["stable: v41".into(), "candidate: v42".into()],
            release: Some(("v42 is at step 2 of 2".into(), vec!["✓ 5% for 2s".into(), "▶ 25% for 2s".into()])),
            traffic: vec![("v41".into(), part(0.75)), ("v42".into(), part(0.25))],
            requests: 2431,
            event: "the Envoy acknowledged it after 27 ms".into(),
            ..Frame::default()
        }
    }

    #[test]
    fn a_frame_as_drawn() {
        let lines = Pen { colour: false, width: 80 }.draw(&frame());
        let want = [
            "",
            "25 %",
            "",
            "/tmp/releases/checkout.yaml",
            "  stable: v41",
            "  candidate: v42",
            "",
            "v42 is at step 2 of 2",
            "  ✓ 5% for 2s",
            "  ▶ 25% for 2s",
            "",
            "everybody",
            "  v41   ████████████████████████████████████              75.0 %   150/s",
            "  v42   ████████████                                      25.0 %    50/s",
            "",
            "2431 requests, 0 failed",
            " 12.3 s  the Envoy acknowledged it after 27 ms",
        ];
        assert_eq!(lines, want);
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        let mut frame = frame();
        frame.event = "x".repeat(300);
        for width in [40, 80, 200] {
            let lines = Pen { colour: false, width }.draw(&frame);
            assert!(lines.iter().all(|line| line.chars().count() < width), "{width}: {lines:#?}");
        }
    }

    #[test]
    fn a_frame_takes_the_place_of_the_one_before() {
        let mut out = Vec::new();
        let mut live = Live::new(&mut out, false, || 80);
        live.frame(&frame()).unwrap();
        live.frame(&frame()).unwrap();
        drop(live);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\x1b[17A\r\x1b[J"), "{text:?}");
    }

    #[test]
    fn bars_have_eighths() {
        assert_eq!(bar(0.5, 3).0, "█▌");
        assert_eq!(bar(0.0, 3), (String::new(), "   ".into()));
        assert_eq!(bar(1.0, 3), ("███".into(), String::new()));
    }
}
