//! [without `pooling-allocator`] The options are refused.

use crate::error::Result;
use crate::features;
use crate::js::Js;

#[derive(Clone)]
pub struct Settings;

impl Settings {
    pub fn read(group: Js) -> Result<Settings> {
        if group.is_undefined() {
            Ok(Settings)
        } else {
            Err(features::absent("pooling-allocator", "config.pooling"))
        }
    }
    pub fn apply(&self, _: &mut wasmtime::Config) {}
}
