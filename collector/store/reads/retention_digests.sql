mapUpdate(Texts, CAST(mapFromArrays(
        arrayMap(t -> t.1, {{texts}}),
        arrayMap(t -> [CAST(substring(SHA256(t.2), 1, 16), 'FixedString(16)')], {{texts}})
    ), 'Map(LowCardinality(String), Array(FixedString(16)))'))
