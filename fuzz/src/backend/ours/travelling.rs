//! Suspended calls that become bytes, go on a little in an instance of another engine, and come back.

use rotifer::{
    AsContextMut, CallError, Error, ErrorKind, Extern, ExternType, Func, Global, Instance, Linker, Memory,
    Module, Mutability, Ref, ResumableCall, Snapshot, SnapshotError, Store, StoreContextMut, SuspendReason,
    SuspendedCall, Table, Val,
};

use super::{Data, steps};

/// So much is executed elsewhere at most.
const MOST_STEPS: u32 = 3;

/// Perhaps has a call travel to another engine and back, as bytes. Nothing of this must show.
pub(super) fn travel(
    ctx: &mut StoreContextMut<'_, Data>,
    call: SuspendedCall,
) -> Result<SuspendedCall, Error> {
    let Some((module, instance, more)) = steps::travels(ctx) else { return Ok(call) };
    let snapshot = match instance.snapshot_with_calls(&mut *ctx, &[&call]) {
        Ok(snapshot) => snapshot,
        Err(error) if is_possible(&error) => return Ok(call),
        Err(error) => return Err(Error::new(format!("a call cannot travel: {error}"))),
    };
    drop(call);
    if let (Ok(left), Some(more)) = (ctx.get_fuel(), more) {
        steps::grant(ctx, left.saturating_add(more));
    }
    let fuel = ctx.get_fuel().ok();
    let home = |text: &str, error: Error| Error::new(format!("{text}: {error}"));
    let arrived = through_bytes(&module, &snapshot)?;
    let (snapshot, spent) = match Elsewhere::new(&module, &arrived, fuel) {
        Some(elsewhere) if more.is_some() => elsewhere.go_on()?,
        _ => (arrived, 0),
    };
    if let Some(fuel) = fuel {
        ctx.set_fuel(fuel - spent)?;
    }
    instance.restore(&mut *ctx, &snapshot).map_err(|error| home("back", error))?;
    let mut calls = instance.restore_calls(&mut *ctx, &snapshot).map_err(|error| home("back", error))?;
    let call = calls.remove(0);
    let again = instance.snapshot_with_calls(&mut *ctx, &[&call]).map_err(|error| home("again", error))?;
    if again.state().calls != snapshot.state().calls {
        let (a, b) = (&snapshot.state().calls, &again.state().calls);
        return Err(Error::new(format!("a call has become another one: {a:?}; {b:?}")));
    }
    if matches!(call.reason(), SuspendReason::OutOfFuel { .. }) {
        steps::grant(ctx, 0);
    }
    Ok(call)
}

/// Not every call can be part of a snapshot.
fn is_possible(error: &Error) -> bool {
    let ErrorKind::Snapshot(error) = error.kind() else { return false };
    matches!(
        error,
        SnapshotError::UnreachableImport { .. }
            | SnapshotError::ExternRef { .. }
            | SnapshotError::Call {
                error: CallError::OtherInstance
                    | CallError::HostFuncNotImported
                    | CallError::Returned
                    | CallError::HostError,
                ..
            }
    )
}

fn through_bytes(module: &Module, snapshot: &Snapshot) -> Result<Snapshot, Error> {
    let bytes = snapshot.serialize();
    let arrived = Snapshot::deserialize(module, &bytes).map_err(|error| {
        Error::new(format!("bytes of a snapshot are refused: {error}; {:?}", snapshot.state().calls))
    })?;
    if arrived.serialize() != bytes || arrived.state_hash() != snapshot.state_hash() {
        return Err(Error::new("a snapshot has changed on its way"));
    }
    Ok(arrived)
}

/// An instance in another engine with a call.
struct Elsewhere {
    store: Store<()>,
    instance: Instance,
    call: SuspendedCall,
    granted: Option<u64>,
}

impl Elsewhere {
    /// None if immutable imports stand in the way, whose values are not part of a snapshot.
    fn new(module: &Module, snapshot: &Snapshot, fuel: Option<u64>) -> Option<Self> {
        let mut store = Store::new(module.engine(), ());
        let mut linker = Linker::new(module.engine());
        linker.allow_shadowing(true);
        for import in module.imports() {
            let item: Extern = match import.ty() {
                ExternType::Func(ty) => {
                    Func::new(&mut store, ty.clone(), |_, _, _| Err(Error::suspend())).into()
                }
                ExternType::Global(ty) if ty.mutability() == Mutability::Const => return None,
                ExternType::Global(ty) => {
                    Global::new(&mut store, Val::default_for_ty(ty.content()), ty.mutability()).into()
                }
                ExternType::Memory(ty) => Memory::new(&mut store, *ty).ok()?.into(),
                ExternType::Table(ty) => Table::new(&mut store, *ty, Ref::null(ty.element())).ok()?.into(),
            };
            linker.define(import.module(), import.name(), item).ok()?;
        }
        let pre = linker.instantiate_pre(module).ok()?;
        let instance = snapshot.instantiate(&pre, &mut store).ok()?;
        let call = instance.restore_calls(&mut store, snapshot).ok()?.pop()?;
        if let Some(fuel) = fuel {
            store.set_fuel(fuel).ok()?;
        }
        Some(Self { store, instance, call, granted: fuel })
    }

    /// Goes on with what fuel there is. Gives where the call stands then, and what was spent.
    fn go_on(self) -> Result<(Snapshot, u64), Error> {
        let Self { mut store, instance, mut call, granted } = self;
        let look = |store: &mut Store<()>, call: &SuspendedCall| {
            let snapshot = instance.snapshot_with_calls(&mut *store, &[call])?;
            let spent = granted.map_or(Ok(0), |granted| Ok::<_, Error>(granted - store.get_fuel()?))?;
            Ok::<_, Error>((snapshot, spent))
        };
        let mut here = look(&mut store, &call)?;
        for _ in 0..MOST_STEPS {
            let can_go_on = match call.reason() {
                SuspendReason::OutOfFuel { required } => store.get_fuel()? >= required,
                SuspendReason::HostRequest => false,
                _ => true,
            };
            if !can_go_on {
                break;
            }
            let results = call.result_types(&store);
            let mut results: Vec<Val> = results.iter().map(|ty| Val::default_for_ty(*ty)).collect();
            // What ends elsewhere - returns or traps - ends at home. Calls of other functions than imports, and
            // references to those elsewhere, stay at home.
            let Ok(ResumableCall::Suspended(next)) = call.resume(store.as_context_mut(), &mut results) else {
                break;
            };
            let Ok(there) = look(&mut store, &next) else { break };
            (here, call) = (there, next);
        }
        Ok(here)
    }
}
