//! Values: bits, types and defaults.

use rotifer::{F32, F64, Nullable, Ref, RefType, Val, ValType};

#[test]
fn floats_keep_their_bits() {
    let nan = F32::from_bits(0x7FA0_0001);
    assert_eq!(nan.to_bits(), 0x7FA0_0001);
    assert_eq!(nan, nan);
    assert_ne!(F64::from(0.0), F64::from(-0.0));
    assert_eq!(nan.to_string(), "NaN(0x7fa00001)");
    assert_eq!(F64::from(1.0).to_string(), "1.0");
    assert_eq!(f64::from(F64::from(0.1)), 0.1);
}

#[test]
fn values_know_their_types() {
    for ty in [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::FUNCREF, ValType::EXTERNREF] {
        assert_eq!(Val::default_for_ty(ty).ty(), ty);
    }
    assert_eq!(Val::from(3u32).i32(), Some(3));
    assert_eq!(Val::from(3u32).i64(), None);
    assert_eq!(Val::from(u64::MAX).i64(), Some(-1));
    assert_eq!(Val::from(1.5f32).f32(), Some(F32::from(1.5)));
    assert!(Ref::null(RefType::EXTERNREF).is_null());
    assert_eq!(<Nullable<u8>>::from(Some(1)), Nullable::Val(1));
    assert_eq!(<Option<u8>>::from(Nullable::<u8>::Null), None);
}
