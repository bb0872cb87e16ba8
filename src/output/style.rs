//! One place decides colour and width.

use std::env;
use std::io::IsTerminal;

use colored::{ColoredString, Colorize};

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// Columns of a line when the terminal doesn't say (a pipe, a file).
const DEFAULT_WIDTH: u16 = 80;

/// Whether to colour, and how many columns a line may have.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Standard output is a terminal.
    pub terminal: bool,
    pub color: bool,
    /// Only ASCII is shown rightly.
    pub ascii: bool,
    pub width: u16,
    /// Lines of the screen, when standard output is one.
    pub height: Option<u16>,
}

impl Style {
    /// No colour, 80 columns: pipes and tests.
    pub const PLAIN: Self = Self {
        terminal: false,
        color: false,
        ascii: false,
        width: DEFAULT_WIDTH,
        height: None,
    };

    /// Decides for standard output: the flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then whether it is a terminal.
    pub fn detect(color: Color) -> Self {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && (set("CLICOLOR_FORCE")
                        || (std::io::stdout().is_terminal() && env::var("TERM").as_deref() != Ok("dumb")))
            }
        };
        // `colored` looks at the environment by itself; from here on, this decision is the only one.
        colored::control::set_override(color);
        let screen = screen();
        let width = env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok())
            .or_else(|| screen.map(|(width, _)| width))
            .unwrap_or(DEFAULT_WIDTH);
        Self {
            terminal: std::io::stdout().is_terminal(),
            color,
            ascii: !is_utf8(|name| env::var(name).ok()),
            width: width.max(40),
            height: screen.map(|(_, height)| height),
        }
    }

    fn paint(self, text: &str, with: impl Fn(&str) -> ColoredString) -> String {
        if self.color {
            with(text).to_string()
        } else {
            text.to_owned()
        }
    }

    /// What is broken.
    pub fn bad(self, text: &str) -> String {
        self.paint(text, |text| text.red().bold())
    }

    /// What deserves a look.
    pub fn warn(self, text: &str) -> String {
        self.paint(text, |text| text.yellow())
    }

    /// What is well.
    pub fn good(self, text: &str) -> String {
        self.paint(text, |text| text.green())
    }

    /// Headings.
    pub fn strong(self, text: &str) -> String {
        self.paint(text, |text| text.bold())
    }

    /// Asides.
    pub fn faint(self, text: &str) -> String {
        self.paint(text, |text| text.dimmed())
    }
}

/// Whether the locale's characters are UTF-8 (setlocale(3): the first of these that is set counts).
fn is_utf8(value: impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| value(name).filter(|value| !value.is_empty()))
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

/// The columns of the terminal behind standard output.
/// Columns and lines of the terminal that standard output is.
fn screen() -> Option<(u16, u16)> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    ratatui::crossterm::terminal::size().ok()
}
