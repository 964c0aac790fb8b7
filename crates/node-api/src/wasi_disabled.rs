//! [without `wasi`] The facade refuses the names; the option is refused here.

use crate::error::Result;
use crate::features;
use crate::js::Js;

#[derive(Default)]
pub struct State;

impl State {
    pub fn read(options: Js) -> Result<State> {
        if options.is_undefined() {
            Ok(State)
        } else {
            Err(features::absent("wasi", "options.wasi"))
        }
    }
}

pub fn exit_code(_: &wasmtime::Error) -> Option<i32> {
    None
}
