//! [feature `wat`] The text format.

use crate::error::{Error, Result};

pub fn parse(text: &str) -> Result<Vec<u8>> {
    wat::parse_str(text)
        .map_err(|error| Error::new("CompileError", format!("the text is no valid WAT: {error}")).into())
}
