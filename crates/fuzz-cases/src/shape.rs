//! What the modules are like. Not all alike: what each may have is drawn anew, so that one thing does not drown another.

use wasm_smith::Config;

use crate::dice::Dice;

const PAGE: u64 = 64 << 10;

/// Small enough that thousands are compiled in a minute.
fn small(dice: &mut Dice) -> Config {
    Config {
        min_funcs: dice.between(1, 6),
        max_funcs: dice.between(6, 12),
        max_instructions: 1 << dice.between(4, 9),
        max_types: dice.between(4, 12),
        min_imports: dice.between(0, 2),
        max_imports: dice.between(2, 6),
        max_globals: dice.between(0, 6),
        max_tables: dice.between(0, 3),
        max_element_segments: 4,
        max_elements: 8,
        max_data_segments: 4,
        min_memories: dice.between(0, 1) as u32,
        max_memories: 1,
        max_memory32_bytes: 4 * PAGE,
        max_memory64_bytes: u128::from(4 * PAGE),
        max_table_elements: 100,
        export_everything: true,
        allow_floats: !dice.once_in(4),
        simd_enabled: dice.once_in(2),
        tail_call_enabled: dice.once_in(2),
        disallow_traps: dice.once_in(3),
        memory_max_size_required: true,
        table_max_size_required: true,
        ..Config::default()
    }
}

/// What the V8 of Node 20 has too, without what engines may choose: the bits of NaNs, and when memory ends.
pub fn differential(dice: &mut Dice) -> Config {
    Config {
        canonicalize_nans: true,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        ..small(dice)
    }
}

/// Every proposal that Wasmtime has; sometimes functions that are no valid code, and sizes without bounds.
pub fn any(dice: &mut Dice) -> Config {
    let mut config = Config {
        max_memories: dice.between(1, 3),
        max_tags: dice.between(0, 3),
        // The others are on by default.
        custom_page_sizes_enabled: true,
        wide_arithmetic_enabled: true,
        gc_enabled: dice.once_in(2),
        exceptions_enabled: dice.once_in(2),
        threads_enabled: dice.once_in(2),
        memory64_enabled: dice.once_in(2),
        generate_custom_sections: dice.once_in(8),
        allow_invalid_funcs: dice.once_in(8),
        memory_max_size_required: dice.once_in(2),
        table_max_size_required: dice.once_in(2),
        min_uleb_size: if dice.once_in(8) { 5 } else { 1 },
        ..small(dice)
    };
    if dice.once_in(16) {
        let Config {
            max_memory32_bytes,
            max_memory64_bytes,
            max_table_elements,
            ..
        } = Config::default();
        config = Config {
            max_memory32_bytes,
            max_memory64_bytes,
            max_table_elements,
            ..config
        };
    }
    config
}
