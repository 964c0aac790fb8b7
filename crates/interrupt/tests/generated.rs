//! Random modules: they stay valid, have all their checks, and their code is known to come from where it was.

#![allow(missing_docs, reason = "tests")]

use arbitrary::Unstructured;
use cwasm_interrupt::{Form, Interruptible, Options, checks, interruptible};
use wasm_smith::{Config, Module};
use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

const CASES: u64 = 1500;

fn random(case: u64) -> Option<Vec<u8>> {
    // xorshift: each case has bytes of its own, always the same.
    let mut state = case.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes = (0..4096).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    let config = Config {
        max_memories: 3,
        max_imports: 8,
        exceptions_enabled: case.is_multiple_of(2),
        gc_enabled: case.is_multiple_of(3),
        min_uleb_size: if case.is_multiple_of(8) { 5 } else { 1 },
        generate_custom_sections: case.is_multiple_of(5),
        ..Config::default()
    };
    let module = Module::new(config, &mut Unstructured::new(&bytes.collect::<Vec<_>>())).ok()?;
    Some(module.to_bytes())
}

#[test]
fn random_modules_stay_valid_and_have_all_their_checks() {
    let (mut seen, mut loops, mut entries) = (0, 0, 0);
    for case in 0..CASES {
        let Some(wasm) = random(case) else { continue };
        let options = Options {
            form: if case.is_multiple_of(2) {
                Form::Fault
            } else {
                Form::Flag
            },
            import: ("host", "page"),
        };
        let made = interruptible(&wasm, options).unwrap_or_else(|error| panic!("case {case}: {error}"));
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(&made.wasm)
            .unwrap_or_else(|error| panic!("case {case}: {error}"));
        let found = checks(&made.wasm, options.form).unwrap_or_else(|error| panic!("case {case}: {error}"));
        comes_from(&wasm, &made, case);
        (seen, loops, entries) = (seen + 1, loops + found.loops, entries + found.entries);
    }
    assert!(
        seen > CASES / 2 && loops > 100 && entries > 100,
        "{seen} modules, {loops} loops, {entries} entries"
    );
}

/// Each instruction is the one that was there, or one of those that checks and tight loops are made with.
fn comes_from(wasm: &[u8], made: &Interruptible, case: u64) {
    let mut starts = made.starts.iter();
    let mut last = (0u32, 0u32);
    for payload in Parser::new(0).parse_all(&made.wasm) {
        let Ok(Payload::CodeSectionEntry(body)) = payload else {
            continue;
        };
        let start = *starts.next().expect("as many bodies");
        assert_eq!(made.positions.original(body.range().start as u32), start, "case {case}");
        let mut operators = body.get_operators_reader().expect("operators");
        while !operators.eof() {
            let new = operators.original_position() as u32;
            let operator = operators.read().expect("an operator");
            let old = made.positions.original(new);
            if matches!(operator, Operator::Nop) && last.0 + 32 > new {
                continue;
            }
            let same = wasm.get(old as usize) == made.wasm.get(new as usize);
            assert!(
                same || is_added(&operator),
                "case {case}: {operator:?} at {new:#x} is not from {old:#x}"
            );
            // Distances do not grow, but for those that are small however they are written.
            let (new_step, old_step) = (new - last.0, old.abs_diff(last.1));
            assert!(
                old_step <= new_step || old_step < 64,
                "case {case}: {operator:?} at {new:#x}, which was {old:#x}, after {last:x?}"
            );
            last = (new, old);
        }
    }
}
fn is_added(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32Const { value: 0 }
            | Operator::I32Load8U { .. }
            | Operator::I32Store8 { .. }
            | Operator::Drop
            | Operator::If { .. }
            | Operator::Unreachable
            | Operator::End
            | Operator::Block { .. }
            | Operator::I32Eqz
            | Operator::BrIf { .. }
    )
}
