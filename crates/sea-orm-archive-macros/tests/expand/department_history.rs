#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "department_history")]
#[history(identity = "department_id", recorded_by = "recorded_by", bitemporal)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub department_id: i64,
    pub name: String,
    pub valid_from: DateTimeUtc,
    pub valid_to: Option<DateTimeUtc>,
    pub recorded_by: Option<i64>,
    pub recorded_from: DateTimeUtc,
    pub recorded_to: Option<DateTimeUtc>,
}
