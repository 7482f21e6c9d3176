//! What can be seen of an execution, in terms that all engines share.

use std::fmt;

use crate::random::Random;

/// A value. References to functions are known by whether they are null, objects of the host by their number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    Func(bool),
    Extern(Option<u32>),
}

/// A type of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
    Func,
    Extern,
}

/// How many objects the host gives to a module.
pub const EXTERN_OBJECTS: u32 = 4;

impl Value {
    /// A value that is likely to be interesting.
    pub fn random(ty: Type, random: &mut Random) -> Self {
        let bits = random.bits();
        let int = |random: &mut Random| match random.below(8) {
            0..=2 => random.below(20) as i64 - 4,
            3 => {
                random.pick(&[i64::MIN, i64::MAX, i32::MIN.into(), i32::MAX.into(), 1 << 31, 1 << 32, 0xffff])
            }
            4 => 1i64.wrapping_shl(random.below(64) as u32).wrapping_sub(random.below(2) as i64),
            5 => random.below(0x1_0010) as i64,
            _ => bits as i64,
        };
        let float = |random: &mut Random| match random.below(8) {
            0 | 1 => random.below(20) as f64 - 4.0,
            2 => random.pick(&[
                0.0,
                -0.0,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN,
                f64::MIN_POSITIVE,
                f64::MAX,
            ]),
            3 => random.pick(&[
                2_147_483_647.0,
                2_147_483_648.0,
                -2_147_483_649.0,
                4_294_967_296.0,
                9_223_372_036_854_775_808.0,
                18_446_744_073_709_551_616.0,
                -0.9,
                0.5,
                1.5,
                2.5,
            ]),
            4 => (bits as i64 >> random.below(64)) as f64,
            _ => random.below(1_000_000) as f64 / 128.0 - 1000.0,
        };
        match ty {
            Type::I32 => Self::I32(int(random) as i32),
            Type::I64 => Self::I64(int(random)),
            Type::F32 if random.one_in(4) => Self::F32(bits as u32),
            Type::F32 => Self::F32((float(random) as f32).to_bits()),
            Type::F64 if random.one_in(4) => Self::F64(bits),
            Type::F64 => Self::F64(float(random).to_bits()),
            Type::Func => Self::Func(!random.one_in(3)),
            Type::Extern => {
                Self::Extern((!random.one_in(3)).then(|| random.below(EXTERN_OBJECTS.into()) as u32))
            }
        }
    }

    /// Whether two values are the same, or both are NaN where `nan_equal`.
    pub fn matches(&self, other: &Self, nan_equal: bool) -> bool {
        match (self, other) {
            (Self::F32(a), Self::F32(b)) if nan_equal => {
                a == b || (f32::from_bits(*a).is_nan() && f32::from_bits(*b).is_nan())
            }
            (Self::F64(a), Self::F64(b)) if nan_equal => {
                a == b || (f64::from_bits(*a).is_nan() && f64::from_bits(*b).is_nan())
            }
            _ => self == other,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::I32(value) => write!(f, "{value}i32"),
            Self::I64(value) => write!(f, "{value}i64"),
            Self::F32(bits) => write!(f, "{:?}f32({bits:#x})", f32::from_bits(bits)),
            Self::F64(bits) => write!(f, "{:?}f64({bits:#x})", f64::from_bits(bits)),
            Self::Func(some) => f.write_str(if some { "func" } else { "null func" }),
            Self::Extern(Some(number)) => write!(f, "extern {number}"),
            Self::Extern(None) => f.write_str("null extern"),
        }
    }
}

/// Why an execution ended early.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    Unreachable,
    Memory,
    /// Any access beyond the end of a table: engines differ in how finely they tell.
    Table,
    IndirectCallToNull,
    BadSignature,
    DivisionByZero,
    IntegerOverflow,
    BadConversion,
    /// Resources differ between engines.
    StackOverflow,
    OutOfFuel,
    /// The host function's error.
    Host,
    Other(String),
}

/// What a call gives.
pub type Outcome = Result<Vec<Value>, Stop>;

/// A call of a host function: which import, and with what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostCall {
    pub import: u32,
    pub params: Vec<Value>,
}

/// What the host does in a call of one of its functions, besides giving results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostAction {
    Nothing,
    Fail,
    /// Calls the export with this number modulo their count.
    Call(u32),
    /// Grows the first exported memory by a page.
    Grow,
    /// Writes to the first exported memory.
    Write(u32, u8),
}

/// Objects that host functions use. `calls` counts them, so that results change from call to call.
#[derive(Debug, Default)]
pub struct HostLog {
    pub seed: u64,
    pub calls: Vec<HostCall>,
    pub depth: u32,
}

impl HostLog {
    /// What this call of a host function does.
    pub fn enter(&mut self, import: u32, params: Vec<Value>) -> (HostAction, Random) {
        let mut random = Random::new(self.seed ^ u64::from(import) << 32 ^ self.calls.len() as u64);
        self.calls.push(HostCall { import, params });
        let action = match random.below(40) {
            0 => HostAction::Fail,
            1..=4 if self.depth < 2 => HostAction::Call(random.bits() as u32),
            5..=6 => HostAction::Grow,
            7..=9 => HostAction::Write(random.below(0x1_0000) as u32, random.bits() as u8),
            _ => HostAction::Nothing,
        };
        (action, random)
    }
}
