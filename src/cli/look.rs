//! How texts are to look: the terminal as an argument, so that rendering is pure.

use std::io::IsTerminal;

use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::Timestamp;

/// What a text is drawn for.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Colours and bold are shown.
    pub color: bool,
    /// Characters a line; `None` for output that is not a terminal, where nothing is wrapped.
    pub width: Option<u16>,
    /// The time that "3m ago" counts from.
    pub now: Timestamp,
}

impl Look {
    /// The look of standard output now.
    pub fn of_stdout() -> Look {
        let terminal = std::io::stdout().is_terminal();
        let width = terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| width.0);
        Look { color: terminal && colors_wanted(), width, now: Timestamp::now() }
    }

    /// The look of standard error now.
    pub fn of_stderr() -> Look {
        Look { color: std::io::stderr().is_terminal() && colors_wanted(), width: None, now: Timestamp::now() }
    }

    /// A text in a tone, if colours are shown.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let style = tone.style();
        format!("{style}{text}{style:#}")
    }

    /// A table cell in a tone.
    pub fn cell(&self, tone: Tone, text: impl ToString) -> Cell {
        let cell = Cell::new(text);
        match tone {
            Tone::Plain => cell,
            Tone::Strong => cell.add_attribute(Attribute::Bold),
            Tone::Dim => cell.add_attribute(Attribute::Dim),
            Tone::Good => cell.fg(Color::Green),
            Tone::Caution => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red),
        }
    }

    /// Cells of a bar: as many as there is room for beside what tables say in words, none on a narrow terminal.
    pub fn bar_cells(&self) -> u32 {
        match self.width {
            None | Some(100..) => 20,
            Some(88..100) => 10,
            Some(_) => 0,
        }
    }

    /// An empty table with these column titles. On a narrow terminal the columns among `wrapped` are wrapped, the others stay whole:
    /// numbers and single words would be torn.
    pub fn table(&self, titles: &[&str], wrapped: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).force_no_tty();
        if self.color {
            table.enforce_styling().style_text_only();
        }
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table.set_header(titles.iter().map(|title| self.cell(Tone::Dim, title)));
        for (column, title) in table.column_iter_mut().zip(titles) {
            column.set_padding((0, 2));
            if !wrapped.contains(title) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table
    }
}

/// What a text is to say by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Dim,
    Good,
    Caution,
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Strong => Style::new().bold(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Caution => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// Whether somebody asked for no colours, as no-color.org has it.
fn colors_wanted() -> bool {
    let said = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !said("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A text from a client or a file as one line that cannot steer the terminal: node ids and error texts are what others wrote.
pub fn clean(text: &str) -> String {
    let words: Vec<&str> = text.split(char::is_control).filter(|part| !part.is_empty()).collect();
    words.join(" ")
}

/// The same for a text of several lines.
pub fn clean_lines(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_means_no_escape() {
        let look = Look { color: false, width: None, now: Timestamp::UNIX_EPOCH };
        assert_eq!(look.paint(Tone::Bad, "x"), "x");
        assert_eq!(Look { color: true, ..look }.paint(Tone::Good, "x"), "\u{1b}[32mx\u{1b}[0m");
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc"), "a [2Jb c");
        assert_eq!(clean_lines("a\n\u{1b}b\u{7}\n"), "a\nb\n");
    }
}
