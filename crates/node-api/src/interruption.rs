//! How a guest that computes is stopped: its code has checks that read a page ([`crate::page`], put in by crates/interrupt), or it
//! looks at the engine's epoch.

use wasmtime::{ExternType, ImportType, Module};

use crate::metadata::{Block, in_image};
use crate::module::image;

/// What modules with checks import last, a memory of one page.
pub const MODULE: &str = "cwasm:interrupt";
pub const NAME: &str = "page";
/// How many bytes it has.
pub const PAGE: usize = 1 << 16;

/// What a module's code has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interruption {
    /// Nothing: it is as its author wrote it.
    None,
    /// Checks that fault.
    Page,
    /// Checks that look at a flag.
    Flag,
    Epochs,
}
use Interruption::{Epochs, Flag, None, Page};

impl Interruption {
    pub const fn name(self) -> &'static str {
        match self {
            None => "none",
            Page => "page",
            Flag => "flag",
            Epochs => "epochs",
        }
    }
    pub fn of(module: &Module) -> Interruption {
        let block = in_image(image(module));
        let name = block.and_then(|block| block.setting("interruption"));
        let named = |each: &Interruption| Some(each.name()) == name;
        [Page, Flag, Epochs].into_iter().find(named).unwrap_or(None)
    }
    /// Whether it has checks, so that the last of its imports is for them.
    pub const fn has_checks(self) -> bool {
        matches!(self, Page | Flag)
    }
    /// What a module imports that has this, without what that takes.
    pub fn imports<'a>(self, module: &'a Module) -> impl ExactSizeIterator<Item = ImportType<'a>> {
        let all = module.imports();
        let own = all.len() - usize::from(self.has_checks());
        all.take(own)
    }
}

/// Where in its wasm a function begins, by its index; none where the code has not moved, or it is not known.
pub fn start_of(module: &Module, function: u32) -> Option<u32> {
    let block: Block<'_> = in_image(image(module))?;
    let starts = block.starts()?;
    let imported = module
        .imports()
        .filter(|import| matches!(import.ty(), ExternType::Func(_)));
    Starts(starts).nth((function as usize).checked_sub(imported.count())?)
}

/// Offsets that grow, each written as how far it is from the one before.
pub struct Starts<'a>(&'a [u8]);

impl Starts<'_> {
    #[allow(dead_code, reason = "for builds that compile")]
    pub fn written(starts: &[u32]) -> Vec<u8> {
        let (mut bytes, mut last) = (Vec::with_capacity(2 * starts.len()), 0);
        for start in starts {
            let mut left = start - last;
            last = *start;
            while left >= 0x80 {
                bytes.push(left as u8 | 0x80);
                left >>= 7;
            }
            bytes.push(left as u8);
        }
        bytes
    }
    fn nth(self, n: usize) -> Option<u32> {
        let (mut at, mut shift, mut delta) = (0u32, 0, 0u32);
        let mut left = n;
        for byte in self.0 {
            delta |= u32::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 != 0 {
                continue;
            }
            at = at.checked_add(delta)?;
            if left == 0 {
                return Some(at);
            }
            (left, shift, delta) = (left - 1, 0, 0);
        }
        Option::None
    }
}
