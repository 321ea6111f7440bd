maxIf(LandedAt, NOT Sealed) >= maxIf(LandedAt, Sealed)
