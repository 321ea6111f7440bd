(hasAllTokens(Content, {words:String}) OR ({words:String} != {words_escaped:String} AND hasAllTokens(Content, {words_escaped:String})))
            AND ({phrase:String} = '' OR positionCaseInsensitive(Content, {phrase:String}) > 0
                OR positionCaseInsensitive(Content, {phrase_quoted:String}) > 0
                OR positionCaseInsensitive(Content, {phrase_escaped:String}) > 0)
