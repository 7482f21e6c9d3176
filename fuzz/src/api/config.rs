//! Engines with any configuration.

use std::num::NonZeroU32;

use rotifer::{Config, Dispatch, Engine, Features, FuelCosts, Limits, LoadMode};

use super::pool::Dice;

/// Proposals: mostly all, sometimes any.
fn features(config: &mut Config, dice: &Dice) {
    let mut features = crate::execute::all_features();
    if dice.one_in(4) {
        config.features(Features::default());
        return;
    }
    if dice.one_in(4) {
        let names: Vec<&str> = features.iter().map(|(name, _)| name).collect();
        for name in names {
            let enable = !dice.one_in(5);
            assert!(features.set(name, enable).is_some(), "the feature {name} exists");
            assert_eq!(features.get(name), Some(enable));
        }
    }
    config.features(features);
    if dice.one_in(8) {
        let on = dice.one_in(2);
        config
            .floats(on)
            .wasm_mutable_global(true)
            .wasm_sign_extension(on)
            .wasm_saturating_float_to_int(on)
            .wasm_multi_value(true)
            .wasm_bulk_memory(true)
            .wasm_reference_types(true)
            .wasm_tail_call(on)
            .wasm_extended_const(on)
            .wasm_multi_memory(on)
            .wasm_memory64(on)
            .wasm_custom_page_sizes(on)
            .wasm_wide_arithmetic(on);
    }
}

fn limits(dice: &Dice) -> Limits {
    match dice.below(4) {
        0 => Limits::strict(),
        1 => {
            let small = |most: u64| dice.below(most) as u32;
            let mut limits = Limits::default();
            limits.module_bytes = 1_000 + small(100_000);
            limits.types = small(30);
            limits.functions = small(40);
            limits.imports = small(20);
            limits.params = small(10);
            limits.locals = small(100);
            limits.nesting = small(20);
            limits.frame_slots = dice.pick(&[0, 2, 3, 10, 100, u32::MAX]);
            limits.br_table_labels = small(10);
            limits.table_elements = dice.size();
            limits.memory_bytes = dice.size();
            limits.name_bytes = small(20);
            limits
        }
        _ => Limits::default(),
    }
}

fn costs(dice: &Dice) -> FuelCosts {
    let cost = || dice.pick(&[0, 1, 1, 2, 7, 255]);
    let mut costs = FuelCosts::new().all(cost());
    if dice.one_in(2) {
        costs = costs.entity(cost()).load(cost()).store(cost()).call(cost());
        let any = |most: u64| NonZeroU32::new(1 + dice.below(most) as u32).expect("at least 1");
        costs = costs.bytes_per_fuel(any(1_000)).elements_per_fuel(any(100));
        let opcode = dice.below(0x1_0000) as u16;
        if let Ok(changed) = costs.clone().opcode(opcode, 3) {
            assert_eq!(changed.cost(opcode), 3);
            costs = changed;
        }
        let _ = (costs.of_bytes(dice.size()), costs.of_elements(dice.size()));
    }
    costs
}

/// An engine with any configuration.
pub(super) fn engine(dice: &Dice) -> Engine {
    let mut config = match dice.below(4) {
        0 => Config::deterministic(),
        1 => Config::new(),
        _ => Config::default(),
    };
    if !dice.one_in(3) {
        features(&mut config, dice);
    }
    config
        .limits(limits(dice))
        .load_mode(dice.pick(&[LoadMode::Eager, LoadMode::Checked, LoadMode::Partial]))
        .dispatch(dice.pick(Dispatch::available()))
        .allow_start_fn(!dice.one_in(6))
        .canonical_nans(dice.one_in(3))
        .host_error_backtrace(!dice.one_in(3))
        .interruptible(dice.one_in(2))
        .evictable_code(dice.one_in(2))
        .code_budget(dice.one_in(4).then(|| dice.pick(&[0, 300, 3_000, usize::MAX])))
        .track_writes(dice.one_in(2))
        .profile(dice.one_in(3));
    if dice.one_in(2) {
        config.resettable(dice.one_in(2));
    }
    if !dice.one_in(3) {
        config.consume_fuel(!dice.one_in(3)).fuel_costs(costs(dice));
        let name = dice.pick(&["i64.mul", "memory.fill", "select", "br", "no such instruction", "call"]);
        let _ = config.fuel_cost(name, dice.below(3) as u8);
    }
    if dice.one_in(2) {
        config
            .max_stack_size(dice.pick(&[0, 16, 100, 3_000, 100_000, 1 << 20]))
            .max_call_depth(dice.pick(&[0, 1, 5, 100, 10_000]))
            .max_host_nesting(dice.pick(&[0, 1, 3, 20]));
    }
    let _ = (config.get_limits(), config.get_features(), config.get_load_mode(), config.get_profile());
    let _ = (
        config.get_host_error_backtrace(),
        config.get_code_budget(),
        config.get_resettable(),
        config.get_dispatch(),
        format!("{config:?}"),
    );
    let engine = if dice.one_in(2) {
        Engine::new(&config)
    } else {
        Engine::try_new(&config).expect("the dispatcher is available")
    };
    assert_eq!(engine.dispatch(), config.get_dispatch());
    assert!(Engine::same(&engine, &engine.weak().upgrade().expect("the engine is alive")));
    let _ = (engine.config(), format!("{engine:?} {:?} {}", engine.weak(), rotifer::build_info()));
    engine
}
