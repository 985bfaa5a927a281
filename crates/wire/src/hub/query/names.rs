use provost_model::query::{Aggregate, Function};

const FUNCTIONS: [(&str, Function); 28] = [
    ("IS_DEFINED", Function::IsDefined),
    ("ARRAY_CONTAINS", Function::ArrayContains),
    ("STARTSWITH", Function::StartsWith),
    ("ENDSWITH", Function::EndsWith),
    ("CONTAINS", Function::Contains),
    ("SUBSTRING", Function::Substring),
    ("LENGTH", Function::Length),
    ("CONCAT", Function::Concat),
    ("LOWER", Function::Lower),
    ("UPPER", Function::Upper),
    ("INDEX_OF", Function::IndexOf),
    ("IS_ARRAY", Function::IsArray),
    ("IS_BOOL", Function::IsBool),
    ("IS_NULL", Function::IsNull),
    ("IS_NUMBER", Function::IsNumber),
    ("IS_OBJECT", Function::IsObject),
    ("IS_PRIMITIVE", Function::IsPrimitive),
    ("IS_STRING", Function::IsString),
    ("ABS", Function::Abs),
    ("CEILING", Function::Ceiling),
    ("EXP", Function::Exp),
    ("FLOOR", Function::Floor),
    ("POWER", Function::Power),
    ("SIGN", Function::Sign),
    ("SQRT", Function::Sqrt),
    ("SQUARE", Function::Square),
    // As some pages spell them.
    ("STARTS_WITH", Function::StartsWith),
    ("ENDS_WITH", Function::EndsWith),
];

const AGGREGATES: [(&str, Aggregate); 5] = [
    ("COUNT", Aggregate::Count),
    ("AVG", Aggregate::Avg),
    ("SUM", Aggregate::Sum),
    ("MIN", Aggregate::Min),
    ("MAX", Aggregate::Max),
];

pub(super) fn function(word: &str) -> Option<Function> {
    let mut rows = FUNCTIONS.iter();
    rows.find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, function)| *function)
}

pub(super) fn function_name(function: Function) -> &'static str {
    let mut rows = FUNCTIONS.iter();
    rows.find(|(_, other)| *other == function)
        .map_or("", |(name, _)| name)
}

pub(super) fn aggregate(word: &str) -> Option<Aggregate> {
    let mut rows = AGGREGATES.iter();
    rows.find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, aggregate)| *aggregate)
}

pub(super) fn aggregate_name(aggregate: Aggregate) -> &'static str {
    let mut rows = AGGREGATES.iter();
    rows.find(|(_, other)| *other == aggregate)
        .map_or("", |(name, _)| name)
}
