//! Names of operators, for people.

use wasmparser::Operator;

macro_rules! define_names {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        /// The operator's name as in the text format, but with underscores for dots.
        pub(crate) fn of(operator: &Operator<'_>) -> &'static str {
            let name = match operator {
                $( Operator::$op { .. } => stringify!($visit), )*
                _ => "visit_unknown",
            };
            name.trim_start_matches("visit_")
        }
    };
}

wasmparser::for_each_operator!(define_names);
