"""What a function may compute in place of a gradient: variants of a layer's own formulas, and values to tell them by.

`formulas` has a gradient's formulas as trees, `observed` what they are worth on the data of an observation, `variant`
what a variant is. The families: `cuts`, `edited`, `summed`, `parameters`, `quantities`, `arranged`, `other_layers`; and
`pairs` for two edits at once.
"""
