//! How things look, never what is true: colour, width, tables, JSON and YAML.

pub mod diff;
pub mod document;
pub mod jsonpath;
pub mod picture;
pub mod style;
pub mod table;
pub mod template;
pub mod text;
mod yaml;

pub use style::{Color, Style};
