//! [without `wasi`] The facade refuses the names; the option is refused here.

use wasmtime::StoreContextMut;

use crate::error::Result;
use crate::features;
use crate::js::Js;
use crate::store_core::{Core, Data};

#[derive(Default)]
pub struct State;
pub struct Callbacks;
#[derive(Default)]
pub struct Functions(());

impl Functions {
    pub fn get(
        &self,
        _: &wasmtime::Engine,
        _: &mut StoreContextMut<'_, Data>,
        _: &str,
        _: &str,
    ) -> wasmtime::Result<wasmtime::Extern> {
        Err(wasmtime::format_err!("there is no WASI"))
    }
}

impl Callbacks {
    pub fn bind(self, _: &Core) -> Result<()> {
        Ok(())
    }
}

impl State {
    pub fn read(options: Js) -> Result<(State, Callbacks)> {
        if options.is_undefined() {
            Ok((State, Callbacks))
        } else {
            Err(features::absent("wasi", "options.wasi"))
        }
    }
}

pub fn exit_code(_: &wasmtime::Error) -> Option<i32> {
    None
}
