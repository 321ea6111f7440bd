SELECT DISTINCT Org, TraceId FROM {{table}} WHERE TraceId != '' AND {{due}}
