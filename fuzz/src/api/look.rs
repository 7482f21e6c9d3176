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
    let _ = (error.kind().as_host().map(|error| error.to_string()), error.kind().to_string());
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
    if let ExternType::Func(ty) = ty {
        assert!(ty.param_slots() as usize >= ty.params().len());
        let _ = ty.results();
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
