//! How much code there can be for a body: the bound of docs/LIMITS.md, on bodies that try to break it and on modules
//! that exist.

use rotifer::{Config, Engine, LoadMode, Module};

/// Bytes of code and tables for each byte of a body: without metering, and with.
const PER_BYTE: [usize; 3] = [48, 56, 56];
/// And for each function.
const PER_FUNCTION: usize = 64;

const MODES: [&str; 3] = ["off", "interruptible", "fuel"];

fn engines() -> [Engine; 3] {
    [0, 1, 2].map(|mode| {
        let mut config = Config::new();
        config.interruptible(mode == 1).consume_fuel(mode == 2).load_mode(LoadMode::Eager);
        Engine::new(&config)
    })
}

/// A source of numbers that is the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

const I32: u8 = 0x7F;
const I64: u8 = 0x7E;

/// The types of all modules here; defined function number i has type i, and those behind have type 0.
const TYPES: [(&[u8], &[u8]); 8] = [
    (&[], &[]),
    (&[], &[I32; 60]),
    (&[], &[I64; 3]),
    (&[], &[I32; 3]),
    (&[I32; 3], &[I32; 3]),
    (&[], &[I64]),
    (&[], &[I32]),
    (&[I64; 5], &[I32; 5]),
];

fn leb(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn section(id: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    leb(content.len(), out);
    out.extend_from_slice(content);
}

/// A module of the helpers and one more function with this body (locals included).
fn module(body: &[u8]) -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    let mut types = vec![TYPES.len() as u8];
    for (params, results) in TYPES {
        types.push(0x60);
        for list in [params, results] {
            leb(list.len(), &mut types);
            types.extend_from_slice(list);
        }
    }
    section(1, &types, &mut wasm);
    let mut functions = vec![TYPES.len() as u8 + 1];
    functions.extend(0..TYPES.len() as u8);
    functions.push(0);
    section(3, &functions, &mut wasm);
    section(4, &[1, 0x70, 0, 1], &mut wasm);
    section(5, &[1, 0, 1], &mut wasm);
    section(6, &[1, I64, 1, 0x42, 0, 0x0B], &mut wasm);
    let mut code = vec![TYPES.len() as u8 + 1];
    for _ in TYPES {
        code.extend_from_slice(&[3, 0, 0x00, 0x0B]);
    }
    leb(body.len(), &mut code);
    code.extend_from_slice(body);
    section(10, &code, &mut wasm);
    wasm
}

/// The sizes of the bodies of a module.
fn bodies(wasm: &[u8]) -> Vec<usize> {
    fn read(bytes: &mut &[u8]) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }
    let mut rest = &wasm[8..];
    while let Some((&id, mut after)) = rest.split_first() {
        let size = read(&mut after);
        if id == 10 {
            let count = read(&mut after);
            let body = |_| {
                let size = read(&mut after);
                after = &after[size..];
                size
            };
            return (0..count).map(body).collect();
        }
        rest = &after[size..];
    }
    Vec::new()
}

/// Code and tables of a module, in bytes, and those of its bodies: all of it is translated.
fn measure(mode: usize, engine: &Engine, wasm: &[u8]) -> Option<(usize, usize, usize)> {
    let module = Module::new(engine, wasm).map_err(|error| println!("{error}")).ok()?;
    let memory = module.memory_usage();
    let sizes = bodies(wasm);
    assert_eq!(memory.functions, sizes.len());
    let (held, bytes) = (memory.code + memory.tables, sizes.iter().sum::<usize>());
    let bound = bytes * PER_BYTE[mode] + sizes.len() * PER_FUNCTION;
    assert!(
        held <= bound,
        "{}: {held} bytes for {} functions of {bytes} bytes: {bound} are allowed",
        MODES[mode],
        sizes.len()
    );
    Some((held, bytes, sizes.len()))
}

/// A frame of the body that is being written.
struct Frame {
    /// What a branch to it carries, and what it leaves.
    label: Vec<u8>,
    results: Vec<u8>,
    height: usize,
    /// The parameters of the second arm that is to come.
    second: Option<Vec<u8>>,
}

/// Writes a valid body at random, with a preference for some operators: the flavour.
struct Writer {
    random: Random,
    body: Vec<u8>,
    stack: Vec<u8>,
    frames: Vec<Frame>,
    /// How often each step is taken.
    flavour: Vec<usize>,
}

type Step = fn(&mut Writer) -> bool;

const STEPS: [Step; 16] = [
    Writer::constant,
    Writer::local_get,
    Writer::local_set,
    Writer::unary,
    Writer::binary,
    Writer::select,
    Writer::call,
    Writer::block,
    Writer::branch_if,
    Writer::branch,
    Writer::branch_table,
    Writer::leave,
    Writer::load,
    Writer::store,
    Writer::other,
    Writer::drop,
];

impl Writer {
    fn write(seed: u64, len: usize) -> Vec<u8> {
        let mut random = Random(seed);
        let flavour = (0..STEPS.len()).map(|_| [0, 1, 1, 2, 10, 50][random.below(6)]).collect();
        // Locals: 4 of each type.
        let body = vec![2, 4, I32, 4, I64];
        let function = Frame { label: Vec::new(), results: Vec::new(), height: 0, second: None };
        let mut writer = Self { random, body, stack: Vec::new(), frames: vec![function], flavour };
        let total = writer.flavour.iter().sum::<usize>().max(1);
        let mut idle = 0;
        while writer.body.len() < len && idle < 100 {
            let mut at = writer.random.below(total);
            let chosen = writer.flavour.iter().position(|&weight| {
                let here = at < weight;
                at = at.saturating_sub(weight);
                here
            });
            idle = if STEPS[chosen.unwrap_or(0)](&mut writer) { 0 } else { idle + 1 };
        }
        while !writer.frames.is_empty() {
            writer.body.push(0x00);
            writer.end();
        }
        writer.body
    }

    /// The operands of the innermost frame.
    fn operands(&self) -> &[u8] {
        &self.stack[self.frames[self.frames.len() - 1].height..]
    }

    fn pop(&mut self, types: &[u8]) -> bool {
        let fits = self.operands().ends_with(types);
        if fits {
            self.stack.truncate(self.stack.len() - types.len());
        }
        fits
    }

    fn emit(&mut self, bytes: &[u8], results: &[u8]) -> bool {
        self.body.extend_from_slice(bytes);
        self.stack.extend_from_slice(results);
        true
    }

    fn is_full(&self) -> bool {
        self.stack.len() > 3_000
    }

    fn constant(&mut self) -> bool {
        let (code, ty) = [(0x41, I32), (0x42, I64)][self.random.below(2)];
        !self.is_full() && self.emit(&[code, 0x7F], &[ty])
    }

    fn local_get(&mut self) -> bool {
        let local = self.random.below(8) as u8;
        !self.is_full() && self.emit(&[0x20, local], &[if local < 4 { I32 } else { I64 }])
    }

    fn local_set(&mut self) -> bool {
        let (local, is_tee) = (self.random.below(8) as u8, self.random.below(3) > 0);
        let ty = [if local < 4 { I32 } else { I64 }];
        self.pop(&ty) && if is_tee { self.emit(&[0x22, local], &ty) } else { self.emit(&[0x21, local], &[]) }
    }

    fn unary(&mut self) -> bool {
        let all = [(0x45, I32, I32), (0x50, I64, I32), (0x67, I32, I32), (0xAC, I32, I64), (0xA7, I64, I32)];
        let (code, from, to) = all[self.random.below(all.len())];
        self.pop(&[from]) && self.emit(&[code], &[to])
    }

    fn binary(&mut self) -> bool {
        let all = [(0x6A, I32, I32), (0x6D, I32, I32), (0x7C, I64, I64), (0x80, I64, I64), (0x53, I64, I32)];
        let (code, from, to) = all[self.random.below(all.len())];
        self.pop(&[from, from]) && self.emit(&[code], &[to])
    }

    fn select(&mut self) -> bool {
        let ty = [I32, I64][self.random.below(2)];
        self.pop(&[ty, ty, I32]) && self.emit(&[0x1B], &[ty])
    }

    fn call(&mut self) -> bool {
        let callee = self.random.below(TYPES.len());
        let (params, results) = TYPES[callee];
        !self.is_full() && self.pop(params) && self.emit(&[0x10, callee as u8], results)
    }

    fn block(&mut self) -> bool {
        let (code, ty) = (0x02 + self.random.below(3) as u8, self.random.below(TYPES.len()));
        let (params, results) = TYPES[ty];
        let fits = self.operands().ends_with(&[params, if code == 4 { &[I32] } else { &[] }].concat());
        if !fits || self.frames.len() > 120 || ty == 1 {
            return false;
        }
        if code == 4 {
            self.pop(&[I32]);
        }
        self.pop(params);
        let label = if code == 3 { params } else { results };
        let height = self.stack.len();
        self.frames.push(Frame {
            label: label.into(),
            results: results.into(),
            height,
            second: (code == 4).then(|| params.into()),
        });
        self.emit(&[code, ty as u8], params)
    }

    /// The depths of all frames that the topmost operands fit.
    fn targets(&self) -> Vec<u8> {
        let depths = self.frames.iter().rev().zip(0u8..);
        depths.filter(|(frame, _)| self.operands().ends_with(&frame.label)).map(|(_, depth)| depth).collect()
    }

    fn branch_if(&mut self) -> bool {
        if !self.pop(&[I32]) {
            return false;
        }
        let targets = self.targets();
        // The function fits always, and carries nothing: prefer others.
        let depth = targets[self.random.below(targets.len())];
        self.emit(&[0x0D, depth], &[])
    }

    fn branch(&mut self) -> bool {
        if self.frames.len() < 3 {
            return false;
        }
        let targets = self.targets();
        let code = [0x0C, 0x0C, 0x0F, 0x00][self.random.below(4)];
        self.body.push(code);
        if code == 0x0C {
            let depth = targets[self.random.below(targets.len())];
            self.body.push(depth);
        }
        self.end()
    }

    fn branch_table(&mut self) -> bool {
        if self.frames.len() < 3 || !self.pop(&[I32]) {
            return false;
        }
        // All labels of one table carry the same: that of one frame that fits.
        let targets = self.targets();
        let last = targets[self.random.below(targets.len())];
        let label = |depth: u8| &self.frames[self.frames.len() - 1 - depth as usize].label;
        let mut labels: Vec<u8> =
            targets.iter().copied().filter(|&depth| label(depth) == label(last)).collect();
        if self.random.below(2) == 0 {
            labels.truncate(1 + self.random.below(8));
        }
        self.body.push(0x0E);
        leb(labels.len() - 1, &mut self.body);
        self.body.extend_from_slice(&labels);
        self.end()
    }

    /// Ends the innermost frame, or its first arm, in which nothing is reachable.
    fn end(&mut self) -> bool {
        let Some(mut frame) = self.frames.pop() else { return false };
        self.stack.truncate(frame.height);
        if let Some(params) = frame.second.take() {
            self.frames.push(frame);
            return self.emit(&[0x05], &params);
        }
        self.stack.extend_from_slice(&frame.results);
        self.body.push(0x0B);
        true
    }

    /// Ends a frame whose operands are its results.
    fn leave(&mut self) -> bool {
        let frame = &self.frames[self.frames.len() - 1];
        self.frames.len() > 1 && *self.operands() == frame.results[..] && self.end()
    }

    fn load(&mut self) -> bool {
        self.pop(&[I32]) && self.emit(&[0x29, 3, 0], &[I64])
    }

    fn store(&mut self) -> bool {
        self.pop(&[I32, I64]) && self.emit(&[0x37, 3, 0], &[])
    }

    fn other(&mut self) -> bool {
        match self.random.below(4) {
            0 => self.emit(&[0x3F, 0], &[I32]),
            1 => self.emit(&[0x23, 0], &[I64]),
            2 => self.pop(&[I64]) && self.emit(&[0x24, 0], &[]),
            _ => self.pop(&[I32]) && self.emit(&[0x25, 0, 0xD1], &[I32]),
        }
    }

    fn drop(&mut self) -> bool {
        let Some(&ty) = self.operands().last() else { return false };
        self.pop(&[ty]) && self.emit(&[0x1A], &[])
    }
}

/// Many nested blocks of three results, and branches to all of them that carry values from elsewhere.
fn branches(table: bool) -> Vec<u8> {
    let mut body = vec![0];
    for _ in 0..120 {
        // A value below keeps the results from being where they are needed.
        body.extend_from_slice(&[0x02, 3]);
    }
    for _ in 0..200 {
        if table {
            body.extend_from_slice(&[0x02, 0, 0x10, 1, 0x0E]);
            leb(119, &mut body);
            body.extend(1..=120);
            body.push(0x0B);
        } else {
            body.extend_from_slice(&[0x02, 0, 0x10, 1]);
            (0..56).for_each(|_| body.extend_from_slice(&[0x0D, 5]));
            body.extend_from_slice(&[0x00, 0x0B]);
        }
    }
    for _ in 0..120 {
        body.extend_from_slice(&[0x00, 0x0B]);
    }
    body.extend_from_slice(&[0x00, 0x0B]);
    body
}

/// How much the bodies of this test come to in the worst case, in bytes a byte.
fn worst(mode: usize, engine: &Engine, bodies: impl Iterator<Item = Vec<u8>>) -> (f64, usize) {
    let helpers = measure(mode, engine, &module(&[0, 0x0B])).expect("the helpers are valid").0;
    let (mut worst, mut valid) = (0.0_f64, 0);
    for body in bodies {
        let Some((held, ..)) = measure(mode, engine, &module(&body)) else { continue };
        valid += 1;
        worst = worst.max((held - helpers) as f64 / body.len() as f64);
    }
    (worst, valid)
}

#[test]
fn code_of_bodies_that_are_made_to_be_large_is_bounded() {
    for (mode, engine) in engines().iter().enumerate() {
        for table in [false, true] {
            let (ratio, valid) = worst(mode, engine, [branches(table)].into_iter());
            assert_eq!(valid, 1);
            println!("{}: branches, table {table}: {ratio:.1} bytes a byte", MODES[mode]);
        }
        let count = std::env::var("ROTIFER_CODE_BOUND").map_or(1_500, |count| count.parse().unwrap());
        let bodies = (0..count).map(|seed| Writer::write(seed, if seed % 2 == 0 { 400 } else { 4_000 }));
        let (ratio, valid) = worst(mode, engine, bodies);
        println!("{}: {valid} random bodies: at most {ratio:.1} bytes a byte", MODES[mode]);
        assert_eq!(valid as u64, count, "the writer writes valid bodies");
    }
}

/// By hand: `ROTIFER_MODULES=folder:folder cargo test --release -p rotifer --test code_bound -- --ignored --nocapture`
#[test]
#[ignore = "needs modules"]
fn code_of_real_modules() {
    let folders = std::env::var("ROTIFER_MODULES").expect("folders in ROTIFER_MODULES");
    let mut sums = [(0, 0); 3];
    for folder in folders.split(':') {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
        paths.sort();
        for path in paths {
            let wasm = std::fs::read(&path).unwrap();
            print!("{:40}", path.file_stem().unwrap().to_string_lossy());
            for (mode, engine) in engines().iter().enumerate() {
                let Some((held, bytes, functions)) = measure(mode, engine, &wasm) else { continue };
                sums[mode] = (sums[mode].0 + held, sums[mode].1 + bytes);
                if mode == 0 {
                    print!(" {functions:6} functions of {bytes:9} bytes:");
                }
                print!("  {} {:.2}", MODES[mode], held as f64 / bytes as f64);
            }
            println!();
        }
    }
    for (name, (held, bytes)) in MODES.iter().zip(sums) {
        println!("all, {name}: {:.2} bytes a byte", held as f64 / bytes as f64);
    }
}

/// The values of a table with many labels move by another way than those of a small one: both arrive.
#[test]
fn tables_of_branches_carry_their_values() {
    for (labels, values) in [("$a $b $c $d 4 $d", "6"), ("$a $b $c $d", "4")] {
        let text = format!(
            r#"(module (func (export "f") (param i32) (result i32 i32)
                (block $a (result i32 i32)
                  (i32.const 100)
                  (block $b (result i32 i32)
                    (i32.const 200)
                    (block $c (result i32 i32)
                      (i32.const 300)
                      (block $d (result i32 i32)
                        (br_table {labels} (local.get 0) (i32.const {values}) (local.get 0)))
                      (i32.add))
                    (i32.add))
                  (i32.add))))"#
        );
        for (mode, engine) in engines().iter().enumerate() {
            let mut store = rotifer::Store::new(engine, ());
            if MODES[mode] == "fuel" {
                store.set_fuel(1_000_000).unwrap();
            }
            let module = Module::new(engine, wat::parse_str(&text).unwrap()).unwrap();
            let instance = rotifer::Instance::new(&mut store, &module, &[]).unwrap();
            let f = instance.get_typed_func::<i32, (i32, i32)>(&store, "f").unwrap();
            let second: i32 = values.parse().unwrap();
            for index in 0..8 {
                let expected = match index {
                    0 => (index, second),
                    1 => (100, index + second),
                    2 => (100, 200 + index + second),
                    4 if second == 6 => (index, second),
                    _ => (100, 200 + 300 + index + second),
                };
                assert_eq!(f.call(&mut store, index).unwrap(), expected, "{labels}, {index}");
            }
        }
    }
}
