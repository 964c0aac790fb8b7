//! Where guests trap by other means than signals (Windows).

use napi_derive::napi;

use crate::error::{Result, guard};

pub fn remember() {}
pub fn mend() {}

/// Called by the facade.
#[napi(skip_typescript)]
pub fn mend_signals(env: napi::Env) -> napi::Result<()> {
    guard(env.raw(), || -> Result<()> { Ok(()) })
}
