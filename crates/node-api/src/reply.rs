//! [feature `wasi`] What JavaScript says to a guest that waits for it on another thread.

use std::cell::Cell;

use napi::sys;

use crate::error::Result;
use crate::js::Js;

/// Called once: with what JavaScript says, or with nothing where nobody is left to say it.
pub struct Reply<F: FnOnce(Option<Js>)>(Cell<Option<F>>);

impl<F: FnOnce(Option<Js>)> Reply<F> {
    pub fn new(hear: F) -> Reply<F> {
        Reply(Cell::new(Some(hear)))
    }
    /// As a function of JavaScript.
    pub fn into_js(self, env: sys::napi_env) -> Result<Js>
    where
        F: 'static,
    {
        Js::function(env, move |value| {
            if let Some(hear) = self.0.take() {
                hear(Some(value));
            }
        })
    }
}
impl<F: FnOnce(Option<Js>)> Drop for Reply<F> {
    fn drop(&mut self) {
        if let Some(hear) = self.0.take() {
            hear(None);
        }
    }
}
