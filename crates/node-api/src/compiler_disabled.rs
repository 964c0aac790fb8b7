//! [without `cranelift`] The facade refuses the methods; the options are refused here.

use crate::error::Result;
use crate::features;
use crate::js::Js;
use crate::profile::Profile;

#[derive(Clone)]
pub struct Settings;

impl Settings {
    pub fn read(group: Js, _: Profile) -> Result<Settings> {
        if group.is_undefined() {
            Ok(Settings)
        } else {
            Err(features::absent("cranelift", "config.compiler"))
        }
    }
    pub fn apply(&self, _: &mut wasmtime::Config) {}
}
