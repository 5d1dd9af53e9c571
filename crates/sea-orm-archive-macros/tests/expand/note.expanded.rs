#[automatically_derived]
impl ::sea_orm_archive::OptimisticLock for Entity {
    type LockVersion = i32;
    fn lock_version_column() -> Column {
        Column::Version
    }
    fn declared_archive() -> ::core::option::Option<
        ::sea_orm_archive::entity::Declaration,
    > {
        #[allow(unused_imports)]
        use ::sea_orm_archive::__private::NoArchive as _;
        ::sea_orm_archive::__private::Archive::<Self>::declaration()
    }
}
