//! Looking at errors and types in all ways that there are.

use rotifer::{Error, ErrorKind, Extern, ExternType, HostError, TrapCode, UnknownImport, WasmBacktrace};

/// The embedder's error.
#[derive(Debug)]
pub(super) struct Failure(pub(super) u64);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "failure {}", self.0)
    }
}

impl HostError for Failure {}

fn backtrace(backtrace: &WasmBacktrace) {
    for frame in backtrace.frames() {
        let _ = (frame.func_index(), frame.func_name(), frame.module_name(), frame.module_offset());
        let _ = format!("{frame} {frame:?}");
    }
    let _ = format!("{backtrace} {backtrace:?}");
}

/// Looks at an error and consumes it.
pub(super) fn error(mut error: Error) {
    let text = format!("{error} {error:?}");
    assert!(!text.is_empty());
    backtrace(error.backtrace());
    let code = error.as_trap_code();
    assert_eq!(error.required_fuel().is_some(), code == Some(TrapCode::OutOfFuel), "{error:?}");
    let _ = (error.i32_exit_status(), error.as_module_error().map(|error| format!("{error} {error:?}")));
    if let Some(Failure(number)) = error.downcast_mut::<Failure>() {
        *number ^= 1;
    }
    if let Some(unknown) = error.downcast_ref::<UnknownImport>() {
        let _ = format!("{} {} {unknown}", unknown.module(), unknown.name());
    }
    let kind = error.kind();
    let _ = (kind.as_host().map(|error| error.to_string()), kind.to_string(), kind.as_i32_exit_status());
    if error.required_fuel().is_some_and(|fuel| fuel % 2 == 0) {
        assert!(error.downcast::<Failure>().is_none(), "a trap is no error of the embedder");
        return;
    }
    match error.try_downcast::<Failure>() {
        Ok(Failure(_)) => {}
        Err(error) => match error.into_kind() {
            ErrorKind::Host(_) | ErrorKind::Suspend | ErrorKind::TrapCode(_) => {}
            kind => drop(kind),
        },
    }
}

/// Looks at a result; its error is consumed.
pub(super) fn result<T>(result: Result<T, Error>) -> Option<T> {
    result.map_err(error).ok()
}

/// Looks at an error, if it is one.
pub(super) fn done<T>(result: Result<T, Error>) {
    drop(self::result(result));
}

pub(super) fn frames(of: &WasmBacktrace) {
    backtrace(of);
}

/// Looks at a type.
pub(super) fn extern_type(ty: &ExternType) {
    let _ = format!("{ty} {ty:?}");
    match ty {
        ExternType::Func(ty) => {
            assert!(ty.param_slots() as usize >= ty.params().len());
            for ty in ty.params().iter().chain(ty.results()) {
                assert_ne!(ty.is_num(), ty.is_ref(), "{ty} is of one kind");
                assert!(ty.slots() > 0 && (!ty.is_float() || ty.is_num()));
            }
        }
        ExternType::Memory(ty) => {
            assert!(ty.check().is_ok() && ty.matches(ty), "{ty}");
            assert!(ty.minimum() <= ty.max_pages() && ty.max_pages() <= ty.page_limit(), "{ty}");
        }
        ExternType::Table(ty) => {
            assert!(ty.matches(ty) && ty.element().is_nullable(), "{ty}");
            let _ = ty.element().heap_type();
        }
        ExternType::Global(ty) => assert_eq!(ty.is_mutable(), ty.mutability() == rotifer::Mutability::Var),
    }
}

/// Takes an item for each of its kinds.
pub(super) fn extern_item(item: Extern) {
    let kinds = [
        item.into_func().is_some(),
        item.into_memory().is_some(),
        item.into_table().is_some(),
        item.into_global().is_some(),
    ];
    assert_eq!(kinds.iter().filter(|kind| **kind).count(), 1, "{item:?} is of one kind");
}
