//! [without `cache`] The options are refused.

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
            Err(features::absent("cache", "config.cache"))
        }
    }
    #[allow(dead_code, reason = "for builds that compile")]
    pub fn is_on(&self) -> bool {
        false
    }
    pub fn apply(&self, _: &mut wasmtime::Config) -> Result<()> {
        Ok(())
    }
}
