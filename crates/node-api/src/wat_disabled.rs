//! [without `wat`] Text can't be read.

use crate::error::Result;
use crate::features;

pub fn parse(_: &str) -> Result<Vec<u8>> {
    Err(features::absent("wat", "the text format"))
}
