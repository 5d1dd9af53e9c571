#[automatically_derived]
impl ::sea_orm_archive::DeclaresPersonalData for Entity {
    fn personal_data() -> ::std::vec::Vec<::sea_orm_archive::PersonalData> {
        ::std::vec![
            ::sea_orm_archive::PersonalData::of_relation(::sea_orm_archive::__private::sea_orm::RelationTrait::def(&
            Relation::Sender)).constant("subject", "[erased]").null("signature")
            .identifying(["subject"]),
            ::sea_orm_archive::PersonalData::of_relation(::sea_orm_archive::__private::sea_orm::RelationTrait::def(&
            Relation::Recipient)).constant("subject", "[erased]")
            .identifying(["subject"])
        ]
    }
}
