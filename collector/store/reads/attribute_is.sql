SpanAttributes[{key_#:String}] = {value_#:String} OR ResourceAttributes[{key_#:String}] = {value_#:String}
            OR (Texts[{key_#:String}] = {{text_ids}} AND {value_#:String} != '')
