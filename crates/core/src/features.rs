//! Which parts of WebAssembly a module may use.

macro_rules! features {
    ($( $(#[$doc:meta])* $name:ident = $default:literal ),* $(,)?) => {
        /// The proposals that a module may use. Validation refuses everything else.
        ///
        /// The default enables what is standardised and implemented here.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct Features {
            $( $(#[$doc])* pub $name: bool, )*
        }

        impl Features {
            /// The first version of WebAssembly and nothing else.
            pub const MVP: Self = {
                let mut features = Self { $( $name: false, )* };
                features.floats = true;
                features
            };

            /// Each feature's name and whether it is enabled, in the order of declaration.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, bool)> {
                [$( (stringify!($name), self.$name), )*].into_iter()
            }
        }

        impl Default for Features {
            fn default() -> Self {
                Self { $( $name: $default, )* }
            }
        }
    };
}

features! {
    /// Floating-point types and operators. Off: a module that names `f32` or `f64` anywhere is invalid.
    floats = true,
    /// Import and export of mutable globals.
    mutable_global = true,
    /// `i32.extend8_s` and its kin.
    sign_extension = true,
    /// `i32.trunc_sat_f32_s` and its kin.
    saturating_float_to_int = true,
    /// Blocks with parameters, functions and blocks with several results.
    multi_value = true,
    /// `memory.copy`, passive segments and their kin.
    bulk_memory = true,
    /// `externref`, several tables, `table.get` and its kin.
    reference_types = true,
    /// `return_call` and `return_call_indirect`.
    tail_call = true,
    /// Arithmetic in constant expressions.
    extended_const = true,
    /// More than one memory.
    multi_memory = true,
    /// Memories and tables with 64-bit addresses.
    memory64 = true,
    /// Memories whose pages are one byte.
    custom_page_sizes = false,
    /// `i64.add128` and its kin.
    wide_arithmetic = false,
}
