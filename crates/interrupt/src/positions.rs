//! Where code was before it moved.

/// Says of an offset into the module with checks where in the original that is.
#[derive(Default)]
pub struct Positions(Vec<Run>);

/// From `new` until the next run.
struct Run {
    new: u32,
    old: u32,
    /// Whether all of it is the one place `old`: a check is at the loop, or the first instruction, that it was put to.
    fixed: bool,
}

impl Positions {
    /// What follows at `new` is from `old` on.
    pub(crate) fn moved(&mut self, new: usize, old: usize) {
        let (new, old) = (new as u32, old as u32);
        let known = self
            .0
            .last()
            .is_some_and(|run| !run.fixed && new - run.new + run.old == old);
        if !known {
            self.0.push(Run { new, old, fixed: false });
        }
    }
    /// What follows at `new` is a check for what is at `old`.
    pub(crate) fn added(&mut self, new: usize, old: usize) {
        let (new, old) = (new as u32, old as u32);
        self.0.push(Run { new, old, fixed: true });
    }

    /// Where in the original the code at `new` is. Never later in a module, nor further from any other place, than in the new one.
    pub fn original(&self, new: u32) -> u32 {
        let next = self.0.partition_point(|run| run.new <= new);
        match next.checked_sub(1).and_then(|last| self.0.get(last)) {
            Some(run) if run.fixed => run.old,
            Some(run) => new - run.new + run.old,
            None => new,
        }
    }
}
