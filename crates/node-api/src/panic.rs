//! For the specs: panics in every kind of place that must catch one, in the very build that is published. The facade does not
//! export it.

use std::rc::Rc;

use napi_derive::napi;
use wasmtime::{FuncType, ValType};

use crate::error::{Error, guard};
use crate::js::Js;
use crate::sig::Sig;
use crate::store::Store;
use crate::store_core::Core;

/// Panics when it is dropped, as something of Wasmtime's might.
struct Bomb;

impl Drop for Bomb {
    #[allow(clippy::panic, reason = "it is what this is for")]
    fn drop(&mut self) {
        panic!("dropped");
    }
}

/// Panics as `place` says: in the `body` of a native function, or inside of the `store`. `callback` returns a wasm function of the store that panics when it is called; after
/// `finalizer` the store panics when it is freed.
#[napi(skip_typescript)]
#[allow(clippy::panic, reason = "it is what this is for")]
pub fn panic_for_specs(place: Js, store: Js) -> napi::Result<Js> {
    let env = place.env;
    guard(env, || {
        let core: &Rc<Core> = &store.class::<Store>("store")?.core;
        match place.to_str("place")?.as_str() {
            "body" => panic!("body"),
            "store" => core.enter(|_| panic!("store")),
            "callback" => {
                let ty = FuncType::new(&core.engine.engine, [], [ValType::I32]);
                let sig = Sig::new(&ty);
                let number = core.enter(|mut context| {
                    let func = wasmtime::Func::new(&mut context, ty, |_, _, _| panic!("callback"));
                    core.funcs.number(&mut context, func, Some(&sig))
                })?;
                core.table()?.invoke("func", &[Js::number(env, number.into())?])
            }
            "finalizer" => {
                let bomb = Bomb;
                core.enter(|context| {
                    wasmtime::Func::wrap(context, move || {
                        let _ = &bomb;
                    })
                })?;
                Js::undefined(env)
            }
            other => Err(Error::type_error(format!("there is no place '{other}'")).into()),
        }
    })
}
