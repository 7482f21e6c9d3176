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

            /// Everything that is implemented here.
            pub const fn all() -> Self {
                Self { $( $name: true, )* }
            }

            fn switch(&mut self, name: &str) -> Option<&mut bool> {
                $(
                    if is_name(name, stringify!($name)) {
                        return Some(&mut self.$name);
                    }
                )*
                None
            }

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

/// Whether `name` is this field's, with underscores or hyphens.
fn is_name(name: &str, field: &str) -> bool {
    let underscored = name.bytes().map(|byte| if byte == b'-' { b'_' } else { byte });
    underscored.eq(field.bytes())
}

impl Features {
    /// Whether the feature of this name is enabled: `multi_value` or `multi-value`. `None` if there is no such
    /// feature.
    pub fn get(&self, name: &str) -> Option<bool> {
        self.iter().find(|(field, _)| is_name(name, field)).map(|(_, enabled)| enabled)
    }

    /// Enables or disables the feature of this name: `multi_value` or `multi-value`. Returns what it was before, or
    /// `None` if there is no such feature.
    pub fn set(&mut self, name: &str, enable: bool) -> Option<bool> {
        self.switch(name).map(|switch| core::mem::replace(switch, enable))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_go_by_their_names() {
        let mut features = Features::MVP;
        assert_eq!(features.get("multi-value"), Some(false));
        assert_eq!(features.set("multi-value", true), Some(false));
        assert_eq!(features.set("multi_value", true), Some(true));
        assert_eq!(features, Features { multi_value: true, ..Features::MVP });
        assert_eq!((features.get("gc"), features.set("", true)), (None, None));
        for (name, enabled) in Features::all().iter() {
            assert!(enabled);
            assert_eq!(features.set(name, true), Features { multi_value: true, ..Features::MVP }.get(name));
        }
        assert_eq!(features, Features::all());
    }
}
