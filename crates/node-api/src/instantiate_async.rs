//! [feature `async`] Instances whose start functions may wait.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime::StoreContextMut;

use crate::error::{Error, Result, guard};
use crate::fiber::Making;
use crate::instance::{Instance, Plan};
use crate::js::Js;
use crate::limits;
use crate::linker::{InstancePre, Linker, into_instance};
use crate::store::Store;
use crate::store_core::{Core, Data, store_of_number};
use crate::task;

impl Plan {
    async fn later(self, context: &mut StoreContextMut<'_, Data>) -> wasmtime::Result<wasmtime::Instance> {
        match self {
            Plan::Imports(module, imports) => wasmtime::Instance::new_async(context, &module, &imports).await,
            Plan::Linker(linker, module) => linker.instantiate_async(context, &module).await,
            Plan::Pre(pre) => pre.instantiate_async(context).await,
        }
    }
}

impl Core {
    /// Instantiates at once, in a store that has had a call which may wait: Wasmtime does it on a fiber only then.
    pub fn instantiate_on_fiber(&self, growth: u64, plan: Plan) -> Result<wasmtime::Instance> {
        let made = Rc::new(Cell::new(None));
        let result = made.clone();
        let make: Making = Box::new(move |mut context| {
            Box::pin(async move {
                let instance =
                    limits::make_later(&mut context, growth, async |context| plan.later(context).await).await?;
                result.set(Some(instance));
                Ok(())
            })
        });
        self.has_stack()?;
        self.timed(|| self.make_now(make))?;
        made.take()
            .ok_or_else(|| Error::internal("nothing was instantiated").into())
    }

    /// Begins to instantiate. The facade has it go on, and returns a promise of the instance.
    fn instantiate_later(&self, growth: u64, plan: Plan) -> Result<Js> {
        let core = ptr::from_ref(self);
        let make: Making = Box::new(move |mut context| {
            Box::pin(async move {
                let instance =
                    limits::make_later(&mut context, growth, async |context| plan.later(context).await).await?;
                // SAFETY: the store outlives its fibers.
                unsafe { (*core).calls.made.set(Some(instance)) };
                Ok(())
            })
        });
        self.begin(make, false, None)?;
        self.data.call(self.env, "follow", &[self.table()?])
    }
}

/// The instance that was made in a store, once.
#[napi(skip_typescript)]
pub fn made_instance(store: Js) -> napi::Result<Js> {
    guard(store.env, || {
        let core = store_of_number(store)?;
        match core.calls.made.take() {
            Some(instance) => into_instance(&core, instance),
            None => Err(Error::internal("nothing was instantiated").into()),
        }
    })
}

#[napi]
impl Linker {
    /// Like `instantiate`, for start functions that call host functions which return promises. The store is in use until the
    /// promise is settled.
    ///
    /// Rejects as `instantiate` throws, and with what a promise was rejected with.
    #[napi(ts_args_type = "store: Store, module: Module", ts_return_type = "Promise<Instance>")]
    pub fn instantiate_async(&self, this: This<Js>, store: Js, module: Js) -> napi::Result<Js> {
        task::promise(store.env, || {
            let (core, growth, plan) = self.plan(this.object, &store, module)?;
            core.instantiate_later(growth, plan)
        })
    }
}

#[napi]
impl InstancePre {
    /// Like `instantiate`, for start functions that call host functions which return promises.
    #[napi(ts_args_type = "store: Store", ts_return_type = "Promise<Instance>")]
    pub fn instantiate_async(&self, this: This<Js>, store: Js) -> napi::Result<Js> {
        task::promise(store.env, || {
            let (core, plan) = self.plan(this.object, &store)?;
            core.instantiate_later(self.shared_growth, plan)
        })
    }
}

#[napi]
impl Instance {
    /// Like the constructor, for start functions that call host functions which return promises.
    #[napi(
        ts_args_type = "store: Store, module: Module, imports?: Imports",
        ts_return_type = "Promise<Instance>"
    )]
    pub fn create(store: Js, module: Js, imports: Js) -> napi::Result<Js> {
        task::promise(store.env, || {
            let core = &store.class::<Store>("store")?.core;
            let (growth, plan) = core.plan(module, imports)?;
            core.instantiate_later(growth, plan)
        })
    }
}
