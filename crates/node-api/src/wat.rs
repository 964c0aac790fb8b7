//! [feature `wat`] The text format.

use wat::{GenerateDwarf, Parser};

use crate::error::{Error, Result};
use crate::profile::Profile;

/// Binary wasm of text. For people who debug it has the lines of the text in it.
pub fn parse(text: &str, profile: Profile) -> Result<Vec<u8>> {
    let mut parser = Parser::new();
    if profile.is_debug() {
        parser.generate_dwarf(GenerateDwarf::Lines);
    }
    parser
        .parse_str(None, text)
        .map_err(|error| Error::new("CompileError", format!("the text is no valid WAT: {error}")).into())
}
