Org = {org:String} AND TraceId = {trace_id:String} AND {{between}}
