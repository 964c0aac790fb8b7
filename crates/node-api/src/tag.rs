//! [`Tag`].

use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi_derive::napi;

use crate::error::{Result, guard};
use crate::externs::Item;
use crate::js::{Js, constructing};
use crate::store::Store;
use crate::store_core::Core;
use crate::types;

/// The identity of a kind of exception, and the types of what it carries.
///
/// @example
/// ```ts
/// const failed = new Tag(store, { parameters: ['i32'] })
/// new Instance(store, module, { env: { failed, f() { throw new Exception(failed, [7]) } } })
/// ```
#[napi]
pub struct Tag {
    pub(crate) core: Rc<Core>,
    pub(crate) tag: wasmtime::Tag,
}

impl Tag {
    pub fn ty(&self) -> Result<wasmtime::TagType> {
        self.core.enter(|context| self.tag.ty(&context))
    }
}

#[napi]
impl Tag {
    /// Makes a tag in `store`, to be imported.
    ///
    /// Throws `TypeError` for parameters that are no types.
    #[napi(constructor, ts_args_type = "store: Store, type: TagType")]
    pub fn new(this: This<Js>, store: Js, ty: Js) -> napi::Result<Self> {
        guard(store.env, || {
            constructing::<Tag>(this.object)?;
            let core = &store.class::<Store>("store")?.core;
            let ty = types::tag_type(&core.engine.engine, ty)?;
            let tag = core
                .enter(|context| wasmtime::Tag::new(context, &ty))?
                .map_err(crate::trap::failure)?;
            Item::Tag(tag).adopt(core, this.object)?;
            Ok(Tag {
                core: core.clone(),
                tag,
            })
        })
    }

    /// The types of what an exception of this kind carries.
    #[napi(getter, js_name = "type", ts_return_type = "TagType")]
    pub fn tag_type(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || types::tag_to_js(env.raw(), &self.ty()?))
    }
}
