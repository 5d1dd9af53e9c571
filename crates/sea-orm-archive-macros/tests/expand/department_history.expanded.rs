#[automatically_derived]
impl ::sea_orm_archive::History for Entity {
    type Identity = i64;
    type Time = DateTimeUtc;
    fn columns() -> ::sea_orm_archive::HistoryColumns<Self> {
        ::sea_orm_archive::HistoryColumns {
            identity: ::std::vec![Column::DepartmentId],
            valid_from: Column::ValidFrom,
            valid_to: Column::ValidTo,
            recorded_by: ::core::option::Option::Some(Column::RecordedBy),
            recorded: ::core::option::Option::Some(::sea_orm_archive::RecordedColumns {
                from: Column::RecordedFrom,
                to: Column::RecordedTo,
            }),
        }
    }
}
#[automatically_derived]
impl ::sea_orm_archive::Bitemporal for Entity {}
