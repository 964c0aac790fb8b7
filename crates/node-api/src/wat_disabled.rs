//! [without `wat`] Text can't be read.

use crate::error::Result;
use crate::features;
use crate::profile::Profile;

pub fn parse(_: &str, _: Profile) -> Result<Vec<u8>> {
    Err(features::absent("wat", "the text format"))
}
