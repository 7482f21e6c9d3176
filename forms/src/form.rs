//! [`Form`]: a function that executes one op, and what it is called with.

use std::fmt::Write as _;

/// A function whose body executes the op after which it is called.
#[derive(Clone, Debug)]
pub struct Form {
    /// The op's name, which is also the name of the export.
    pub name: String,
    /// The parameters.
    pub params: Vec<Param>,
    /// Types of the results, separated by spaces.
    pub results: String,
    /// Types of locals behind the parameters: `$n` is an i32, `$r` has the type of the result, if there is one.
    pub locals: String,
    /// The instructions.
    pub body: String,
    /// Whether memories, tables or globals are others afterwards.
    pub writes: bool,
}

/// A parameter and values for it.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub ty: &'static str,
    /// The values.
    pub samples: &'static [u64],
}

pub(crate) const I32: &[u64] = &[0, 0xFFFF_FFFF, 1, 0x1234_5678, 0x8000_0000, 0x7FFF_FFFF];
pub(crate) const I64: &[u64] = &[0, u64::MAX, 1, 0x0123_4567_89AB_CDEF, 1 << 63, (1 << 63) - 1];
/// 0, -0, 1.5, -3e9, infinity, a NaN with a payload.
pub(crate) const F32: &[u64] = &[0, 0x8000_0000, 0x3FC0_0000, 0xCF32_D05E, 0x7F80_0000, 0x7FC0_0001];
/// The same.
pub(crate) const F64: &[u64] =
    &[0, 1 << 63, 0x3FF8 << 48, 0xC1E6_5A0B_C000_0000, 0x7FF0 << 48, 0x7FF8_0000_0000_0001];
/// Addresses in a memory of one page, at its end and behind it.
pub(crate) const ADDRESS: &[u64] = &[0, 8, 0xFFF0, 0xFFFA, 0x1_0000, 0xFFFF_FFFF];
/// Numbers that loops reach that count in steps of 2^30.
pub(crate) const QUARTERS: &[u64] = &[0, 0x4000_0000, 0x8000_0000, 0xC000_0000];

/// The same in i64, below and above 0.
pub(crate) const WIDE_QUARTERS: &[u64] =
    &[0, 0x4000_0000, 0x8000_0000, 0u64.wrapping_sub(0x4000_0000), 1 << 63];
/// What they count by.
pub(crate) const STEPS: &[u64] = &[0x4000_0000, 0u64.wrapping_sub(0x4000_0000)];

/// Values of a type.
pub(crate) fn samples(ty: &str) -> &'static [u64] {
    match ty {
        "i32" => I32,
        "i64" => I64,
        "f32" => F32,
        "f64" => F64,
        other => panic!("no samples of type {other}"),
    }
}

/// A parameter with the samples of its type.
pub(crate) fn param(name: &'static str, ty: &'static str) -> Param {
    Param { name, ty, samples: samples(ty) }
}

/// An i32 with these values.
pub(crate) fn param_of(name: &'static str, samples: &'static [u64]) -> Param {
    Param { name, ty: "i32", samples }
}

/// A constant of a type as text, one of its samples; not 0, which has ops of its own. The first ones leave no compare
/// with a constant without an operand for which it holds and one for which it does not.
pub(crate) fn constant(ty: &str, number: usize) -> String {
    let samples = samples(ty);
    let bits = samples[1 + number % (samples.len() - 1)];
    match ty {
        "f32" => match f32::from_bits(bits as u32) {
            nan if nan.is_nan() => "(f32.const nan)".to_owned(),
            float => format!("(f32.const {float:e})"),
        },
        "f64" => match f64::from_bits(bits) {
            nan if nan.is_nan() => "(f64.const nan)".to_owned(),
            float => format!("(f64.const {float:e})"),
        },
        "i32" => format!("(i32.const {bits:#x})"),
        _ => format!("(i64.const {bits:#x})"),
    }
}

/// The value of a local, computed just now: it is in the accumulator.
pub(crate) fn computed(ty: &str, local: &str) -> String {
    match ty {
        // No op does the work of these and another operator.
        "i32" => format!("(i32.rotr (local.get ${local}) (i32.const 0))"),
        "i64" => format!("(i64.rotr (local.get ${local}) (i64.const 0))"),
        _ => format!("({ty}.copysign (local.get ${local}) (local.get ${local}))"),
    }
}

impl Form {
    pub(crate) fn new(name: impl ToString, params: &[Param], results: &str, body: impl Into<String>) -> Self {
        let local = if results.contains(' ') || results.is_empty() { "i32" } else { results };
        Self {
            name: name.to_string(),
            params: params.to_vec(),
            results: results.to_owned(),
            locals: format!("(local $n i32) (local $r {local})"),
            body: body.into(),
            writes: false,
        }
    }

    /// A form that changes something.
    pub(crate) fn writing(self) -> Self {
        Self { writes: true, ..self }
    }

    /// A form without locals.
    pub(crate) fn bare(self) -> Self {
        Self { locals: String::new(), ..self }
    }

    /// The function in the text format.
    pub fn text(&self) -> String {
        let Self { name, results, locals, body, .. } = self;
        let mut params = String::new();
        for param in &self.params {
            write!(params, "(param ${} {})", param.name, param.ty).expect("strings take everything");
        }
        format!("(func ${name} (export {name:?}) {params} (result {results}) {locals}\n  {body})\n")
    }

    /// Lists of arguments: all combinations of two parameters; with more, every value of each.
    pub fn arguments(&self) -> Vec<Vec<u64>> {
        let lengths: Vec<usize> = self.params.iter().map(|param| param.samples.len()).collect();
        let rounds = lengths.iter().take(2).product();
        let argument = |round: usize, index: usize| {
            let samples = self.params[index].samples;
            let step = if index == 0 { round } else { round / lengths[0] + round * (index - 1) };
            samples[step % samples.len()]
        };
        (0..rounds).map(|round| (0..lengths.len()).map(|index| argument(round, index)).collect()).collect()
    }
}
