//! [without `gc`] No guest has structs or arrays.

use std::rc::Rc;

use crate::error::Result;
use crate::features;
use crate::js::Js;
use crate::store_core::Core;

pub fn object(_: &Rc<Core>, _: u32) -> Result<Js> {
    Err(features::absent("gc", "a struct or an array"))
}
