//! Our own kernels: the committed modules and the checksums they must return.
//!
//! The sources are in `kernels/`; `cargo xtask kernels` rebuilds the modules. Each exports
//! `run(n: i32) -> i64`. The checksums are those of the same functions run natively, which a test below
//! repeats. Modules and amounts of work are frozen, so that results of different days can be compared: another test
//! compares them with `kernels/frozen.sha256`.

use crate::module::Module;
use anyhow::Result;

/// One kernel.
pub struct Kernel {
    /// Its name, and the module's.
    pub name: &'static str,
    wasm: &'static [u8],
    /// A small amount of work and its checksum.
    pub small: (i32, i64),
    /// The amount of work that is measured and its checksum.
    pub large: (i32, i64),
}

impl Kernel {
    /// The kernel's module.
    pub fn module(&self) -> Result<Module> {
        Module::parse(self.name, self.wasm.to_vec())
    }
}

/// All Rust kernels linked into one module, each exported under its own name: a start-up case.
pub fn combined() -> Result<Module> {
    Module::parse("kernels", include_bytes!("../kernels/wasm/all.wasm").to_vec())
}

macro_rules! kernels {
    ($($name:literal: $small:literal => $small_sum:literal, $large:literal => $large_sum:literal;)*) => {
        /// Every kernel in alphabetical order.
        pub const KERNELS: &[Kernel] = &[
            $(Kernel {
                name: $name,
                wasm: include_bytes!(concat!("../kernels/wasm/", $name, ".wasm")),
                small: ($small, $small_sum),
                large: ($large, $large_sum),
            }),*
        ];
    };
}

kernels! {
    // name: small work => checksum, measured work => checksum
    "ackermann": 2 => 185, 40 => 8780;
    "bits": 500 => -3_092_913_729_006_601_171, 1_000_000 => -4_300_301_557_042_233_802;
    "blake2b": 3 => 1_656_000_811_430_178_424, 5000 => 2_877_283_375_741_730_131;
    "bulk": 60 => -8_122_299_739_804_135_555, 100_000 => 4_184_107_198_702_237_998;
    "collatz": 100 => 3_294_625_889, 20_000 => 1_923_753_198_831;
    "convert": 500 => 7_198_485_317_935_572_578, 500_000 => -6_028_035_280_271_527_342;
    "counter": 1000 => -3_690_995_794_347_027_044, 2_000_000 => 4_627_923_186_059_641_536;
    "crc32": 2 => 2_911_035_845, 500 => 3_804_628_570;
    "dispatch": 2 => -4_511_336_949_513_272_138, 300 => 5_932_343_128_960_069_589;
    "fib": 12 => 144, 28 => 317_811;
    "fir": 2 => 2_496_493_618_012_532_394, 100 => -5_780_257_050_949_666_549;
    "globals": 500 => -8_309_830_903_366_417_929, 1_000_000 => 24_806_462_035_512_530;
    "hashmap": 500 => -2_892_191_140_741_854_007, 200_000 => 4_803_379_137_121_404_033;
    "indirect": 500 => -3_095_163_680_714_404_992, 500_000 => 1_414_377_672_287_033_663;
    "interpreter": 60 => -115_924_809_607_965_263, 4000 => -8_274_991_075_264_579_654;
    "json": 1 => 6_243_603_010_797_042_509, 30 => 9_013_494_800_912_414_175;
    "lz": 1 => 27_887, 20 => 5_984_967_592_915_667_578;
    "mandelbrot": 16 => -9_195_047_628_012_553_650, 200 => -3_090_717_267_504_580_879;
    "matmul": 12 => 9_019_588_205_255_663_741, 100 => 3_145_189_793_902_115_937;
    "modular": 10 => 1_088_908_767, 50_000 => 141_033_724;
    "nbody": 20 => -1_214_665_236_737_025_692, 40_000 => -2_591_826_849_505_181_182;
    "queens": 5 => 97, 11 => 85_429;
    "search": 1 => 19_595_125, 16 => -7_893_992_341_929_366_448;
    "sha256": 4 => -1_746_954_034_634_258_018, 4000 => 8_959_302_991_766_789_079;
    "sieve": 500 => 2_819_664_342_605_991_418, 1_000_000 => 1_831_348_269_187_179_805;
    "siphash": 70 => 4_592_544_134_040_787_011, 50_000 => 4_344_210_654_886_364_185;
    "sort": 300 => -3_367_190_524_832_651_435, 25_000 => -5_030_118_895_457_653_913;
    "state-machine": 1 => -1_254_090_005_969_705_500, 40 => -5_824_287_914_575_348_127;
    "stream": 1 => 1_008_534_216_555_114_276, 50 => 7_039_984_257_531_935_555;
    "tail": 500 => 6_046_184_357_196_360_957, 2_000_000 => -7_129_560_711_160_525_180;
    "tail-indirect": 500 => 3_444_435_551_786_192_749, 500_000 => -3_565_418_682_584_830_272;
    "tak": 6 => 30_569_566, 9 => 910_697_942_725;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::Value, engines};
    use sha2::{Digest, Sha256};
    use std::{collections::BTreeMap, fs, path::Path};

    /// The name in `frozen.sha256` of this file's list.
    const LIST: &str = "list";

    fn sha256(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn kernels_are_frozen() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder.join("wasm")).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("wasm/{}", path.file_name().unwrap().display());
            found.insert(name, sha256(&fs::read(&path).unwrap()));
        }
        let line = |kernel: &Kernel| format!("{} {:?} {:?}\n", kernel.name, kernel.small, kernel.large);
        let list: String = KERNELS.iter().map(line).collect();
        found.insert(LIST.to_owned(), sha256(list.as_bytes()));
        let frozen = fs::read_to_string(folder.join("frozen.sha256")).unwrap();
        let frozen: BTreeMap<String, String> = frozen
            .lines()
            .map(|line| line.split_once("  ").expect("a digest and a name"))
            .map(|(digest, name)| (name.to_owned(), digest.to_owned()))
            .collect();
        assert_eq!(found, frozen, "the kernels are frozen: see benches/README.md");
    }

    #[test]
    fn checksums_are_those_of_native_code() {
        let native = || rotifer_kernels::KERNELS.iter().chain(rotifer_kernels::reference::KERNELS);
        assert_eq!(native().count(), KERNELS.len());
        for kernel in KERNELS {
            let (_, run) = native().find(|(name, _)| *name == kernel.name).expect(kernel.name);
            for (n, checksum) in [kernel.small, kernel.large] {
                assert_eq!(run(n), checksum, "{} of {n}", kernel.name);
            }
        }
    }

    #[test]
    fn engines_agree_with_the_checksums() {
        for engine in engines::for_startup() {
            for kernel in KERNELS {
                let module = kernel.module().unwrap();
                let mut instance = engine.instantiate(&module).unwrap();
                let run = instance.export("run").unwrap();
                let (n, checksum) = kernel.small;
                // Twice: a kernel may leave nothing behind that changes its next result.
                for _ in 0..2 {
                    let result = instance.call(run, &[Value::I32(n)]).unwrap();
                    assert_eq!(result, Some(Value::I64(checksum)), "{} in {}", kernel.name, engine.name());
                }
            }
        }
    }
}
