//! The bytes of a module: who owns them how long, and what their hash is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

use rotifer::{Engine, Instance, Linker, LoadMode, Module, SharedBytes, StableBytes, Store};

use super::{MODES, loading, wasm, with_threads};

/// Notes when it is dropped, and destroys its bytes then.
struct Noting {
    bytes: Box<[u8]>,
    dropped: Arc<AtomicUsize>,
    /// Where it is to be dropped.
    thread: ThreadId,
}

impl Noting {
    fn new(bytes: &[u8]) -> (Self, Arc<AtomicUsize>) {
        let dropped = Arc::new(AtomicUsize::new(0));
        (Self { bytes: bytes.into(), dropped: dropped.clone(), thread: thread::current().id() }, dropped)
    }
}

// SAFETY: I-BYTES: the bytes are changed only by `drop`.
unsafe impl StableBytes for Noting {
    fn stable_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        self.bytes.fill(0xFF);
        assert_eq!(thread::current().id(), self.thread);
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

fn f(store: &mut Store<()>, instance: Instance, name: &str) -> i32 {
    instance.get_typed_func::<i32, i32>(&*store, name).unwrap().call(store, 1).unwrap()
}

#[test]
fn owners_live_as_long_as_instances() {
    let bytes = wasm(
        r#"(module
            (memory 1) (data $passive "\07")
            (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 2)))
            (func (export "g") (param i32) (result i32)
                (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 1))
                (i32.load8_u (i32.const 0))))"#,
    );
    for mode in MODES.into_iter().chain([LoadMode::Background]) {
        let engine = Engine::default();
        let (owner, dropped) = Noting::new(&bytes);
        let module = Module::from_shared_with_mode(&engine, owner, mode).unwrap();
        assert_eq!(module.bytes(), bytes);
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let pre = Linker::new(&engine).instantiate_pre(&module).unwrap();
        drop(module);
        assert_eq!(f(&mut store, instance, "f"), 3);
        let other = pre.instantiate(&mut store).unwrap();
        drop(pre);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        // Translated, and copied, only now.
        assert_eq!((f(&mut store, other, "g"), f(&mut store, instance, "g")), (7, 7));
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(store);
        assert_eq!(dropped.load(Ordering::Relaxed), 1, "{mode:?}");
    }
}

#[test]
fn owners_of_modules_that_are_refused_are_dropped() {
    let engine = Engine::default();
    for mode in MODES {
        let (owner, dropped) = Noting::new(b"\0asm");
        Module::from_shared_with_mode(&engine, owner, mode).unwrap_err();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn owners_outlive_threads_that_validate() {
    let engine = with_threads(4, LoadMode::Background);
    for round in 0..10 {
        let (owner, dropped) = Noting::new(loading::large());
        let module = Module::from_shared(&engine, owner).unwrap();
        if round % 2 == 0 {
            drop(module);
        } else {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            drop(module);
            assert_eq!(dropped.load(Ordering::Relaxed), 0);
            let f3900 = instance.get_typed_func::<i32, i32>(&store, "f3900").unwrap();
            assert_eq!(f3900.call(&mut store, 1).unwrap(), 3901);
            drop(store);
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_mapping_is_used_as_it_is() {
    let engine = Engine::default();
    let bytes: Arc<Vec<u8>> =
        Arc::new(wasm(r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#));
    struct Mapping(Arc<Vec<u8>>);
    impl AsRef<[u8]> for Mapping {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    // SAFETY: I-BYTES: nobody changes the vector.
    let shared = unsafe { SharedBytes::from_mapped(Mapping(bytes.clone())) };
    assert!(format!("{shared:?}").starts_with("SharedBytes("));
    let modules = [shared.clone(), shared].map(|shared| Module::from_shared(&engine, shared).unwrap());
    for module in &modules {
        assert_eq!(module.bytes().as_ptr(), bytes.as_ptr());
    }
    drop(modules);
    assert_eq!(Arc::strong_count(&bytes), 1);
}

#[test]
fn modules_have_the_hash_of_their_bytes() {
    let engine = Engine::default();
    let (one, other) = (wasm("(module)"), wasm("(module (memory 1))"));
    for bytes in [&one, &other, &loading::large().to_vec()] {
        let expected: [u8; 32] = blake3::hash(bytes).into();
        for mode in MODES {
            let module = Module::new_with_mode(&engine, bytes, mode).unwrap();
            assert_eq!(module.hash(), expected);
            assert_eq!(module.clone().hash(), expected);
        }
    }
    let hash = |bytes| Module::new(&engine, bytes).unwrap().hash();
    assert_ne!(hash(&one), hash(&other));
}
