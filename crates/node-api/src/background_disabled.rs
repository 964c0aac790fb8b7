//! [without `async`] All guests are where JavaScript is.

use napi::sys;

use crate::env::EnvData;
use crate::error::Result;

pub struct Absent;

pub fn watch_end(_: sys::napi_env, _: *const EnvData) -> Result<()> {
    Ok(())
}
